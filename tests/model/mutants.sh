#!/bin/sh
# mutants.sh BUILD: plants each bug of tests/model/mutants in a copy of the tree, and shows that the
# model test finds it. Fails where one lives.
set -eu

build=$1
lived=0
caught=0
for patch in tests/model/mutants/*.patch; do
	name=$(basename "$patch" .patch)
	tree=$build/mutants/$name
	rm -rf "$tree"
	mkdir -p "$tree"
	git ls-files -z | tar --null -T - -cf - | tar -xf - -C "$tree"
	patch -s -p1 -d "$tree" <"$patch"
	make -s -C "$tree" BUILD=build build/model_test
	if "$tree/build/model_test" --seconds 120 --count 100000 >"$build/mutants/$name.log" 2>&1; then
		echo "$name: lives"
		lived=$((lived + 1))
	else
		echo "$name: caught: $(grep -m1 '^seed' "$build/mutants/$name.log")"
		caught=$((caught + 1))
	fi
	rm -rf "$tree"
done
echo "$caught caught, $lived lived"
[ "$lived" -eq 0 ] && [ "$caught" -gt 0 ]
