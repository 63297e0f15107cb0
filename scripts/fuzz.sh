#!/usr/bin/env bash
# Fuzzes what reads bytes of other systems: each target of `fuzz` for a while, under libFuzzer.
#
#   scripts/fuzz.sh [--seconds N] [NAME...]
#
# --seconds N   how long each target runs; 60 if not given
# NAME          only these targets
#
# Inputs begin with what the tables of cases and the documents of this tree show, and with the published cases where
# HYBRIDGE_CONFORMANCE names their folder. What is found on the way stays in the target folder, so that the next run goes
# on from there. A crash ends the target, fails the script, and leaves its input under the path that is shown.
#
# The layout is that of cargo-fuzz, for those who have a nightly compiler. Here the stable one does the same, but for
# AddressSanitizer, of which the code has no need: there is no unsafe in it.
. "$(dirname "$0")/lib.sh"

seconds=60
if [ "${1:-}" = --seconds ]; then
  seconds=$2
  shift 2
fi
targets=("$@")
if [ "${#targets[@]}" -eq 0 ]; then
  for file in fuzz/fuzz_targets/*.rs; do
    targets+=("$(basename "$file" .rs)")
  done
fi

need_compilers
host=$(rustc -vV | sed -n 's/^host: //p')
folder=$(realpath -m "$CARGO_TARGET_DIR")/fuzz
binaries=$folder/build/$host/release
mkdir -p "$folder/artifacts"

# With --target build scripts and macros are built without these.
instrumented=(
  --cfg fuzzing
  -Cpasses=sancov-module
  -Cllvm-args=-sanitizer-coverage-level=4
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
  -Cllvm-args=-sanitizer-coverage-pc-table
  -Cllvm-args=-sanitizer-coverage-trace-compares
  -Ccodegen-units=1
  -Cdebug-assertions
  -Coverflow-checks
)
say "building the targets"
RUSTFLAGS="${instrumented[*]}" CARGO_INCREMENTAL=0 cargo build --quiet --locked --release --bins \
  --manifest-path fuzz/Cargo.toml --target "$host" --target-dir "$folder/build"
cargo run --quiet --locked --manifest-path fuzz/Cargo.toml --example corpus -- \
  "$folder/seeds" integration-tests/tables/cases docs ${HYBRIDGE_CONFORMANCE:+"$HYBRIDGE_CONFORMANCE"}

failed=()
for target in "${targets[@]}"; do
  say "fuzzing $target for $seconds s"
  mkdir -p "$folder/corpus/$target"
  "$binaries/$target" "$folder/corpus/$target" "$folder/seeds" \
    -artifact_prefix="$folder/artifacts/$target-" -dict=fuzz/words.dict -max_total_time="$seconds" \
    -max_len=8192 -timeout=10 -rss_limit_mb=1024 >"$folder/$target.log" 2>&1 || failed+=("$target")
  grep -aE '^#[0-9]+[[:space:]]+(INITED|DONE)' "$folder/$target.log" || true
  grep -aE -A3 'panicked at|ERROR: libFuzzer|Test unit written' "$folder/$target.log" || true
done

echo
echo "${#targets[@]} targets, ${#failed[@]} failed: ${failed[*]:-}"
[ "${#failed[@]}" -eq 0 ]
