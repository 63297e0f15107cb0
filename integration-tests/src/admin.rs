//! A client of the daemon's admin listener.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::metrics::Metrics;

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

    /// What it says of its routes.
    pub async fn routes(&self) -> Result<Value> {
        let (status, text) = self.get("/routes").await?;
        serde_json::from_str(&text).with_context(|| format!("/routes answered {status}: {text}"))
    }
}
