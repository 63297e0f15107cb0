#!/usr/bin/env bash
# Installs what the tests need and runs every test.
#
#   scripts/test.sh [--full] [--fuzz]
#
# --fuzz   then also a minute of fuzzing for each parser of bytes of other systems (scripts/fuzz.sh).
# --full   then also what takes long, about an hour more: tests at their full size, a target that stands still for ten
#          minutes, chaos runs of every route between brokers, and the mutants that need a broker.
. "$(dirname "$0")/lib.sh"

full=no
fuzz=no
for option in "$@"; do
  case $option in
    --full) full=yes ;;
    --fuzz) fuzz=yes ;;
    *)
      echo "usage: scripts/test.sh [--full] [--fuzz]" >&2
      exit 64
      ;;
  esac
done

need_compilers
need strace strace
need mount mount
need unshare util-linux
need curl curl
scripts/install-brokers.sh
scripts/install-clients.sh

passed=0
failed=0
step() {
  local name=$1
  shift
  say "$name"
  if "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $name"
  fi
}

# With the binary that was built with the tests: they would build it again, with the features that it alone needs.
every_test() {
  HYBRIDGE_BIN=$(realpath "$CARGO_TARGET_DIR")/debug/hybridge cargo test --quiet --workspace --no-fail-fast
}

features_alone() {
  local feature features
  mapfile -t features < <(sed -n '/^\[features\]/,/^\[/s/^\([a-z][a-z0-9]*\) = .*/\1/p' connectors/Cargo.toml | grep -v '^default$')
  [ "${#features[@]}" -ge 4 ] || return 1
  cargo check --quiet -p hybridge-connectors --no-default-features || return 1
  for feature in "${features[@]}"; do
    echo "  $feature"
    cargo check --quiet -p hybridge-connectors --no-default-features --features "$feature" || return 1
    case $feature in
      testing) ;;
      *) cargo check --quiet -p hybridge --no-default-features --features "$feature" || return 1 ;;
    esac
  done
}

# Without instruments: that they build, and that none of the seeds breaks one.
fuzz_targets() {
  cargo fmt --manifest-path fuzz/Cargo.toml --check &&
    cargo clippy --quiet --locked --manifest-path fuzz/Cargo.toml --all-targets -- -D warnings &&
    cargo test --quiet --locked --manifest-path fuzz/Cargo.toml
}

scripts_are_clean() {
  if ! command -v shellcheck >/dev/null 2>&1; then
    echo "shellcheck is not installed: only the syntax is checked"
    bash -n scripts/*.sh .ci/run
    return
  fi
  shellcheck --shell=bash --external-sources --source-path=SCRIPTDIR scripts/*.sh .ci/run
}

# in_full TARGET TEST...: with the release build, one after the other.
in_full() {
  local target=$1
  shift
  HYBRIDGE_FULL_SIZE=1 HYBRIDGE_BIN=$(realpath "$CARGO_TARGET_DIR")/release/hybridge \
    cargo test --quiet -p hybridge-integration-tests --test "$target" -- --nocapture --test-threads 1 "$@"
}

# The harness as the tests have built it, over the release build of the daemon.
chaos() {
  HYBRIDGE_BIN=$(realpath "$CARGO_TARGET_DIR")/release/hybridge "$CARGO_TARGET_DIR/debug/chaos" --route "$1" --runs 3 --seed 1
}

step "build" cargo test --quiet --workspace --no-run
step "every test of the workspace" every_test
step "what threads share, under the model checker" cargo test --quiet -p hybridge-core --features shuttle models
step "each connector alone" features_alone
step "fuzz targets" fuzz_targets
step "scripts" scripts_are_clean
step "release build" cargo build --quiet --release -p hybridge
for route in http-log log-http log-log file-log; do
  step "chaos $route" chaos "$route"
done
if [ "$fuzz" = yes ]; then
  step "fuzzing" scripts/fuzz.sh
fi
if [ "$full" = yes ]; then
  step "load and a full disk, at full size" in_full spine ledger_balances full_disk
  step "a target that stands still for ten minutes" in_full kafka stands_still
  for route in kafka-kafka kafka-jetstream jetstream-kafka kafka-amqp amqp-kafka jetstream-amqp http-kafka; do
    step "chaos $route" chaos "$route"
  done
  step "mutants" scripts/mutants.sh
  step "mutants that need a broker" scripts/mutants.sh --brokers
fi

echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
