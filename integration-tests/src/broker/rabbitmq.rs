//! RabbitMQ, one node.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lapin::{Connection, ConnectionProperties};
use tempfile::TempDir;

use super::{Child, INSTALL, up};
use crate::authority::Identity;
use crate::ports;
use crate::proxy::Proxy;

const UP: Duration = Duration::from_secs(90);
const PROGRAMS: &str = "/usr/lib/rabbitmq/bin";

/// What a node is made of.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// More lines of `rabbitmq.conf`.
    pub config: String,
    /// What `advanced.config` holds, in Erlang.
    pub advanced: String,
    /// Plugins to enable, such as `rabbitmq_stream`.
    pub plugins: Vec<&'static str>,
    /// A second listener, that encrypts.
    pub tls: Option<Tls>,
}

/// What a listener that encrypts is made of.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The authority that clients' certificates must be of, where they show one.
    pub ca: PathBuf,
    /// What the node shows.
    pub identity: Identity,
}

/// A node that runs until it is dropped. Its user is `guest`, with that password.
#[derive(Debug)]
pub struct RabbitMq {
    /// Clients reach it through this.
    pub proxy: Proxy,
    /// Where it listens itself.
    pub address: SocketAddr,
    /// Clients reach the listener that encrypts through this.
    secure: Option<Proxy>,
    name: String,
    child: Child,
    folder: TempDir,
}

impl RabbitMq {
    /// A node with the defaults.
    pub async fn start() -> Result<Self> {
        Self::with(Options::default()).await
    }

    /// A node, up when this returns.
    pub async fn with(options: Options) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("hybridge-rabbitmq-").tempdir()?;
        let address = ports::free()?;
        let proxy = Proxy::start(address).await?;
        let name = format!("hybridge-{}-{}@localhost", std::process::id(), address.port());
        let mut config = format!(
            "loopback_users = none\nlog.console = true\nlog.console.level = warning\n{}",
            options.config
        );
        let mut secure = None;
        if let Some(Tls { ca, identity: Identity { cert, key } }) = &options.tls {
            let address = ports::free()?;
            secure = Some(Proxy::start(address).await?);
            config.push_str(&format!(
                "listeners.ssl.1 = {address}
ssl_options.cacertfile = {}
ssl_options.certfile = {}
ssl_options.keyfile = {}
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = false
",
                ca.display(),
                cert.display(),
                key.display()
            ));
        }
        std::fs::write(folder.path().join("rabbitmq.conf"), config)?;
        if !options.advanced.is_empty() {
            std::fs::write(folder.path().join("advanced.config"), options.advanced)?;
        }
        std::fs::write(
            folder.path().join("enabled_plugins"),
            format!("[{}].\n", options.plugins.join(",")),
        )?;
        let child = Child::new("rabbitmq", folder.path());
        let mut node = Self { proxy, address, secure, name, child, folder };
        node.begin()?;
        node.up().await?;
        Ok(node)
    }

    /// Its address for clients.
    pub fn uri(&self) -> String {
        format!("amqp://guest:guest@{}/%2f", self.proxy.address)
    }

    /// The proxy before the listener that encrypts.
    pub fn secure(&self) -> Result<&Proxy> {
        self.secure.as_ref().context("no listener that encrypts")
    }

    /// A connection to the node itself, past the proxy.
    pub async fn client(&self) -> Result<Connection> {
        let uri = format!("amqp://guest:guest@{}/%2f", self.address);
        let connecting = Connection::connect(&uri, ConnectionProperties::default());
        Ok(tokio::time::timeout(UP, connecting).await.context("nobody answers")??)
    }

    /// Starts it, again after a kill or a stop; returns at once.
    pub fn begin(&mut self) -> Result<()> {
        let command = self.program("rabbitmq-server")?;
        self.child.start(command)
    }

    /// Waits until it answers.
    pub async fn up(&mut self) -> Result<()> {
        let uri = format!("amqp://guest:guest@{}/%2f", self.address);
        up(&mut self.child, UP, async || {
            Connection::connect(&uri, ConnectionProperties::default()).await.is_ok()
        })
        .await
    }

    /// Writes to the disk what was declared, as it must be before a kill: the server confirms it up to two seconds before.
    pub async fn write_down(&self) -> Result<()> {
        self.ctl(&["eval", "mnesia:sync_log()."]).await.map(drop)
    }

    /// The process.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Runs `rabbitmqctl` with these arguments and gives what it prints.
    pub async fn ctl(&self, arguments: &[&str]) -> Result<String> {
        let mut command = tokio::process::Command::from(self.program("rabbitmqctl")?);
        let output = command.arg("-n").arg(&self.name).args(arguments).output().await?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        ensure!(
            output.status.success(),
            "rabbitmqctl {arguments:?}: {}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
        Ok(text(&output.stdout))
    }

    /// How many messages of a queue are given out and not acknowledged.
    pub async fn given_out(&self, queue: &str) -> Result<u64> {
        self.count(queue, "messages_unacknowledged").await
    }

    /// How many messages a queue holds, with those that are given out.
    pub async fn held(&self, queue: &str) -> Result<u64> {
        self.count(queue, "messages").await
    }

    async fn count(&self, queue: &str, which: &str) -> Result<u64> {
        let lines = self.ctl(&["list_queues", "--quiet", "name", which]).await?;
        let number = lines.lines().find_map(|line| line.strip_prefix(queue)?.strip_prefix('\t'));
        Ok(number.with_context(|| format!("no queue `{queue}`"))?.trim().parse()?)
    }

    fn program(&self, name: &str) -> Result<Command> {
        let path = Path::new(PROGRAMS).join(name);
        ensure!(path.exists(), "{} is missing: {INSTALL}", path.display());
        let folder = self.folder.path();
        let port = self.address.port();
        let distribution = ports::free().context("distribution")?.port();
        let mut command = Command::new(path);
        command
            .env("HOME", folder)
            .env("RABBITMQ_NODENAME", &self.name)
            .env("RABBITMQ_NODE_IP_ADDRESS", self.address.ip().to_string())
            .env("RABBITMQ_NODE_PORT", port.to_string())
            .env("RABBITMQ_DIST_PORT", distribution.to_string())
            .env("RABBITMQ_MNESIA_BASE", folder.join("mnesia"))
            .env("RABBITMQ_LOG_BASE", folder.join("log"))
            .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", folder.join("advanced"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("enabled_plugins"))
            .env("RABBITMQ_PID_FILE", folder.join("pid"))
            .env("ERL_EPMD_ADDRESS", "127.0.0.1");
        Ok(command)
    }
}
