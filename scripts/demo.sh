#!/usr/bin/env bash
# The main job on real input: several routes from HTTP into the embedded log, a subscriber that
# follows them, the daemon killed with SIGKILL in mid-stream, and the ledger at the end.
#
# scripts/demo.sh [EVENTS]   how many events; default 4000
. "$(dirname "$0")/lib.sh"

events=${1:-4000}
need_compilers
need curl curl

say "1. build"
# The same packages as scripts/test.sh builds, so that neither builds anew what the other has built.
cargo build --quiet --release -p hybridge -p hybridge-integration-tests
hybridge=$CARGO_TARGET_DIR/release/hybridge
"$hybridge" --version

work=$(mktemp -d)
export DATA=$work/data
export ORDERS_PORT=18080 SUBSCRIBE_PORT=18088 ADMIN_PORT=19090
admin=http://127.0.0.1:$ADMIN_PORT
topics=(orders objects readings)
children=()

cleanup() {
  local pid
  touch "$work/stop"
  for pid in "${children[@]}" $(cat "$work"/*.pid 2>/dev/null); do
    kill -9 "$pid" 2>/dev/null || true
  done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

start() {
  "$hybridge" run docs/examples/demo.yaml >>"$work/daemon.log" 2>&1 &
  daemon=$!
  children+=("$daemon")
  local tries=0
  until curl -fs "$admin/health/ready" >/dev/null; do
    tries=$((tries + 1))
    if [ "$tries" -gt 200 ] || ! kill -0 "$daemon" 2>/dev/null; then
      echo "hybridge did not become ready:"
      tail -n 20 "$work/daemon.log"
      exit 1
    fi
    sleep 0.05
  done
}

# follow TOPIC: a subscriber that comes back after its last event whenever the connection ends.
follow() {
  local topic=$1 last=
  while [ ! -e "$work/stop" ]; do
    curl -fsN ${last:+-H "Last-Event-ID: $last"} "http://127.0.0.1:$SUBSCRIBE_PORT/topics/$topic/events?from=earliest" >>"$work/$topic.sse" &
    echo $! >"$work/follow-$topic.pid"
    wait $! || true
    last=$(sed -n 's/^id: //p' "$work/$topic.sse" | tail -n 1)
    sleep 0.1
  done
}

# request NAME PATH BODY HEADER...: one request for curl; the answer's status is printed with NAME.
request() {
  local name=$1 path=$2 body=$3 header
  shift 3
  printf 'url = "http://127.0.0.1:%s%s"\n' "$ORDERS_PORT" "$path"
  printf 'data-binary = "@%s"\n' "$body"
  for header in "$@"; do printf 'header = "%s"\n' "$header"; done
  printf 'output = "/dev/null"\nwrite-out = "%%{http_code} %s\\n"\nmax-time = 20\nnext\n' "$name"
}

one() {
  local number=$1 samples=docs/examples/events
  local structured="content-type: application/cloudevents+json"
  case $((number % 4)) in
    0)
      request "order-$number" /orders "$samples/order-placed.json" \
        "content-type: application/json" "ce-specversion: 1.0" "ce-id: order-$number" \
        "ce-source: https://shop.example/orders" "ce-type: example.order.placed" "ce-partitionkey: c-$((number % 97))"
      ;;
    1)
      printf '%s' "${object//object-created-1/object-$number}" >"$work/bodies/object-$number"
      request "object-$number" /objects "$work/bodies/object-$number" "$structured"
      ;;
    2)
      request "reading-$number" /readings "$samples/meter-reading.json" \
        "content-type: application/json" "idempotency-key: reading-$number"
      ;;
    3)
      local first=${cancelled//order-cancelled-1/cancelled-$number-a} second=${cancelled//order-cancelled-1/cancelled-$number-b}
      printf '[%s,%s]' "$first" "$second" >"$work/bodies/batch-$number"
      request "batch-$number" /orders "$work/bodies/batch-$number" "content-type: application/cloudevents-batch+json"
      ;;
  esac
}

say "2. $events requests are written down: CloudEvents in binary, structured and batched mode, and plain bodies"
mkdir -p "$work/bodies" "$work/requests"
object=$(<docs/examples/events/object-created.json)
cancelled=$(<docs/examples/events/order-cancelled.json)
names=()
for ((number = 0; number < events; number++)); do
  case $((number % 4)) in 0) name=order ;; 1) name=object ;; 2) name=reading ;; *) name="batch" ;; esac
  names+=("$name-$number")
  one "$number" >"$work/requests/$name-$number"
done
printf '%s\n' "${names[@]}" >"$work/pending"

say "3. hybridge starts"
"$hybridge" check docs/examples/demo.yaml
start
for topic in "${topics[@]}"; do
  : >"$work/$topic.sse"
  follow "$topic" 2>/dev/null &
  children+=($!)
done

# post: every pending request once, many at a time; what was answered with 2xx is no longer pending.
post() {
  while read -r name; do cat "$work/requests/$name"; done <"$work/pending" | sed '$d' >"$work/round"
  curl -s --parallel --parallel-max 32 -K "$work/round" >>"$work/answers" 2>/dev/null || true
  sed -n 's/^2[0-9][0-9] //p' "$work/answers" | sort -u >"$work/accepted"
  sort "$work/pending" | comm -23 - "$work/accepted" >"$work/left"
  mv "$work/left" "$work/pending"
}

say "4. events flow; after about a third of them the daemon is killed with SIGKILL and started again"
: >"$work/answers"
post &
feeding=$!
until [ "$(wc -l <"$work/answers")" -ge $((events / 3)) ]; do
  kill -0 "$feeding" 2>/dev/null || break
  sleep 0.01
done
kill -9 "$daemon"
wait "$daemon" 2>/dev/null || true
at_kill=$(sed -n 's/^2[0-9][0-9] //p' "$work/answers" | wc -l)
echo "SIGKILL after $at_kill accepted requests"
start
wait "$feeding" || true
echo "$(wc -l <"$work/pending") requests had no answer; their sender sends them again"
rounds=0
while [ -s "$work/pending" ] && [ "$rounds" -lt 20 ]; do
  post
  rounds=$((rounds + 1))
done

# The ids that were accepted: a batch stands for its two events.
sed 's/^batch-\([0-9]*\)$/cancelled-\1-a\ncancelled-\1-b/' "$work/accepted" | sort >"$work/sent"

collect() {
  local topic
  for topic in "${topics[@]}"; do
    sed -n 's/^data: {"specversion":"1.0","id":"\([^"]*\)".*/\1/p' "$work/$topic.sse"
  done | sort >"$work/received"
}
for _ in $(seq 100); do
  collect
  [ -z "$(comm -23 "$work/sent" <(sort -u "$work/received"))" ] && break
  sleep 0.1
done

say "5. what a subscriber saw, first event of each topic"
for topic in "${topics[@]}"; do
  echo "$topic: $(grep -m 1 '^data:' "$work/$topic.sse" | cut -c 1-160)"
done

say "6. the ledger"
sent=$(wc -l <"$work/sent")
unique=$(sort -u "$work/received" | wc -l)
total=$(wc -l <"$work/received")
lost=$(comm -23 "$work/sent" <(sort -u "$work/received") | wc -l)
difference=$(curl -fs "$admin/metrics" | sed -n 's/^hybridge_ledger_difference{.*} //p' | sort -u | paste -sd, -)
never=$(wc -l <"$work/pending")
echo "sent       = $sent"
echo "received   = $unique"
echo "duplicates = $((total - unique))"
echo "ledger difference of every route = $difference"
echo "lost = $lost"
[ "$lost" -eq 0 ] && [ "$never" -eq 0 ] && [ "$difference" = 0 ] && [ "$at_kill" -lt "$events" ] && [ "$sent" -ge "$events" ]
