//! What other people's clients write arrives byte for byte at such clients on the other side, from each broker to each.

use std::collections::BTreeMap;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use async_nats::jetstream;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::try_join_all;
use hybridge_integration_tests::binary;
use hybridge_integration_tests::broker::cached;
use hybridge_integration_tests::broker::kafka::Kafka;
use hybridge_integration_tests::broker::nats::Nats;
use hybridge_integration_tests::broker::rabbitmq::RabbitMq;
use hybridge_integration_tests::daemon::Daemon;
use hybridge_integration_tests::wait::SOON;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

const INSTALL: &str = "install it with scripts/install-clients.sh";
const KINDS: [&str; 3] = ["kafka", "nats", "amqp"];

/// As the script writes and reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Sent {
    body: String,
    headers: BTreeMap<String, String>,
}

/// Bodies of all kinds and sizes, each with its number.
fn messages() -> Vec<Sent> {
    let all: Vec<u8> = (0..=255).collect();
    let mut bodies: Vec<Vec<u8>> = vec![
        b"{\"order\": 7, \"text\": \"gr\xc3\xbc\xc3\x9fe\"}".to_vec(),
        all.clone(),
        vec![0],
        b"\n".to_vec(),
        all.repeat(2_000),
        Vec::new(),
    ];
    bodies.extend((0..300_u32).map(|number| number.to_be_bytes().to_vec()));
    let numbered = bodies.into_iter().enumerate().map(|(number, body)| Sent {
        body: STANDARD.encode(body),
        headers: [("number", number.to_string()), ("x-trace", "a b;c=\"d\"".to_owned())]
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
    });
    numbered.collect()
}

/// The brokers, and where each of them is.
struct World {
    kafka: Kafka,
    nats: Nats,
    rabbitmq: RabbitMq,
}

impl World {
    fn address(&self, kind: &str) -> String {
        match kind {
            "kafka" => self.kafka.bootstrap(),
            "nats" => self.nats.urls().join(","),
            _ => self.rabbitmq.uri(),
        }
    }

    async fn make(&self, kind: &str, name: &str) -> Result<()> {
        match kind {
            "kafka" => self.kafka.create_topic(name, 3, &[]).await,
            "nats" => {
                let config = jetstream::stream::Config {
                    name: name.to_owned(),
                    subjects: vec![format!("{name}.>")],
                    ..Default::default()
                };
                jetstream::new(self.nats.client().await?).create_stream(config).await?;
                Ok(())
            }
            _ => {
                let channel = self.rabbitmq.client().await?.create_channel().await?;
                let durable = QueueDeclareOptions { durable: true, ..Default::default() };
                channel.queue_declare(name.into(), durable, FieldTable::default()).await?;
                Ok(())
            }
        }
    }

    fn command(&self, what: &str, kind: &str, name: &str) -> Result<Command> {
        let script = binary::workspace().join("integration-tests/clients/client.py");
        let mut command = Command::new(cached("clients-2/bin/python", INSTALL)?);
        command.arg(script).args([what, kind, &self.address(kind), name]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        Ok(command)
    }

    async fn put(&self, kind: &str, name: &str, messages: &[Sent]) -> Result<()> {
        let mut child = self.command("put", kind, name)?.stdin(Stdio::piped()).spawn()?;
        let mut input = child.stdin.take().context("stdin")?;
        for message in messages {
            input.write_all(format!("{}\n", serde_json::to_string(message)?).as_bytes()).await?;
        }
        drop(input);
        let output = child.wait_with_output().await?;
        ensure!(output.status.success(), "{kind}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    async fn take(&self, kind: &str, name: &str, count: usize) -> Result<Vec<Sent>> {
        let output = self.command("take", kind, name)?.arg(count.to_string()).output().await?;
        let said = || format!("{kind} {name}: {}", String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "{}", said());
        let lines = String::from_utf8(output.stdout.clone())?;
        lines.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }
}

fn config(world: &World) -> String {
    let mut text = format!(
        "connections:\n  kafka: {{ kafka: {{ brokers: [\"{}\"] }} }}\n  nats: {{ nats: {{ servers: [\"{}\"] }} }}\n  \
         amqp: {{ amqp: {{ uri: \"{}\" }} }}\nroutes:\n",
        world.address("kafka"),
        world.address("nats"),
        world.address("amqp")
    );
    for from in KINDS {
        let source = match from {
            "kafka" => "kafka: { connection: kafka, topics: [in-kafka] }",
            "nats" => "nats: { connection: nats, stream: in-nats, lease: { create: true } }",
            _ => "amqp: { connection: amqp, queue: in-amqp }",
        };
        text.push_str(&format!("  {from}:\n    from: {{ {source} }}\n    targets:\n"));
        for to in KINDS {
            let name = format!("{from}-to-{to}");
            let target = match to {
                "kafka" => format!("kafka: {{ connection: kafka, topic: {name}, key: one }}"),
                "nats" => {
                    format!("nats: {{ connection: nats, stream: {name}, subject: {name}.x }}")
                }
                _ => format!("amqp: {{ connection: amqp, routing_key: {name} }}"),
            };
            text.push_str(&format!("      {to}: {{ to: {{ {target} }} }}\n"));
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_write_others_read_byte_for_byte() -> Result<()> {
    let (kafka, nats, rabbitmq) =
        (Kafka::start().await?, Nats::start().await?, RabbitMq::start().await?);
    let world = World { kafka, nats, rabbitmq };
    let sent = messages();
    for from in KINDS {
        world.make(from, &format!("in-{from}")).await?;
        for to in KINDS {
            world.make(to, &format!("{from}-to-{to}")).await?;
        }
    }
    let folder = tempfile::tempdir()?;
    let mut daemon = Daemon::new(folder.path(), &config(&world))?;
    daemon.start_ready().await?;
    let putting = KINDS.map(|kind| {
        let (world, sent) = (&world, &sent);
        async move { world.put(kind, &format!("in-{kind}"), sent).await }
    });
    try_join_all(putting).await?;
    for from in KINDS {
        for to in KINDS {
            let name = format!("{from}-to-{to}");
            let taken = world.take(to, &name, sent.len()).await;
            let taken = taken.with_context(|| daemon.log_tail())?;
            for (taken, sent) in taken.iter().zip(&sent) {
                ensure!(taken.body == sent.body, "{name}: {:?}", sent.headers);
                for (header, value) in &sent.headers {
                    ensure!(taken.headers.get(header) == Some(value), "{name}: {taken:?}");
                }
            }
        }
    }
    daemon.terminate(SOON).await?;
    Ok(())
}
