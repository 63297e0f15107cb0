//! The file that `hybridge init --from ... --to ...` writes: one route between two systems, as they are right after they
//! were installed. Addresses may be given by variables, so that the file need not be changed for those of another machine.

use std::fmt::Write as _;

use clap::ValueEnum;

/// What a route reads from or writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum System {
    /// Apache Kafka and what speaks its protocol.
    Kafka,
    /// NATS JetStream.
    Nats,
    /// AMQP 0-9-1: RabbitMQ.
    Amqp,
    /// Events that are posted, or are posted to somebody.
    Http,
    /// A topic of the embedded log.
    Log,
    /// Files of JSON lines.
    File,
    /// Standard input or output.
    Stdio,
}

impl System {
    fn title(self) -> &'static str {
        match self {
            Self::Kafka => "Kafka",
            Self::Nats => "NATS JetStream",
            Self::Amqp => "RabbitMQ",
            Self::Http => "HTTP",
            Self::Log => "the embedded log",
            Self::File => "files",
            Self::Stdio => "standard input and output",
        }
    }

    fn connection(self) -> Option<&'static str> {
        match self {
            Self::Kafka => Some(
                r#"  # KAFKA_BROKERS says where; with a login: tls: {}, sasl: { mechanism: scram_sha_512, username: ..., password: "${...}" }
  kafka: { kafka: { brokers: ["${KAFKA_BROKERS:-127.0.0.1:9092}"] } }
"#,
            ),
            Self::Nats => Some(
                r#"  # NATS_URL says where; with a login: credentials: "${file:hybridge.creds}"
  nats: { nats: { servers: ["${NATS_URL:-nats://127.0.0.1:4222}"] } }
"#,
            ),
            Self::Amqp => Some(
                r#"  # AMQP_URL says where; off this machine it should begin with amqps://
  amqp: { amqp: { uri: "${AMQP_URL:-amqp://guest:guest@127.0.0.1:5672/%2f}" } }
"#,
            ),
            Self::Http | Self::Log | Self::File | Self::Stdio => None,
        }
    }

    /// What must be there first, and the source.
    fn source(self) -> (Option<&'static str>, &'static str) {
        match self {
            Self::Kafka => (
                Some("the topic: kafka-topics.sh --create --topic events --bootstrap-server ..."),
                "{ kafka: { connection: kafka, topics: [events] } }",
            ),
            Self::Nats => (
                Some("the stream: nats stream add events --subjects 'events.>' --defaults"),
                "{ nats: { connection: nats, stream: events, lease: { create: true } } }",
            ),
            Self::Amqp => {
                (None, "{ amqp: { connection: amqp, queue: events, declare: { type: classic } } }")
            }
            Self::Http => (None, r#"{ http: { listen: "127.0.0.1:8080" } }"#),
            Self::Log => (None, "{ log: { topic: events } }"),
            Self::File => (None, r#"{ file: { path: "events/*.jsonl" } }"#),
            Self::Stdio => (None, "{ stdio: {} }"),
        }
    }

    /// What must be there first, and the target, which is not what the source of the same system reads.
    fn target(self) -> (Option<&'static str>, &'static str) {
        match self {
            Self::Kafka => (
                None,
                "{ kafka: { connection: kafka, topic: events.out, create_topics: { partitions: 3 } } }",
            ),
            Self::Nats => (
                Some("the stream: nats stream add out --subjects 'out.>' --defaults"),
                "{ nats: { connection: nats, stream: out, subject: out.events } }",
            ),
            Self::Amqp => (
                Some("the queue: rabbitmqadmin declare queue name=events.out durable=true"),
                "{ amqp: { connection: amqp, routing_key: events.out } }",
            ),
            Self::Http => {
                (None, r#"{ http: { url: "${TARGET_URL:-http://127.0.0.1:9000/events}" } }"#)
            }
            Self::Log => (None, "{ log: { topic: events.out } }"),
            Self::File => (None, "{ file: { path: events.out.jsonl } }"),
            Self::Stdio => (None, "{ stdio: {} }"),
        }
    }
}

/// The text of the file.
pub(super) fn pair(from: System, to: System) -> String {
    let mut text = format!(
        "# A hybridge routing-rule file: from {} to {}. `hybridge check --connect` says what is missing,\n\
         # `hybridge run` runs it.\nhybridge: v1\n",
        from.title(),
        to.title()
    );
    let ends = if from == to { vec![from] } else { vec![from, to] };
    let connections: String = ends.iter().filter_map(|system| system.connection()).collect();
    if !connections.is_empty() {
        let _ = write!(text, "\nconnections:\n{connections}");
    }
    let ((before, source), (after, target)) = (from.source(), to.target());
    text.push_str("\nroutes:\n");
    for needed in [before, after].into_iter().flatten() {
        let _ = writeln!(text, "  # needs {needed}");
    }
    let _ = write!(
        text,
        "  events:\n    from: {source}\n    # transform:\n    #   - cloudevents: {{}}               # whatever arrives becomes a CloudEvent\n    \
         to: {target}\n    # What can never be delivered goes here, with the reason: hybridge topic read events.dead\n    \
         dead_letter: {{ to: {{ log: {{ topic: events.dead }} }} }}\n"
    );
    text.push_str(
        "\n# Health, readiness, metrics and routes:\n#   curl http://127.0.0.1:9090/health/ready\n\
         admin: { listen: \"${ADMIN_LISTEN:-127.0.0.1:9090}\" }\n\n\
         storage: { path: \"${STORAGE:-hybridge-data}\", fsync: always }\nlimits: { memory: 256MiB }\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_passes_the_check() {
        let folder = tempfile::tempdir().unwrap();
        for from in System::value_variants() {
            for to in System::value_variants() {
                let path = folder.path().join("pair.yaml");
                std::fs::write(&path, pair(*from, *to)).unwrap();
                let loaded = hybridge_config::load(std::slice::from_ref(&path), &|_| None);
                let loaded =
                    loaded.unwrap_or_else(|problems| panic!("{from:?} {to:?}: {problems:?}"));
                let route = loaded.config.routes.get("events").unwrap();
                assert!(route.dead_letter.is_some());
            }
        }
    }
}
