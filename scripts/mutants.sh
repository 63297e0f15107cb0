#!/usr/bin/env bash
# Tests the tests: applies each patch of integration-tests/mutants to a copy of the tree and demands
# that the test which the patch names turns red. A patch that no longer applies or no longer
# compiles fails the script, and so does a named test that is not green without it.
#
# scripts/mutants.sh [NAME...]   only these patches; a name may be a pattern
#
# The first lines of a patch say what it breaks and which test must see it:
#   # breaks: the acknowledgement comes before the send
#   # test: -p hybridge route::tests::settles_after_the_send
. "$(dirname "$0")/lib.sh"

names=("$@")
[ "$#" -gt 0 ] || names=('*')
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z --cached --others --exclude-standard |
  while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
  tar --null --files-from=- --create | tar --extract --directory "$copy"
patches=$PWD/integration-tests/mutants
export CARGO_TARGET_DIR=$CARGO_TARGET_DIR/mutants CARGO_PROFILE_DEV_DEBUG=0
cd "$copy"
git init --quiet

killed=0
failed=0
green=" "

fail() {
  echo "FAILED  $1: $2"
  failed=$((failed + 1))
}

selected=()
for name in "${names[@]}"; do
  for patch in "$patches"/$name.patch; do
    [ -e "$patch" ] && selected+=("$patch")
  done
done

for patch in "${selected[@]}"; do
  name=$(basename "$patch" .patch)
  line=$(sed -n 's/^# test: //p' "$patch" | head -n 1)
  if [ -z "$line" ]; then
    fail "$name" "names no test"
    continue
  fi
  read -r -a test <<<"$line"
  if [[ $green != *" $line "* ]]; then
    if ! cargo test --quiet "${test[@]}" >"$name.log" 2>&1; then
      tail -n 20 "$name.log"
      fail "$name" "its test is not green without it: $line"
      continue
    fi
    green="$green$line "
  fi
  if ! git apply --whitespace=nowarn "$patch" 2>"$name.log"; then
    cat "$name.log"
    fail "$name" "no longer applies"
    continue
  fi
  if ! cargo test --quiet --no-run "${test[@]}" >"$name.log" 2>&1; then
    tail -n 20 "$name.log"
    fail "$name" "no longer compiles"
  elif timeout 300 cargo test --quiet "${test[@]}" >"$name.log" 2>&1; then
    fail "$name" "survived: $line"
  else
    echo "killed  $name"
    killed=$((killed + 1))
  fi
  git apply --whitespace=nowarn --reverse "$patch"
done

echo "$killed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$killed" -gt 0 ]
