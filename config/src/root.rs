//! The sections of the file.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{ByteSize, ConnectionConfig, Duration, RouteConfig, Secret};

/// Everything that the routing-rule files say together.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "hybridge routing-rule file")]
pub struct Config {
    /// The version of this language; every file says it.
    pub hybridge: Version,
    /// Named endpoints, shared by routes; credentials live here.
    pub connections: BTreeMap<String, ConnectionConfig>,
    /// The routes by name.
    pub routes: BTreeMap<String, RouteConfig>,
    /// Topics of the embedded log that want more than the defaults.
    pub topics: BTreeMap<String, TopicConfig>,
    /// Where event consumers subscribe to topics over HTTP. Default: nowhere.
    pub subscribe: Option<SubscribeConfig>,
    /// Health, readiness, metrics and routes over HTTP.
    pub admin: AdminConfig,
    /// Where the embedded log and positions are kept.
    pub storage: StorageConfig,
    /// What the process may use.
    pub limits: LimitsConfig,
}

/// The version of the language.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Version {
    /// The first.
    #[default]
    V1,
}

/// A topic of the embedded log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TopicConfig {
    /// How many partitions a topic gets when it is made; it keeps them.
    #[schemars(range(min = 1, max = 1_024))]
    pub partitions: u32,
    /// When old records are deleted.
    pub retention: RetentionConfig,
    /// The size at which a segment is sealed, at most an eighth of `retention.bytes`; retention deletes whole
    /// segments.
    pub segment_bytes: ByteSize,
}

impl Default for TopicConfig {
    fn default() -> Self {
        Self {
            partitions: 1,
            retention: RetentionConfig::default(),
            segment_bytes: ByteSize::from_mib(64),
        }
    }
}

/// When old records are deleted: at whichever comes first.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionConfig {
    /// How old the last record of a segment may be. Default: 7d.
    pub age: Option<Duration>,
    /// How many bytes a partition may have; its last segment stays in any case. Default: any size.
    pub bytes: Option<ByteSize>,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self { age: Some(Duration::from_secs(7 * 86_400)), bytes: None }
    }
}

/// Where event consumers subscribe to topics, over server-sent events and pull.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscribeConfig {
    /// Address and port to listen on. Off loopback it needs `tokens`.
    #[schemars(with = "String", extend("format" = "hybridge-listen"))]
    pub listen: SocketAddr,
    /// Bearer tokens that subscribers may show. Default: none, which loopback allows.
    #[serde(default)]
    pub tokens: Vec<Secret>,
}

/// Health, readiness, metrics and routes over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdminConfig {
    /// Address and port to listen on. Off loopback it needs `token`.
    #[schemars(with = "String", extend("format" = "hybridge-listen"))]
    pub listen: SocketAddr,
    /// Bearer token for everything but health and metrics. Default: none, which loopback allows.
    pub token: Option<Secret>,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9090)), token: None }
    }
}

/// Where the embedded log and positions are kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StorageConfig {
    /// The folder; made when it does not exist. One process at a time.
    pub path: PathBuf,
    /// When a record counts as written.
    pub fsync: Fsync,
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self { path: "hybridge-data".into(), fsync: Fsync::Always }
    }
}

/// When a record counts as written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fsync {
    /// When it is on disk.
    #[default]
    Always,
    /// When the operating system has it; it is on disk after this interval. What was written since the last one is lost
    /// when the machine stops, not when the process stops.
    Interval(Duration),
}

/// What the process may use.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Memory that messages and buffers of the whole process may take.
    pub memory: ByteSize,
    /// How long what is under way may take to be delivered once the process is told to stop; the rest stays at its
    /// sources and is delivered again.
    pub drain: Duration,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self { memory: ByteSize::from_mib(256), drain: Duration::from_secs(15) }
    }
}
