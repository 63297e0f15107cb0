//! A daemon with one route under test, between the peer and something that the suite controls.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::peer::{Peer, Record};
use crate::admin::Admin;
use crate::daemon::Daemon;

/// The route under test.
pub const ROUTE: &str = "tested";
/// What everything must have happened within.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// What one scenario plays on.
pub struct Stage {
    /// The daemon.
    pub daemon: Daemon,
    _folder: TempDir,
}

impl Stage {
    /// A daemon, not started, whose route under test is `route` (lines after its name, each with
    /// four spaces before it).
    pub fn new(peer: &dyn Peer, place: &str, route: &str) -> Result<Self> {
        Self::with(peer, place, route, "")
    }

    /// The same with further top-level sections.
    pub fn with(peer: &dyn Peer, place: &str, route: &str, more: &str) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("hybridge-suite-").tempdir()?;
        let config = Self::config(peer, place, route, more);
        let daemon = Daemon::new(folder.path(), &config)?;
        Ok(Self { daemon, _folder: folder })
    }

    /// A daemon that is configured already, with the folder that it lives in.
    pub fn of(daemon: Daemon, folder: TempDir) -> Self {
        Self { daemon, _folder: folder }
    }

    /// The text of such a configuration.
    pub fn config(peer: &dyn Peer, place: &str, route: &str, more: &str) -> String {
        let sections = peer.sections(place);
        let connections = match sections.connections.as_str() {
            "" => String::new(),
            lines => format!("connections:\n{lines}\n"),
        };
        format!("{connections}{more}routes:\n{}\n  {ROUTE}:\n{route}\n", sections.routes)
    }

    /// A client of its admin listener.
    pub fn admin(&self) -> Result<Admin> {
        self.daemon.admin()
    }

    /// Every record of a topic of the embedded log.
    pub async fn topic(&self, name: &str) -> Result<Vec<Record>> {
        let admin = self.admin()?;
        let (mut records, mut cursor) = (Vec::new(), String::new());
        loop {
            let (status, text) =
                admin.get(&format!("/topics/{name}/records?max=500{cursor}")).await?;
            if status == 404 {
                return Ok(records);
            }
            ensure!(status == 200, "/topics/{name}/records answered {status}: {text}");
            let page: Value = serde_json::from_str(&text)?;
            let list = page["records"].as_array().context("no records")?;
            for record in list {
                records.push(parse(record)?);
            }
            if page["end"] == true {
                return Ok(records);
            }
            cursor = format!("&cursor={}", page["next"].as_str().context("no cursor")?);
        }
    }

    /// Waits until `holds`, and shows the daemon's log if that does not come.
    pub async fn until(
        &self,
        what: &str,
        mut holds: impl AsyncFnMut() -> Result<bool>,
    ) -> Result<()> {
        let started = Instant::now();
        loop {
            let error = match holds().await {
                Ok(true) => return Ok(()),
                Ok(false) => String::new(),
                Err(error) => format!(" ({error:#})"),
            };
            if started.elapsed() > PATIENCE {
                let routes = match self.admin() {
                    Ok(admin) => admin.routes().await.unwrap_or_default().to_string(),
                    Err(error) => error.to_string(),
                };
                bail!(
                    "not within {PATIENCE:?}: {what}{error}\n{routes}\n{}",
                    self.daemon.log_tail()
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Every ledger balances.
    pub async fn ledger_balances(&self) -> Result<()> {
        let route = self.admin()?.route(ROUTE).await?;
        ensure!(
            route.ledger_difference == 0,
            "the ledger's difference: {}",
            route.ledger_difference
        );
        Ok(())
    }
}

fn parse(record: &Value) -> Result<Record> {
    let headers = record["headers"].as_array().into_iter().flatten();
    Ok(Record {
        key: bytes(&record["key"])?,
        payload: bytes(&record["payload"])?,
        headers: headers
            .filter_map(|header| Some((header[0].as_str()?.to_owned(), &header[1])))
            .filter(|(name, _)| !name.starts_with("hybridge-"))
            .map(|(name, value)| Ok((name, bytes(value)?)))
            .collect::<Result<_>>()?,
        ..Record::default()
    })
}

fn bytes(value: &Value) -> Result<Option<bytes::Bytes>> {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone().into())),
        other => {
            let text = other["base64"].as_str().with_context(|| other.to_string())?;
            Ok(Some(STANDARD.decode(text)?.into()))
        }
    }
}
