//! A client of the daemon's admin listener.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::metrics::Metrics;
use crate::wait::SOON;

/// What one route says of itself.
#[derive(Clone, Debug, Deserialize)]
pub struct Route {
    /// Its name.
    pub route: String,
    /// `starting`, `running`, `red`, `stopping` or `ended`.
    pub state: String,
    /// `green` or `red`.
    pub health: String,
    /// Why it is red.
    pub reason: Option<String>,
    /// Its totals since the process started.
    pub counts: Counts,
    /// What the totals leave unexplained.
    pub ledger_difference: i64,
    /// Messages that wait at the source, where it knows.
    pub lag: Option<u64>,
    /// What it waits for that another process has.
    pub waits_for: Option<String>,
}

/// Totals of a route.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Counts {
    /// Taken from the source.
    pub received: u64,
    /// Confirmed by every required target.
    pub delivered: u64,
    /// Confirmed by the dead-letter target.
    pub dead_lettered: u64,
    /// Selected out.
    pub filtered: u64,
    /// Given back.
    pub abandoned: u64,
    /// Received and not ended.
    pub in_flight: u64,
}

/// A topic in figures.
#[derive(Clone, Debug, Deserialize)]
pub struct Topic {
    /// Its partitions.
    pub partitions: Vec<Partition>,
}

/// A partition in figures.
#[derive(Clone, Debug, Deserialize)]
pub struct Partition {
    /// The first offset that is there.
    pub earliest: u64,
    /// Records that are there.
    pub records: u64,
    /// The offset that the next record will have.
    pub next: u64,
    /// Its consumer groups.
    pub groups: Vec<Group>,
}

/// A consumer group of a partition.
#[derive(Clone, Debug, Deserialize)]
pub struct Group {
    /// Its name.
    pub group: String,
    /// The offset of the next record that it wants.
    pub cursor: u64,
}

impl Topic {
    /// Records that are there. Fewer than offsets: those that a torn end may have used are left out.
    pub fn records(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.records).sum()
    }

    /// Records that a group has committed.
    pub fn committed(&self, group: &str) -> u64 {
        let groups = self.partitions.iter().flat_map(|partition| &partition.groups);
        groups.filter(|known| known.group == group).map(|known| known.cursor).sum()
    }
}

/// Asks one daemon.
#[derive(Clone, Debug)]
pub struct Admin {
    base: String,
    client: reqwest::Client,
}

impl Admin {
    /// For the listener at `address`.
    pub fn new(address: SocketAddr) -> Result<Self> {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?;
        Ok(Self { base: format!("http://{address}"), client })
    }

    /// Status and text of `GET path`.
    pub async fn get(&self, path: &str) -> Result<(u16, String)> {
        let url = format!("{}{path}", self.base);
        let response = self.client.get(&url).send().await?;
        Ok((response.status().as_u16(), response.text().await?))
    }

    /// Whether the daemon says that it works.
    pub async fn is_ready(&self) -> bool {
        matches!(self.get("/health/ready").await, Ok((200, _)))
    }

    /// Whether the process answers at all.
    pub async fn is_live(&self) -> bool {
        matches!(self.get("/health/live").await, Ok((200, _)))
    }

    /// A scrape of its metrics.
    pub async fn metrics(&self) -> Result<Metrics> {
        Ok(Metrics::parse(&self.get("/metrics").await?.1))
    }

    /// What it says of the route `name`. A process that has just started may listen before it has any route.
    pub async fn route(&self, name: &str) -> Result<Route> {
        let mut answer = self.routes().await?;
        let started = Instant::now();
        while answer["routes"] == json!([]) && started.elapsed() < SOON {
            tokio::time::sleep(Duration::from_millis(10)).await;
            answer = self.routes().await?;
        }
        let list = answer["routes"].as_array();
        let entry = list.into_iter().flatten().find(|entry| entry["route"] == name);
        let entry = entry.with_context(|| format!("no route {name} in {answer}"))?;
        Route::deserialize(entry).with_context(|| entry.to_string())
    }

    /// What it says of a topic; an empty one when it does not exist.
    pub async fn topic(&self, name: &str) -> Result<Topic> {
        let (status, text) = self.get(&format!("/topics/{name}")).await?;
        if status == 404 {
            return Ok(Topic { partitions: Vec::new() });
        }
        serde_json::from_str(&text).with_context(|| format!("/topics answered {status}: {text}"))
    }

    /// What it says of its routes.
    pub async fn routes(&self) -> Result<Value> {
        let (status, text) = self.get("/routes").await?;
        serde_json::from_str(&text).with_context(|| format!("/routes answered {status}: {text}"))
    }
}
