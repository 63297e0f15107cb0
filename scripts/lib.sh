# What the scripts share: where the tree is, and packages that are installed only when missing.
# Sourced, not run.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

# need COMMAND PACKAGE...: installs the Debian packages when the command is missing.
need() {
  local command=$1
  shift
  command -v "$command" >/dev/null 2>&1 || install "$@"
}

# What the build needs beside Rust: the Kafka client is written in C and uses OpenSSL.
need_compilers() {
  need cc build-essential
  need c++ build-essential
  need pkg-config pkg-config
  pkg-config --exists openssl || install libssl-dev
}

# install PACKAGE...
install() {
  say "installing $*"
  local root=()
  [ "$(id -u)" -eq 0 ] || root=(sudo)
  "${root[@]}" apt-get update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

# Rust installed by rustup may not be on the path of this shell.
if ! command -v cargo >/dev/null 2>&1 && [ -f "$HOME/.cargo/env" ]; then
  # shellcheck source=/dev/null
  . "$HOME/.cargo/env"
fi
if ! command -v cargo >/dev/null 2>&1; then
  echo "cargo is missing: install Rust from https://rustup.rs" >&2
  exit 1
fi
