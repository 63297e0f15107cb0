//! Apache Kafka in KRaft mode: one node, or several for leader changes.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rdkafka::ClientConfig;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tempfile::TempDir;

use super::{Child, INSTALL, cached, installed, up};
use crate::binary;
use crate::ports;
use crate::proxy::Proxy;

const UP: Duration = Duration::from_secs(120);
const ASK: Duration = Duration::from_secs(5);
const VERSION: &str = "4.1.0";

/// What a cluster is made of.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many nodes; each is broker and controller.
    pub nodes: usize,
    /// What clients speak: `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT`, `SASL_SSL`.
    pub protocol: &'static str,
    /// More lines of `server.properties`, for every node.
    pub properties: String,
    /// More arguments for the tool that formats the storage: `--add-scram`, `...`.
    pub format: Vec<String>,
    /// What the client that administers the cluster needs beside the addresses.
    pub client: Vec<(String, String)>,
    /// Compiles little, so that it starts soon; not for measurements.
    pub short_lived: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            nodes: 1,
            protocol: "PLAINTEXT",
            properties: String::new(),
            format: Vec::new(),
            client: Vec::new(),
            short_lived: true,
        }
    }
}

/// A cluster that runs until it is dropped.
#[derive(Debug)]
pub struct Kafka {
    /// Its nodes, in the order of their ids, which begin at 1.
    pub nodes: Vec<Node>,
    client: Vec<(String, String)>,
    _folder: TempDir,
}

/// One node.
#[derive(Debug)]
pub struct Node {
    /// Clients reach it through this.
    pub proxy: Proxy,
    /// Where it listens in plain text and without logins.
    internal: SocketAddr,
    child: Child,
    properties: PathBuf,
    short_lived: bool,
}

impl Kafka {
    /// One node that speaks plain text.
    pub async fn start() -> Result<Self> {
        Self::with(Options::default()).await
    }

    /// A cluster, up when this returns.
    pub async fn with(options: Options) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("hybridge-kafka-").tempdir()?;
        // It must not begin with `-`, which would be an option of the tool that is given it.
        let id = URL_SAFE_NO_PAD.encode((fastrand::u128(..) >> 1).to_be_bytes());
        let mut places = Vec::new();
        for _ in 0..options.nodes {
            let client = ports::free()?;
            let proxy = Proxy::start(client).await?;
            places.push(Place {
                client,
                internal: ports::free()?,
                controller: ports::free()?,
                proxy,
            });
        }
        let voters: Vec<String> =
            (1..).zip(&places).map(|(id, place)| format!("{id}@{}", place.controller)).collect();
        let voters = voters.join(",");
        let mut nodes = Vec::new();
        for (number, place) in (1..).zip(places) {
            let data = folder.path().join(format!("node-{number}"));
            let properties = folder.path().join(format!("node-{number}.properties"));
            std::fs::write(&properties, place.properties(number, &voters, &data, &options))?;
            let child = Child::new(&format!("kafka-{number}"), folder.path());
            format(&properties, &id, &options.format)?;
            let (short_lived, internal) = (options.short_lived, place.internal);
            nodes.push(Node { proxy: place.proxy, internal, child, properties, short_lived });
        }
        for node in &mut nodes {
            node.begin()?;
        }
        let mut kafka = Self { nodes, client: options.client, _folder: folder };
        kafka.up().await?;
        Ok(kafka)
    }

    /// Addresses of all nodes, as `bootstrap.servers` wants them.
    pub fn bootstrap(&self) -> String {
        let addresses: Vec<String> =
            self.nodes.iter().map(|node| node.proxy.address.to_string()).collect();
        addresses.join(",")
    }

    /// What a client of this cluster is configured with.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.bootstrap());
        for (key, value) in &self.client {
            config.set(key, value);
        }
        config
    }

    /// Makes a topic, on all nodes; `settings` such as `("retention.ms", "1000")`.
    pub async fn create_topic(
        &self,
        name: &str,
        partitions: i32,
        settings: &[(&str, &str)],
    ) -> Result<()> {
        let admin: AdminClient<DefaultClientContext> = self.client().create()?;
        let replicas = TopicReplication::Fixed(self.nodes.len() as i32);
        let mut topic = NewTopic::new(name, partitions, replicas);
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let options = AdminOptions::new().operation_timeout(Some(ASK));
        let mut tries = 0;
        let results = loop {
            tries += 1;
            match admin.create_topics([&topic], &options).await {
                // The client asks the node that it began with, and drops it when it learns the node's number.
                Err(KafkaError::AdminOp(RDKafkaErrorCode::DestroyBroker)) if tries < 10 => {}
                results => break results?,
            }
        };
        for result in results {
            match result {
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) if tries > 1 => {}
                result => {
                    drop(result.map_err(|(name, code)| anyhow::anyhow!("topic {name}: {code}"))?)
                }
            }
        }
        Ok(())
    }

    /// Deletes a topic and what is in it.
    pub async fn delete_topic(&self, name: &str) -> Result<()> {
        let admin: AdminClient<DefaultClientContext> = self.client().create()?;
        let options = AdminOptions::new().operation_timeout(Some(ASK));
        for result in admin.delete_topics(&[name], &options).await? {
            result.map_err(|(name, code)| anyhow::anyhow!("topic {name}: {code}"))?;
        }
        Ok(())
    }

    /// Changes one setting of a topic; the others become those of the cluster.
    pub async fn alter_topic(&self, name: &str, key: &str, value: &str) -> Result<()> {
        let admin: AdminClient<DefaultClientContext> = self.client().create()?;
        let change = AlterConfig::new(ResourceSpecifier::Topic(name)).set(key, value);
        for result in admin.alter_configs([&change], &AdminOptions::new()).await? {
            result.map_err(|(_, code)| anyhow::anyhow!("topic {name}: {code}"))?;
        }
        Ok(())
    }

    /// Gives a user a password for logins by SCRAM-SHA-512, instead of any that it had.
    pub async fn set_password(&self, user: &str, password: &str) -> Result<()> {
        let node = self.nodes.first().context("no nodes")?;
        let mut command = tokio::process::Command::from(java(true)?);
        command.args(["kafka.admin.ConfigCommand", "--bootstrap-server"]);
        command.arg(node.internal.to_string()).args(["--alter", "--entity-type", "users"]);
        command.args(["--entity-name", user, "--add-config"]);
        command.arg(format!("SCRAM-SHA-512=[password={password}]"));
        let output = command.output().await?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Allows what is named as `USER:OPERATION:KIND:NAME` (`clients/acls.py`), where the cluster has an authorizer.
    pub async fn allow(&self, allowed: &[&str]) -> Result<()> {
        let node = self.nodes.first().context("no nodes")?;
        let python = cached("clients-2/bin/python", "install it with scripts/install-clients.sh")?;
        let mut command = tokio::process::Command::new(python);
        command.arg(binary::workspace().join("integration-tests/clients/acls.py"));
        let output = command.arg(node.internal.to_string()).args(allowed).output().await?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Waits until all nodes answer and know each other.
    pub async fn up(&mut self) -> Result<()> {
        let (config, all) = (self.client(), self.nodes.len());
        let first = self.nodes.first_mut().context("no nodes")?;
        up(&mut first.child, UP, async || {
            let config = config.clone();
            let asked = tokio::task::spawn_blocking(move || brokers(&config)).await;
            asked.ok().flatten() == Some(all)
        })
        .await
    }
}

/// How many brokers the cluster says it has.
fn brokers(config: &ClientConfig) -> Option<usize> {
    let mut config = config.clone();
    config.set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg);
    let consumer: BaseConsumer = config.create().ok()?;
    let metadata = consumer.fetch_metadata(None, Duration::from_secs(1)).ok()?;
    Some(metadata.brokers().len())
}

impl Node {
    /// Starts it, again after a kill or a stop; returns at once.
    pub fn begin(&mut self) -> Result<()> {
        let mut command = java(self.short_lived)?;
        command.arg("kafka.Kafka").arg(&self.properties);
        self.child.start(command)
    }

    /// Changes its properties, from its next start on.
    pub fn edit(&self, change: impl FnOnce(String) -> String) -> Result<()> {
        let text = std::fs::read_to_string(&self.properties)?;
        Ok(std::fs::write(&self.properties, change(text))?)
    }

    /// The process.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }
}

struct Place {
    client: SocketAddr,
    internal: SocketAddr,
    controller: SocketAddr,
    proxy: Proxy,
}

impl Place {
    fn properties(&self, id: usize, voters: &str, data: &Path, options: &Options) -> String {
        let Self { client, internal, controller, proxy } = self;
        let (protocol, replicas) = (options.protocol, options.nodes.min(3));
        format!(
            "process.roles=broker,controller
node.id={id}
controller.quorum.voters={voters}
listeners=CLIENT://{client},INTERNAL://{internal},CONTROLLER://{controller}
advertised.listeners=CLIENT://{advertised},INTERNAL://{internal}
controller.listener.names=CONTROLLER
inter.broker.listener.name=INTERNAL
listener.security.protocol.map=CLIENT:{protocol},INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
{more}
",
            advertised = proxy.address,
            data = data.display(),
            more = options.properties,
        )
    }
}

fn format(properties: &Path, id: &str, more: &[String]) -> Result<()> {
    let mut command = java(true)?;
    command.args(["kafka.tools.StorageTool", "format", "-t", id, "-c"]).arg(properties).args(more);
    let output = command.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn java(short_lived: bool) -> Result<Command> {
    let libraries = installed(&format!("kafka-{VERSION}/libs"))?.join("*");
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|path| path.join("java").exists()));
    ensure!(found, "java is missing: {INSTALL}");
    let mut command = Command::new("java");
    command.args(["-Xmx512m", "-XX:+UseSerialGC"]);
    if short_lived {
        command.arg("-XX:TieredStopAtLevel=1");
    }
    command.arg("-cp").arg(libraries);
    Ok(command)
}
