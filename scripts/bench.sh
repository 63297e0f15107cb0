#!/usr/bin/env bash
# Measures the bridge against its limit programs, in processor seconds per million messages.
# scripts/bench.sh [--quick] [--only ROW]
. "$(dirname "$0")/lib.sh"

need_compilers
cargo build --quiet --release -p hybridge -p hybridge-integration-tests
# As it was built here: without this it would be built again, with the features that it alone needs.
HYBRIDGE_BIN=$(realpath "$CARGO_TARGET_DIR")/release/hybridge
export HYBRIDGE_BIN
exec "$CARGO_TARGET_DIR/release/bench" "$@"
