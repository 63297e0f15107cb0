//! What the cluster has, and how much of it the client may read ahead.

use std::collections::HashMap;
use std::time::Duration;

use hybridge_core::{Error, ErrorKind};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::ASK;
use crate::kafka::client::{self, Voice};
use crate::kafka::source::Plan;
use crate::kafka::source::context::Context;

/// Asks the cluster which of the topics it has, how many partitions they have, and for its name.
pub(super) fn look(plan: &Plan) -> Result<(HashMap<String, i32>, Option<String>), Error> {
    let mut config = client::config(&plan.connection);
    config.set("client.id", "hybridge");
    let context = Context::new(Voice::new(plan.tokens.clone()));
    let client: BaseConsumer<Context> = config
        .create_with_context(context)
        .map_err(|error| Error::with_source(ErrorKind::Fatal, "cannot make the client", error))?;
    let voice = &client.context().voice;
    // Lets a token be fetched, where the login needs one.
    client.poll(Duration::ZERO);
    let unreachable = || {
        let brokers = plan.connection.brokers.join(",");
        format!("cannot reach the cluster at {brokers}")
    };
    if let Some(trouble) = voice.trouble() {
        return Err(Error::with_source(trouble.kind, unreachable(), trouble.reason));
    }
    let mut known = HashMap::new();
    let asked: Vec<Option<&str>> = match plan.topics.iter().any(|topic| topic.starts_with('^')) {
        true => vec![None],
        false => plan.topics.iter().map(|topic| Some(topic.as_str())).collect(),
    };
    for topic in asked {
        let metadata = client::ask(voice, ASK, |patience| {
            let metadata = client.fetch_metadata(topic, patience);
            while client.poll(Duration::ZERO).is_some() || voice.has_spoken() {}
            metadata
        });
        let metadata = metadata.map_err(|error| voice.explain(unreachable(), &error))?;
        for found in metadata.topics() {
            if let Some(error) = found.error() {
                if topic.is_none() {
                    continue;
                }
                let code = Code::from(error);
                let name = found.name();
                if code == Code::UnknownTopicOrPartition {
                    let help = format!(
                        "make it with `kafka-topics.sh --create --topic {name}`, or correct the name"
                    );
                    return Err(Error::transient(format!("there is no topic `{name}`: {help}")));
                }
                let what = format!("topic `{name}`");
                let kind = match client::kind(code) {
                    ErrorKind::Unauthorized => ErrorKind::Unauthorized,
                    _ => ErrorKind::Transient,
                };
                return Err(Error::with_source(kind, what, KafkaError::MetadataFetch(code)));
            }
            let count = i32::try_from(found.partitions().len()).unwrap_or(i32::MAX);
            known.insert(found.name().to_owned(), count);
        }
    }
    let cluster = client.client().fetch_cluster_id(ASK);
    Ok((known, cluster))
}

/// The queues of the client are bounded by what the route may hold.
pub(super) fn sized(
    config: &ClientConfig,
    queues: u64,
    partitions: u64,
    plan: &Plan,
) -> ClientConfig {
    let mut config = config.clone();
    let each = (queues / partitions).clamp(64 << 10, 8 << 20);
    let fetch = each.max(plan.max_message).min(1 << 30);
    let response = (queues / 4).max(fetch).min(2 << 30);
    let sizes = [
        ("queued.max.messages.kbytes", each / 1_000),
        ("fetch.message.max.bytes", each.min(1 << 20)),
        ("fetch.max.bytes", response),
        ("message.max.bytes", plan.max_message.clamp(1_000, 1_000_000_000)),
        ("receive.message.max.bytes", response.saturating_add(1 << 20).min(2_000_000_000)),
    ];
    for (name, value) in sizes {
        if config.get(name).is_none() {
            config.set(name, value.to_string());
        }
    }
    config
}
