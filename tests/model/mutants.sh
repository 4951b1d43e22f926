#!/bin/sh
# mutants.sh BUILD: plants each bug of tests/model/mutants in a copy of the tree, and shows that the
# model test finds it, with the seeds that find nothing in the tree as it is. A patch says in its
# head what it breaks.
set -eu

build=$1
seconds=${SECONDS_EACH:-20}
here=$PWD
case $build in /*) ;; *) build=$here/$build ;; esac

# model BINARY LOG: true where every history came as it should.
model() {
	"$1" --seconds "$seconds" --count 1000000 >"$2" 2>&1
}

caught=0
failed=0
make -s "$build/model_test" BUILD="$build"
mkdir -p "$build/mutants"
if ! model "$build/model_test" "$build/mutants/none.log"; then
	echo "nothing is shown: the tree as it is fails too: $build/mutants/none.log"
	exit 1
fi
for patch in tests/model/mutants/*.patch; do
	name=$(basename "$patch" .patch)
	tree=$build/mutants/$name
	log=$build/mutants/$name.log
	rm -rf "$tree"
	mkdir -p "$tree"
	git ls-files -z | tar --null -T - -cf - | tar -xf - -C "$tree"
	patch -s -p1 -d "$tree" <"$patch"
	make -s -C "$tree" BUILD=build build/model_test
	if model "$tree/build/model_test" "$log"; then
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
