#!/bin/sh
# mutants.sh BUILD: plants each bug of tests/model/mutants in a copy of the tree, and shows that the
# model test finds it, with the seeds and the kinds of steps that find nothing in the tree as it is.
# A patch says in its head what it breaks, and after "without:" which kinds of steps are left out.
set -eu

build=$1
seconds=${SECONDS_EACH:-20}
here=$PWD
case $build in /*) ;; *) build=$here/$build ;; esac

# model BINARY WITHOUT LOG: true where every history came as it should.
model() {
	"$1" --seconds "$seconds" --count 1000000 --without "$2" >"$3" 2>&1
}

caught=0
failed=0
make -s "$build/model_test" BUILD="$build"
for patch in tests/model/mutants/*.patch; do
	name=$(basename "$patch" .patch)
	without=$(sed -n 's/^without: //p' "$patch")
	tree=$build/mutants/$name
	log=$build/mutants/$name.log
	rm -rf "$tree"
	mkdir -p "$tree"
	git ls-files -z | tar --null -T - -cf - | tar -xf - -C "$tree"
	patch -s -p1 -d "$tree" <"$patch"
	make -s -C "$tree" BUILD=build build/model_test
	if ! model "$build/model_test" "$without" "$log"; then
		echo "$name: not shown: the tree as it is fails too: $(grep -m1 -A1 '^seed' "$log")"
		failed=$((failed + 1))
	elif model "$tree/build/model_test" "$without" "$log"; then
		echo "$name: lives"
		failed=$((failed + 1))
	else
		echo "$name: caught by $(sed -n 's/^shortest: //p' "$log" | head -n 1)"
		caught=$((caught + 1))
	fi
	rm -rf "$tree"
done
echo "$caught caught, $failed failed"
[ "$failed" -eq 0 ] && [ "$caught" -gt 0 ]
