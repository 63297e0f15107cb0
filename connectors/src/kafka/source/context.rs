//! What the consumer calls while it is polled. Everything is noted and answered by the reader afterwards, so that no
//! callback waits.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;

use super::super::client::{Voice, lock};

/// A change of what this member reads, which the client waits for an answer to.
#[derive(Debug)]
pub(super) enum Rebalance {
    Assign(Vec<(String, i32)>),
    Revoke(Vec<(String, i32)>),
}

/// What the consumer has called for.
pub(super) struct Context {
    pub(super) voice: Voice,
    rebalances: Mutex<VecDeque<Rebalance>>,
    /// The consumer is being dropped: nobody is left to answer a rebalance later.
    pub(super) leaving: AtomicBool,
}

impl Context {
    pub(super) fn new(voice: Voice) -> Self {
        Self { voice, rebalances: Mutex::default(), leaving: AtomicBool::new(false) }
    }

    pub(super) fn rebalance(&self) -> Option<Rebalance> {
        lock(&self.rebalances).pop_front()
    }
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, fac: &str, text: &str) {
        self.voice.log(level, fac, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.voice.error(&error, reason);
    }

    fn generate_oauth_token(
        &self,
        _: Option<&str>,
    ) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        self.voice.token()
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        kind: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        self.voice.speaks();
        let is_assign = kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.leaving.load(Ordering::Acquire) {
            let _ = match consumer.rebalance_protocol() {
                _ if is_assign => Ok(()),
                RebalanceProtocol::Cooperative => consumer.incremental_unassign(partitions),
                RebalanceProtocol::None | RebalanceProtocol::Eager => consumer.unassign(),
            };
            return;
        }
        let elements = partitions.elements();
        let listed = elements.iter().map(|one| (one.topic().to_owned(), one.partition())).collect();
        let change = if is_assign { Rebalance::Assign(listed) } else { Rebalance::Revoke(listed) };
        lock(&self.rebalances).push_back(change);
    }
}
