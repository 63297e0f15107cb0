//! nats-server with JetStream: one, or a cluster.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::{Child, installed, up};
use crate::ports;
use crate::proxy::Proxy;
use crate::sys::{self, Signal};

const UP: Duration = Duration::from_secs(30);
const SERVER: &str = "nats-2.15.1/nats-server";

/// What a cluster is made of.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many servers.
    pub servers: usize,
    /// More lines of every server's configuration.
    pub config: String,
    /// How the client that waits for the servers connects.
    pub client: fn() -> async_nats::ConnectOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self { servers: 1, config: String::new(), client: async_nats::ConnectOptions::new }
    }
}

/// Servers that run until they are dropped.
#[derive(Debug)]
pub struct Nats {
    /// Its servers.
    pub servers: Vec<Server>,
    client: fn() -> async_nats::ConnectOptions,
    _folder: TempDir,
}

/// One server.
#[derive(Debug)]
pub struct Server {
    /// Clients reach it through this.
    pub proxy: Proxy,
    /// Where it listens itself.
    pub address: SocketAddr,
    child: Child,
    config: PathBuf,
}

impl Nats {
    /// One server without credentials.
    pub async fn start() -> Result<Self> {
        Self::with(Options::default()).await
    }

    /// Servers that are up, with JetStream, when this returns.
    pub async fn with(options: Options) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("hybridge-nats-").tempdir()?;
        let routes: Vec<SocketAddr> =
            (0..options.servers).map(|_| ports::free()).collect::<Result<_>>()?;
        let mut servers = Vec::new();
        for (number, route) in routes.iter().enumerate() {
            let address = ports::free()?;
            let proxy = Proxy::start(address).await?;
            let data = folder.path().join(format!("data-{number}"));
            let mut text = format!(
                "server_name: server-{number}\nlisten: \"{address}\"\nclient_advertise: \"{}\"\n\
                 jetstream: {{ store_dir: \"{}\" }}\n",
                proxy.address,
                data.display()
            );
            if options.servers > 1 {
                let urls: Vec<String> =
                    routes.iter().map(|route| format!("\"nats://{route}\"")).collect();
                text.push_str(&format!(
                    "cluster: {{ name: test, listen: \"{route}\", routes: [{}] }}\n",
                    urls.join(", ")
                ));
            }
            text.push_str(&options.config);
            let config = folder.path().join(format!("server-{number}.conf"));
            std::fs::write(&config, text)?;
            let child = Child::new(&format!("nats-{number}"), folder.path());
            let mut server = Server { proxy, address, child, config };
            server.begin()?;
            servers.push(server);
        }
        let mut nats = Self { servers, client: options.client, _folder: folder };
        nats.up().await?;
        Ok(nats)
    }

    /// The addresses of all servers.
    pub fn urls(&self) -> Vec<String> {
        self.servers.iter().map(|server| format!("nats://{}", server.proxy.address)).collect()
    }

    /// A client that goes to the servers themselves, past the proxies.
    pub async fn client(&self) -> Result<async_nats::Client> {
        let addresses: Vec<async_nats::ServerAddr> = self
            .servers
            .iter()
            .map(|server| server.address.to_string().parse())
            .collect::<Result<_, _>>()?;
        Ok((self.client)().ignore_discovered_servers().connect(addresses).await?)
    }

    /// Waits until JetStream answers.
    pub async fn up(&mut self) -> Result<()> {
        let addresses: Vec<SocketAddr> = self.servers.iter().map(|server| server.address).collect();
        let client = self.client;
        let first = self.servers.first_mut().context("no servers")?;
        up(&mut first.child, UP, async || {
            for address in &addresses {
                let url = format!("nats://{address}");
                let options = client().ignore_discovered_servers();
                let Ok(client) = options.connect(url).await else { return false };
                let jetstream = async_nats::jetstream::new(client);
                if jetstream.query_account().await.is_err() {
                    return false;
                }
            }
            true
        })
        .await
    }
}

impl Server {
    /// Starts it, again after a kill or a stop; returns at once.
    pub fn begin(&mut self) -> Result<()> {
        let mut command = Command::new(installed(SERVER)?);
        command.arg("-c").arg(&self.config);
        self.child.start(command)
    }

    /// Changes its configuration and lets it read that, while it runs.
    pub fn reload(&self, change: impl FnOnce(String) -> String) -> Result<()> {
        let text = std::fs::read_to_string(&self.config)?;
        std::fs::write(&self.config, change(text))?;
        Ok(sys::signal(self.child.pid()?, Signal::HangUp)?)
    }

    /// The process.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }
}
