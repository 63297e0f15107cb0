//! The lease of a source that only one process at a time may read, and that has no broker to see to it.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::nats;
use crate::Duration;

/// An entry of a NATS key-value bucket that says which of several processes reads, and how far it has come: the
/// positions are kept there and not in the embedded log, so that whoever takes over goes on from them.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Lease")]
pub struct LeaseConfig {
    /// The `nats` connection that gives servers and credentials.
    pub connection: String,
    /// What the connection says; not written here.
    #[serde(skip)]
    pub endpoint: Option<Arc<nats::ConnectionConfig>>,
    /// The key of the entry, the same in every process that shares the route. Default: the kind of the source, a dot,
    /// and the name of the route.
    pub key: Option<String>,
    /// The key-value bucket.
    #[serde(default = "default_bucket")]
    pub bucket: String,
    /// Makes the bucket if it does not exist. Without it a missing one is an error that says how to make it.
    #[serde(default)]
    pub create: bool,
    /// How many replicas a bucket that is made has (`num_replicas`).
    #[serde(default = "default_replicas")]
    pub replicas: u32,
    /// How long the reader may be silent before another process takes over. A reader that cannot renew for two thirds
    /// of it stops.
    #[serde(default = "default_ttl")]
    pub ttl: Duration,
}

impl LeaseConfig {
    /// The key of the entry for a source of this kind in `route`.
    pub fn key(&self, kind: &str, route: &str) -> String {
        self.key.clone().unwrap_or_else(|| format!("{kind}.{route}"))
    }

    /// The bucket, and how its entry is kept.
    pub fn entry(&self) -> nats::LeaseConfig {
        nats::LeaseConfig {
            bucket: self.bucket.clone(),
            create: self.create,
            replicas: self.replicas,
            ttl: self.ttl,
        }
    }
}

fn default_bucket() -> String {
    nats::LeaseConfig::default().bucket
}

fn default_replicas() -> u32 {
    nats::LeaseConfig::default().replicas
}

fn default_ttl() -> Duration {
    nats::LeaseConfig::default().ttl
}
