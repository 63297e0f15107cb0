//! Whether messages can overtake each other.

use super::{Refusal, partitions, sinks};
use crate::{Config, Ordering, RouteConfig, SinkConfig, SourceConfig};

/// What the order of `route` does not cover.
///
/// # Errors
/// Its endpoints cannot keep the order that it asks for.
pub(crate) fn order(config: &Config, route: &RouteConfig) -> Result<Vec<String>, Refusal> {
    let mut limits = Vec::new();
    match (&route.from, route.ordering()) {
        (SourceConfig::Http(_), Ordering::None) => {
            limits.push("open HTTP requests have no order".to_owned());
        }
        (SourceConfig::Amqp(amqp), Ordering::Key) if amqp.stream.is_none() => {
            limits.push("messages of one routing key".to_owned());
        }
        (_, Ordering::None) => limits.push("the route asks for none".to_owned()),
        (SourceConfig::Http(_), _) => limits.push("in the order of arrival".to_owned()),
        (SourceConfig::File(file), _) if file.path.contains(['*', '?', '[']) => {
            limits.push("files have no order among themselves".to_owned());
        }
        _ => {}
    }
    if route.ordering() == Ordering::Total {
        total(config, route)?;
    }
    Ok(limits)
}

fn total(config: &Config, route: &RouteConfig) -> Result<(), Refusal> {
    if let SourceConfig::Log(log) = &route.from {
        one_partition(config, &log.topic)?;
    }
    for sink in sinks(route) {
        let SinkConfig::Log(log) = sink else { continue };
        match log.topic.literal() {
            Some(topic) => one_partition(config, topic)?,
            None => {
                let message = "`ordering: total` into topics that depend on the message".to_owned();
                let help = "write one topic, or `ordering: key`";
                return Err((message, help.to_owned()));
            }
        }
    }
    Ok(())
}

fn one_partition(config: &Config, topic: &str) -> Result<(), Refusal> {
    let count = partitions(config, topic);
    if count <= 1 {
        return Ok(());
    }
    let message = format!(
        "`ordering: total` over the topic `{topic}`, which has {count} partitions without an order among them"
    );
    let help = "write `ordering: key`, or give the topic one partition";
    Err((message, help.to_owned()))
}
