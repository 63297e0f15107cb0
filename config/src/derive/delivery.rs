//! Whether a message can be lost or come twice.

use super::{Refusal, sinks};
use crate::{
    Config, DeliveryGuarantee, Fsync, RouteConfig, SinkConfig, SourceConfig, optional::optional,
};

/// Where the promise of `route` ends.
///
/// # Errors
/// Its endpoints cannot keep what it asks for.
pub(crate) fn delivery(config: &Config, route: &RouteConfig) -> Result<Vec<String>, Refusal> {
    match route.delivery {
        DeliveryGuarantee::AtMostOnce => {
            let message =
                "`delivery: at_most_once` is not available: every route sends before it settles";
            let help = "write `at_least_once`, or leave it out";
            Err((message.to_owned(), help.to_owned()))
        }
        DeliveryGuarantee::AtLeastOnce => Ok(losses(config, route)),
        DeliveryGuarantee::EffectivelyOnce => effectively_once(config, route),
        DeliveryGuarantee::ExactlyOnce => {
            let kinds: Vec<&str> = sinks(route).map(SinkConfig::kind).collect();
            let message = format!(
                "`delivery: exactly_once` needs one transaction for source and target, which {} and {} do not have",
                route.from.kind(),
                kinds.join(", "),
            );
            let help =
                "write `at_least_once`, or `effectively_once` where the target drops repeats";
            Err((message, help.to_owned()))
        }
    }
}

fn effectively_once(config: &Config, route: &RouteConfig) -> Result<Vec<String>, Refusal> {
    let positions = matches!(
        route.from,
        SourceConfig::Kafka(_)
            | SourceConfig::Log(_)
            | SourceConfig::File(_)
            | SourceConfig::Schedule(_)
    );
    if !positions {
        let message = format!(
            "`delivery: effectively_once` needs a source whose messages have positions, which {} does not have",
            route.from.kind()
        );
        let help = "write `at_least_once`, or go through a topic: one route into it, one out of it";
        return Err((message, help.to_owned()));
    }
    for sink in sinks(route) {
        if matches!(sink, SinkConfig::Http(http) if http.deduplicates) {
            continue;
        }
        let message = format!(
            "`delivery: effectively_once` needs targets that drop repeats, which {} does not promise",
            sink.kind()
        );
        let help = "write `at_least_once`, or `deduplicates: true` on an `http` sink whose receiver heeds `Idempotency-Key`";
        return Err((message, help.to_owned()));
    }
    Ok(losses(config, route))
}

/// What loses messages all the same.
fn losses(config: &Config, route: &RouteConfig) -> Vec<String> {
    let mut losses = Vec::new();
    if matches!(route.from, SourceConfig::Stdio(_)) {
        losses.push("standard input has no position to go back to after a crash".to_owned());
    }
    let interval = match config.storage.fsync {
        Fsync::Always => None,
        Fsync::Interval(interval) => Some(interval),
    };
    for sink in sinks(route) {
        match (sink, interval) {
            (SinkConfig::Amqp(amqp), _) if !amqp.persistent => {
                losses.push("a restart of the AMQP broker loses what is not persistent".to_owned());
            }
            (SinkConfig::Log(_), Some(interval)) => {
                losses.push(format!("a power loss takes up to {interval} of the log"));
            }
            (SinkConfig::File(file), _) if !file.fsync => {
                let path = file.path.display();
                losses.push(format!("a power loss takes what is not on disk of {path}"));
            }
            (SinkConfig::Stdio(_), _) => {
                losses.push("standard output confirms nothing".to_owned());
            }
            _ => {}
        }
    }
    if let (Some(interval), Some(_)) = (interval, optional(route).next()) {
        losses.push(format!("a power loss takes up to {interval} of the log"));
    }
    for (name, target) in optional(route) {
        let backlog = target.backlog.clone().unwrap_or_default();
        let age = backlog.age.map(|age| format!("longer than {age}"));
        let bytes = backlog.bytes.map(|bytes| format!("beyond {bytes}"));
        let limits: Vec<String> = age.into_iter().chain(bytes).collect();
        if !limits.is_empty() {
            losses.push(format!("{name} misses what waits for it {}", limits.join(" or ")));
        }
    }
    let mut known = std::collections::BTreeSet::new();
    losses.retain(|loss| known.insert(loss.clone()));
    losses
}
