//! Whether a message can be lost or come twice.

use super::{Refusal, sinks};
use crate::{
    Config, DeliveryGuarantee, Fsync, RouteConfig, SinkConfig, SourceConfig,
    connector::nats::{Read, To},
    optional::optional,
};

/// Where the promise of `route` ends.
///
/// # Errors
/// Its endpoints cannot keep what it asks for.
pub(crate) fn delivery(config: &Config, route: &RouteConfig) -> Result<Vec<String>, Refusal> {
    match route.delivery {
        DeliveryGuarantee::AtMostOnce => at_most_once(config, route),
        _ if is_core(route) => {
            let message = format!(
                "`delivery: {}` over core NATS, which confirms nothing and keeps nothing",
                route.delivery
            );
            let help = "write `delivery: at_most_once`, or a `stream`";
            Err((message, help.to_owned()))
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

/// Only for what cannot promise more: elsewhere nothing is won by losing messages.
fn at_most_once(config: &Config, route: &RouteConfig) -> Result<Vec<String>, Refusal> {
    if is_core(route) {
        return Ok(losses(config, route));
    }
    let message = "`delivery: at_most_once` where every endpoint confirms: the route sends before it settles anyway";
    let help = "write `at_least_once`, or leave it out";
    Err((message.to_owned(), help.to_owned()))
}

/// Whether the source or a sink is core NATS, dead letters included.
fn is_core(route: &RouteConfig) -> bool {
    let core = |sink: &SinkConfig| matches!(sink, SinkConfig::Nats(nats) if nats.to() == To::Core);
    let dead_letter = route.dead_letter.as_ref().map(|dead_letter| &dead_letter.to);
    matches!(&route.from, SourceConfig::Nats(nats) if nats.read() == Read::Core)
        || sinks(route).chain(dead_letter).any(core)
}

fn effectively_once(config: &Config, route: &RouteConfig) -> Result<Vec<String>, Refusal> {
    let positions = matches!(
        route.from,
        SourceConfig::Kafka(_)
            | SourceConfig::Log(_)
            | SourceConfig::Nats(_)
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
        let drops_repeats = match sink {
            SinkConfig::Http(http) => http.deduplicates,
            SinkConfig::Nats(_) => true,
            _ => false,
        };
        if drops_repeats {
            continue;
        }
        let message = format!(
            "`delivery: effectively_once` needs targets that drop repeats, which {} does not promise",
            sink.kind()
        );
        let help = "write `at_least_once`, a `stream` or `kv` of a `nats` sink, or `deduplicates: true` on an `http` sink whose receiver heeds `Idempotency-Key`";
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
    if matches!(&route.from, SourceConfig::Nats(nats) if nats.read() == Read::Core) {
        losses.push("core NATS keeps nothing for a subscriber that is away or slow".to_owned());
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
            (SinkConfig::Nats(nats), _) if nats.to() == To::Core => {
                losses.push("core NATS confirms nothing".to_owned());
            }
            (SinkConfig::Nats(_), _) if route.delivery == DeliveryGuarantee::EffectivelyOnce => {
                losses.push("a stream drops repeats within its duplicate window".to_owned());
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
