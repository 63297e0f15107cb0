#!/usr/bin/env bash
# Tests the tests: applies each patch of integration-tests/mutants to a copy of the tree and demands
# that the test which the patch names turns red. A patch that no longer applies or no longer
# compiles fails the script, and so does a named test that is not green without it or is not there.
#
# scripts/mutants.sh [--brokers] [--part K/N] [NAME...]   only these patches; a name may be a pattern
#
# With `--part 0/3` every third patch is tried, from the first on; all must apply.
#
# A patch may name a test of the integration tests, which runs brokers and the daemon and takes longer: such are tried with
# `--brokers` alone, in a target folder of their own, since they leave a daemon behind that is broken. Without it they must
# apply.
#
# The first lines of a patch say what it breaks and which test must see it:
#   # breaks: the acknowledgement comes before the send
#   # test: -p hybridge --lib route::tests::settles_after_the_send
#
# The copy stays in the target folder, so that a later run builds only what changed. It shares the
# built dependencies with the tree; that is safe because a library's tests leave no binary behind.
. "$(dirname "$0")/lib.sh"

need_compilers

kind=--lib
part=0/1
if [ "${1:-}" = --brokers ]; then
  kind=--test
  shift
  scripts/install-brokers.sh
fi
if [ "${1:-}" = --part ]; then
  part=$2
  shift 2
fi
names=("$@")
[ "$#" -gt 0 ] || names=('*')
patches=$PWD/integration-tests/mutants
export CARGO_TARGET_DIR CARGO_INCREMENTAL=1 CARGO_PROFILE_DEV_DEBUG=0
# A mutant that is killed today is killed tomorrow, by the cases that are kept too; and nobody wants its failure made small.
export PROPTEST_RNG_SEED=1 PROPTEST_MAX_SHRINK_ITERS=0
CARGO_TARGET_DIR=$(mkdir -p "$CARGO_TARGET_DIR" && cd "$CARGO_TARGET_DIR" && pwd)
copy=$CARGO_TARGET_DIR/mutants
log=$CARGO_TARGET_DIR/mutants.log
if [ "$kind" = --test ]; then
  unset HYBRIDGE_BIN
  copy=$CARGO_TARGET_DIR/mutants-brokers/tree
  CARGO_TARGET_DIR=$CARGO_TARGET_DIR/mutants-brokers
fi

# Files that are the same keep their time, so that cargo does not build them again.
mirror() {
  local file
  mkdir -p "$copy"
  git ls-files -z --cached --others --exclude-standard >"$copy.files"
  while IFS= read -r -d '' file; do
    [ -e "$file" ] || continue
    cmp --silent "$file" "$copy/$file" && continue
    mkdir -p "$copy/$(dirname "$file")"
    cp "$file" "$copy/$file"
  done <"$copy.files"
  (cd "$copy" && find . -type f -not -path './.git/*' -printf '%P\0') | sort -z |
    comm -z -23 - <(while IFS= read -r -d '' file; do
      [ ! -e "$file" ] || printf '%s\0' "$file"
    done <"$copy.files" | sort -z) |
    (cd "$copy" && xargs -0 --no-run-if-empty rm -f)
}

mirror
cd "$copy"
# Without a repository of its own the one around it would decide which files a patch is for.
git init --quiet

killed=0
failed=0

fail() {
  echo "FAILED  $1: $2"
  failed=$((failed + 1))
}

# In the order of their tests: mutants of one package share what was built.
selected=()
number=0
while IFS=$'\t' read -r line patch; do
  if ! git apply --check --whitespace=nowarn "$patch"; then
    fail "$(basename "$patch" .patch)" "no longer applies"
  elif { [[ $line = *" --test "* ]] && [ "$kind" = --test ]; } || { [[ $line != *" --test "* ]] && [ "$kind" = --lib ]; }; then
    [ $((number % ${part#*/})) -ne $((${part%/*} % ${part#*/})) ] || selected+=("$patch")
    number=$((number + 1))
  fi
done < <(
  for name in "${names[@]}"; do
    for patch in "$patches"/$name.patch; do
      [ ! -e "$patch" ] || printf '%s\t%s\n' "$(sed -n 's/^# test: //p' "$patch" | head -n 1)" "$patch"
    done
  done | LC_ALL=C sort -u
)

# ran: whether the log says that at least one test was run.
ran() { grep -q '^test result: .* [1-9][0-9]* passed;' "$log"; }

declare -A green patience
for patch in "${selected[@]}"; do
  line=$(sed -n 's/^# test: //p' "$patch" | head -n 1)
  if [ -z "$line" ] || [ -n "${green[$line]:-}" ]; then continue; fi
  read -r -a test <<<"$line"
  if [[ " $line " != *" $kind "* ]]; then
    green[$line]="names a test outside a library"
    continue
  fi
  if ! cargo test --quiet --no-run "${test[@]}" >"$log" 2>&1; then
    tail -n 20 "$log"
    green[$line]="its test does not compile without it"
    continue
  fi
  started=$SECONDS
  if ! cargo test --quiet "${test[@]}" >"$log" 2>&1; then
    tail -n 20 "$log"
    green[$line]="its test is not green without it"
  elif ! ran; then
    green[$line]="there is no such test"
  else
    green[$line]=yes
    # A mutant may make its test wait for ever.
    patience[$line]=$((20 + 5 * (SECONDS - started)))
  fi
done
echo "${#green[@]} named tests were tried without a mutant ($SECONDS s)"

for patch in "${selected[@]}"; do
  name=$(basename "$patch" .patch)
  started=$SECONDS
  line=$(sed -n 's/^# test: //p' "$patch" | head -n 1)
  if [ -z "$line" ]; then
    fail "$name" "names no test"
    continue
  fi
  if [ "${green[$line]}" != yes ]; then
    fail "$name" "${green[$line]}: $line"
    continue
  fi
  read -r -a test <<<"$line"
  if ! git apply --whitespace=nowarn "$patch" 2>"$log"; then
    cat "$log"
    fail "$name" "no longer applies"
    continue
  fi
  if ! cargo test --quiet --no-run "${test[@]}" >"$log" 2>&1; then
    tail -n 20 "$log"
    fail "$name" "no longer compiles"
  elif timeout "${patience[$line]}" cargo test --quiet "${test[@]}" >"$log" 2>&1; then
    fail "$name" "survived: $line"
  else
    echo "killed  $name ($((SECONDS - started)) s)"
    killed=$((killed + 1))
  fi
  git apply --whitespace=nowarn --reverse "$patch"
done

echo "$killed passed, $failed failed ($SECONDS s)"
[ "$failed" -eq 0 ] && [ "$killed" -gt 0 ]
