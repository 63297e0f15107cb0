//! Reading topics with a consumer group.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ConnectionConfig, Options};
use crate::{ByteSize, Duration};

/// Reads topics of a Kafka cluster with a consumer group, from where the group stands. What is delivered is committed
/// about once a second, and before a partition goes to another member.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "KafkaSource")]
pub struct SourceConfig {
    /// The connection that gives brokers and credentials.
    pub connection: String,
    /// What the connection says; not written here.
    #[serde(skip)]
    pub endpoint: Option<Arc<ConnectionConfig>>,
    /// The topics; one that begins with `^` is a regular expression (POSIX, extended) for all that match, also later ones.
    #[schemars(length(min = 1))]
    pub topics: Vec<String>,
    /// The consumer group whose position is kept (`group.id`); what is settled is committed to it, and nothing else
    /// (`enable.auto.commit=false`). Default: the name of the route.
    pub group: Option<String>,
    /// How the group shares out its partitions (`group.protocol`).
    #[serde(default)]
    pub group_protocol: GroupProtocol,
    /// Makes this member static (`group.instance.id`): with the same name it gets its partitions back after a restart
    /// within the session time-out, without a rebalance, and nobody else has them until then. Each process needs a name of
    /// its own. Default: a name made of the storage folder and the route, under which a process that died is back in its
    /// partitions at once, while one that is told to stop leaves the group; for `group_protocol: consumer` none.
    pub instance_id: Option<String>,
    /// How long the group waits for a member that is not heard of (`session.timeout.ms`; heartbeats come ten times as
    /// often). Not with `group_protocol: consumer`. Default: 45s, or what the cluster says for `group_protocol:
    /// consumer`.
    pub session_timeout: Option<Duration>,
    /// Which records of transactions are read (`isolation.level`).
    #[serde(default)]
    pub isolation: Isolation,
    /// Where a partition without a position of the group begins. The client's own `auto.offset.reset` is `error`: a
    /// position is looked up, never jumped to.
    #[serde(default)]
    pub start: Start,
    /// What happens when the records at the group's position are no longer there, because retention removed them or
    /// the topic was made anew. How many are missing is logged and counted in any case.
    #[serde(default)]
    pub on_lost_position: OnLostPosition,
    /// Largest message that is expected; the route's share of memory must hold one.
    #[serde(default = "default_max_message")]
    pub max_message: ByteSize,
    /// Settings of librdkafka for fetching, by its own names: `{ fetch.min.bytes: "65536" }`.
    #[serde(default)]
    #[schemars(extend("propertyNames" = { "enum": super::options::SOURCE }))]
    pub options: Options,
}

/// How a group shares out its partitions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "KafkaGroupProtocol")]
pub enum GroupProtocol {
    /// By the members, `partition.assignment.strategy=cooperative-sticky`: only partitions that change hands stop.
    #[default]
    Classic,
    /// By the cluster (KIP-848); Kafka 4.0 and later.
    Consumer,
}

/// Which records of transactions are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "KafkaIsolation")]
pub enum Isolation {
    /// Those of transactions that were committed.
    #[default]
    ReadCommitted,
    /// All, also those of transactions that were aborted.
    ReadUncommitted,
}

/// Where a partition without a position of the group begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "KafkaStart")]
pub enum Start {
    /// At the first record that is kept.
    #[default]
    Earliest,
    /// After the last record; a partition that is added to a topic which the group reads already begins at its first.
    Latest,
    /// At the first record written at or after this time, in RFC 3339: `2026-05-01T00:00:00Z`.
    Time(String),
}

/// What happens when the records at the group's position are no longer there: retention removed them, or the topic was
/// made anew. How many are missing is reported in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "KafkaOnLostPosition")]
pub enum OnLostPosition {
    /// The route stops and says what is missing, until the group's position is set or this is changed.
    #[default]
    Stop,
    /// It goes on at the first record that is kept.
    Earliest,
    /// It goes on after the last record.
    Latest,
}

fn default_max_message() -> ByteSize {
    ByteSize::from_mib(1)
}
