#!/usr/bin/env bash
# Installs the clients of other people that the tests write and read with: confluent-kafka, nats-py and pika, in an
# environment of their own. What is there already is left as it is.
#
# HYBRIDGE_CACHE   where they are kept between runs; default ~/.cache/hybridge
. "$(dirname "$0")/lib.sh"

clients=(confluent-kafka==2.12.2 nats-py==2.12.0 pika==1.3.2)
target=${HYBRIDGE_CACHE:-$HOME/.cache/hybridge}/clients-2
[ -e "$target/complete" ] && exit

need python3 python3
# The module is there without what it needs when the package is missing.
python3 -c 'import ensurepip' 2>/dev/null || install python3-venv
say "fetching ${clients[*]}"
rm -rf "$target"
python3 -m venv "$target"
"$target/bin/pip" install --quiet --disable-pip-version-check "${clients[@]}"
touch "$target/complete"
