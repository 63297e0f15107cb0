//! A route on one line.

use std::fmt;

use serde::Serialize;

use super::{Guarantee, guarantee};
use crate::{
    Config, RouteConfig, SinkConfig, SourceConfig, Template, To, TransformConfig, connector::nats,
};

/// A route for people: where its messages come from, what happens to them, where they go, and what is promised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The name of the route.
    pub route: String,
    /// The source: `http 127.0.0.1:8080`.
    pub source: String,
    /// The steps, by their kinds.
    pub steps: Vec<String>,
    /// The targets: `log orders`, `http https://crm (optional)`; sinks that stand in for each other with `|` between them.
    pub targets: Vec<String>,
    /// Where dead letters go.
    pub dead_letter: Option<String>,
    /// What is promised.
    pub guarantee: Guarantee,
}

/// The summary of a route of a configuration that was loaded.
pub fn summary(config: &Config, name: &str, route: &RouteConfig) -> Summary {
    let only = route.to.iter().map(target);
    let named = route.targets.values().map(|config| match config.required {
        true => target(&config.to),
        false => format!("{} (optional)", target(&config.to)),
    });
    Summary {
        route: name.to_owned(),
        source: source(&route.from),
        steps: route.transform.iter().map(TransformConfig::kind).map(str::to_owned).collect(),
        targets: only.chain(named).collect(),
        dead_letter: route.dead_letter.as_ref().map(|dead_letter| sink(&dead_letter.to)),
        guarantee: guarantee(config, route),
    }
}

fn source(source: &SourceConfig) -> String {
    match source {
        SourceConfig::Amqp(amqp) => format!("amqp {}", amqp.queue),
        SourceConfig::Http(http) if http.path == "/" => format!("http {}", http.listen),
        SourceConfig::Http(http) => format!("http {}{}", http.listen, http.path),
        SourceConfig::Kafka(kafka) => format!("kafka {}", kafka.topics.join(",")),
        SourceConfig::Nats(nats) => match nats.read() {
            nats::Read::Stream(stream) => format!("nats {stream}"),
            nats::Read::Kv(bucket) => format!("nats kv {bucket}"),
            nats::Read::Core => format!("nats core {}", nats.subjects.join(",")),
        },
        SourceConfig::Log(log) => format!("log {}", log.topic),
        SourceConfig::File(file) => format!("file {}", file.path),
        SourceConfig::Stdio(_) => "stdio".to_owned(),
        SourceConfig::Schedule(schedule) => match (&schedule.cron, &schedule.every) {
            (Some(cron), _) => format!("schedule {cron:?}"),
            (None, Some(every)) => format!("schedule every {every}"),
            (None, None) => "schedule".to_owned(),
        },
    }
}

fn target(to: &To) -> String {
    let sinks: Vec<String> = to.sinks().iter().map(sink).collect();
    sinks.join(" | ")
}

fn sink(sink: &SinkConfig) -> String {
    match sink {
        SinkConfig::Amqp(amqp) => {
            let key = amqp.routing_key.as_ref().map_or("{{ key }}", Template::text);
            format!("amqp {}/{key}", amqp.exchange)
        }
        SinkConfig::Http(http) => match (&http.url, &http.connection) {
            (Some(url), _) => format!("http {url}"),
            (None, connection) => format!("http {}", connection.as_deref().unwrap_or_default()),
        },
        SinkConfig::Kafka(kafka) => format!("kafka {}", kafka.topic),
        SinkConfig::Nats(nats) => match nats.to() {
            nats::To::Stream(stream) => format!("nats {stream}"),
            nats::To::Kv(bucket) => format!("nats kv {bucket}"),
            nats::To::Core => {
                let subject = nats.subject.as_ref().map(ToString::to_string);
                format!("nats core {}", subject.unwrap_or_default())
            }
        },
        SinkConfig::Log(log) => format!("log {}", log.topic),
        SinkConfig::File(file) => format!("file {}", file.path.display()),
        SinkConfig::Stdio(_) => "stdio".to_owned(),
    }
}

/// `orders: http 127.0.0.1:8080 -> cloudevents -> log orders; at_least_once, order none (open HTTP requests have no order)`
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {}", self.route, self.source)?;
        for step in &self.steps {
            write!(f, " -> {step}")?;
        }
        write!(f, " -> {}", self.targets.join(" + "))?;
        if let Some(dead_letter) = &self.dead_letter {
            write!(f, "; dead letters to {dead_letter}")?;
        }
        let Guarantee { delivery, delivery_limits, order, order_limits } = &self.guarantee;
        write!(
            f,
            "; {delivery}{}, order {order}{}",
            remarks(delivery_limits),
            remarks(order_limits)
        )
    }
}

fn remarks(remarks: &[String]) -> String {
    match remarks {
        [] => String::new(),
        remarks => format!(" ({})", remarks.join("; ")),
    }
}
