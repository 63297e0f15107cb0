//! Sinks and sources as the daemon makes them, without it.

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use hybridge_config::{Config, RouteConfig};
use hybridge_connectors::Local;
use hybridge_connectors::log::{Options, Store};
use hybridge_core::{Message, Sink};
use tempfile::TempDir;

/// What connectors of one process share.
pub struct Parts {
    local: Local,
    folder: TempDir,
    connection: String,
}

impl Parts {
    /// With the connection `here`, which is this: `{ kafka: { ... } }`.
    pub fn new(connection: String) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let store = Store::open(&folder.path().join("log"), Options::default())?;
        Ok(Self { local: Local::new(store), folder, connection })
    }

    fn route(&self, text: &str) -> Result<RouteConfig> {
        let file = self.folder.path().join("routes.yaml");
        let connection = &self.connection;
        let text =
            format!("hybridge: v1\nconnections: {{ here: {connection} }}\nroutes:\n  r:\n{text}\n");
        std::fs::write(&file, text)?;
        let loaded = hybridge_config::load(&[file], &|_| None);
        let config: Config = loaded.map_err(|problems| anyhow!("{problems}"))?.config;
        config.routes.into_values().next().context("no route")
    }

    /// The sink of this configuration, `{ kafka: { ... } }`, in a route of this order.
    pub fn sink(&self, sink: &str, ordering: &str) -> Result<Box<dyn Sink>> {
        let text = format!(
            "    from: {{ log: {{ topic: t }} }}\n    ordering: {ordering}\n    to: {sink}"
        );
        let route = self.route(&text)?;
        let target = route.targets.values().next().context("no target")?;
        let sink = target.to.sinks().first().context("no sink")?;
        Ok(hybridge_connectors::sink(sink, "r", "to", route.lane_ordering(), &self.local)?)
    }
}

/// A message with this key and body.
pub fn message(key: &str, body: impl Into<Bytes>) -> Message {
    let key = Some(Bytes::from(key.to_owned()));
    Message { key, payload: Some(body.into()), ..Message::default() }
}
