//! HTTP: requests to the daemon, and a target that it posts to.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use async_trait::async_trait;

use super::log::{COPIED, post_all};
use super::{Also, Fault, Feature, Peer, Record, Sections};
use crate::conformance::{Role, Settles, Stage};
use crate::ports;
use crate::proxy::{Proxy, Weather};
use crate::target::{Mode, Target};

const STRUCK: Duration = Duration::from_secs(2);

/// How it is settled as a source.
pub const SETTLES: Settles = Settles {
    connector: "http",
    source: "`http`",
    done: "2xx",
    abandoned: "503 with `Retry-After`",
    rejected: "422",
};

/// A target, and the listener of the daemon under test.
pub struct HttpPeer {
    listen: SocketAddr,
    target: Option<(Target, Proxy)>,
}

impl HttpPeer {
    /// Has nothing to start yet.
    pub fn new() -> Result<Self> {
        Ok(Self { listen: ports::free()?, target: None })
    }
}

/// Whether a header is of the message and not of the request.
fn is_ours(name: &str) -> bool {
    ["x-", "amqp-", "hybridge-"].iter().any(|start| name.starts_with(start))
}

/// Milliseconds since 1970 of a time as in a CloudEvent.
fn millis(time: &str) -> Option<String> {
    let time: jiff::Timestamp = time.parse().ok()?;
    Some(time.as_millisecond().to_string())
}

#[async_trait(?Send)]
impl Peer for HttpPeer {
    fn name(&self) -> &'static str {
        "http"
    }

    fn features(&self) -> Vec<Feature> {
        use Feature::*;
        vec![Ordered, Keys, BinaryBodies, Headers, DuplicateHeaders, Times, ContentTypes, Answers]
    }

    fn faults(&self, role: Role) -> Vec<Fault> {
        match role {
            // Its peer is whoever sends.
            Role::Source => Fault::OF_THE_DAEMON.to_vec(),
            Role::Sink => Fault::ALL.to_vec(),
        }
    }

    fn sections(&self, _: &str) -> Sections {
        Sections::default()
    }

    fn from(&self, _: &str, more: &str) -> String {
        format!("{{ http: {{ listen: \"{}\", {COPIED}{more} }} }}", self.listen)
    }

    fn to(&self, _: &str) -> String {
        let address = self.target.as_ref().map(|(_, proxy)| proxy.address.to_string());
        format!(
            "{{ http: {{ url: \"http://{}/\", timeout: 3s, headers: {{ copy: [\"*\"] }} }} }}",
            address.unwrap_or_default()
        )
    }

    async fn create(&mut self, _: &str) -> Result<()> {
        let target = Target::start(Duration::from_millis(2), Box::new(|_| None)).await?;
        let proxy = Proxy::start(target.address).await?;
        self.target = Some((target, proxy));
        Ok(())
    }

    async fn put(&self, _: &Stage, _: &str, records: &[Record]) -> Result<()> {
        post_all(self.listen, records).await
    }

    async fn take(&self, stage: &Stage, _: &str, least: usize) -> Result<Vec<Record>> {
        let (target, _) = self.target.as_ref().context("no target")?;
        let all = async || Ok(target.count() >= least as u64);
        stage.until("everything is at the target", all).await?;
        let record = |received: crate::target::Received| {
            let also = Also {
                time: received.head.get("ce-time").and_then(millis),
                content_type: received.head.get("content-type").map(str::to_owned),
                ..Also::default()
            };
            let key = received.head.get("ce-partitionkey").map(|key| key.to_owned().into());
            let ours = received.head.headers.into_iter().filter(|(name, _)| is_ours(name));
            let headers = ours.map(|(name, value)| (name, Some(value.into()))).collect();
            Record { key, payload: Some(received.body), headers, also }
        };
        Ok(target.received().into_iter().map(record).collect())
    }

    async fn owed(&self, _: &Stage, _: &str) -> Result<Option<u64>> {
        Ok(None)
    }

    fn listens(&self) -> Option<SocketAddr> {
        Some(self.listen)
    }

    async fn strike(&mut self, fault: Fault) -> Result<()> {
        let Some((target, proxy)) = &self.target else { bail!("no target") };
        match fault {
            // It answers nobody, and what was open ends.
            Fault::PeerKilled => {
                target.set(Mode::Reset);
                target.reset_all();
                tokio::time::sleep(STRUCK).await;
                target.set(Mode::Accept);
            }
            Fault::PeerFrozen => {
                target.set(Mode::Hang);
                tokio::time::sleep(STRUCK * 2).await;
                target.set(Mode::Accept);
            }
            Fault::Reset => {
                proxy.set(Weather::Reset);
                tokio::time::sleep(STRUCK).await;
                proxy.set(Weather::Clear);
            }
            Fault::BlackHole => {
                proxy.set(Weather::BlackHole);
                tokio::time::sleep(STRUCK * 2).await;
                proxy.set(Weather::Clear);
            }
            _ => bail!("{fault:?} is not for a peer"),
        }
        Ok(())
    }
}
