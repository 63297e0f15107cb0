//! Targets that are not required: written down by their route, and followed later by a route of their own.
//!
//! In its route such a target becomes an append to a topic of the log's own, and a *following* route brings what is there to
//! the sink of the target. So everything that holds for routes holds for both. What the files say stays as it is: [`follow`]
//! makes the routes that run.

use crate::{
    ByteSize, Config, RouteConfig, SinkConfig, SourceConfig, TargetConfig, Template, To,
    TopicConfig, connector::log,
};

/// What the topics begin with that optional targets follow. No file can name one.
pub const BACKLOG_PREFIX: &str = "__optional.";
/// Between a route and its target in the name of a following route; not in a name that a file can give.
const SEPARATOR: char = '/';
/// The log takes no longer names of topics.
const LONGEST_TOPIC: usize = 200;
/// Whole segments are removed when they are delivered, so they are small.
const SEGMENT: ByteSize = ByteSize::from_mib(8);

/// The configuration that runs: each optional target of one that was loaded is an append, and a route that follows it.
pub fn follow(mut config: Config) -> Config {
    let mut following = Vec::new();
    for (name, route) in &mut config.routes {
        let Followed { routes, topics } = followed(name, route);
        following.extend(routes);
        config.topics.extend(topics);
    }
    config.routes.extend(following);
    config
}

/// The route whose optional target the route `name` follows, if it is such a route.
pub fn followed_by(name: &str) -> Option<&str> {
    name.split_once(SEPARATOR).map(|(route, _)| route)
}

/// How many routes run for `config`.
pub(crate) fn routes_for(config: &Config) -> usize {
    config.routes.values().map(|route| 1 + optional(route).count()).sum()
}

/// The targets of a route that are not required.
pub(crate) fn optional(route: &RouteConfig) -> impl Iterator<Item = (&String, &TargetConfig)> {
    route.targets.iter().filter(|(_, target)| !target.required)
}

/// Whether the log takes the name of the topic that `target` follows.
pub(crate) fn has_topic(route: &str, target: &str) -> bool {
    topic(route, target).len() <= LONGEST_TOPIC
}

#[derive(Default)]
struct Followed {
    routes: Vec<(String, RouteConfig)>,
    topics: Vec<(String, TopicConfig)>,
}

fn followed(name: &str, route: &mut RouteConfig) -> Followed {
    let mut followed = Followed::default();
    let names: Vec<String> = optional(route).map(|(target, _)| target.clone()).collect();
    for target in names {
        let topic = topic(name, &target);
        let append = SinkConfig::Log(log::SinkConfig {
            topic: Template::literally(&topic),
            key: None,
            max_message: ByteSize::from_bytes(u64::MAX),
        });
        let append = TargetConfig::new(To::Sink(append));
        let Some(wanted) = route.targets.insert(target.clone(), append) else { continue };
        let settings = TopicConfig {
            // One, so that all orders hold, that of messages without a key too.
            partitions: 1,
            retention: wanted.backlog.clone().unwrap_or_default(),
            segment_bytes: SEGMENT,
        };
        let follower = follower(route, &topic, &target, wanted);
        followed.routes.push((format!("{name}{SEPARATOR}{target}"), follower));
        followed.topics.push((topic, settings));
    }
    followed
}

/// The messages have been through the steps, and stand in the topic as they are to be sent.
fn follower(route: &RouteConfig, topic: &str, target: &str, wanted: TargetConfig) -> RouteConfig {
    let wanted = TargetConfig { required: true, backlog: None, ..wanted };
    RouteConfig {
        from: SourceConfig::Log(log::SourceConfig {
            topic: topic.to_owned(),
            group: None,
            start: log::Start::Earliest,
            max_message: route.from.max_message(),
        }),
        to: None,
        targets: [(target.to_owned(), wanted)].into(),
        transform: Vec::new(),
        rules: None,
        otherwise: Vec::new(),
        ordering: Some(route.ordering()),
        delivery: route.delivery,
        limits: route.limits.clone(),
        retry: route.retry.clone(),
        circuit_breaker: route.circuit_breaker.clone(),
        dead_letter: route.dead_letter.clone(),
    }
}

/// Dots of the route are doubled, and a target begins with none: no two pairs of names have one topic.
fn topic(route: &str, target: &str) -> String {
    format!("{BACKLOG_PREFIX}{}.{target}", route.replace('.', ".."))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Ordering, connector::http, from_yaml};

    const FILE: &str = "
hybridge: v1
routes:
  orders:
    from: { http: { listen: \"127.0.0.1:1\", max_message: 2MiB } }
    targets:
      keep: { to: { log: { topic: orders } } }
      crm:
        to: { http: { url: \"http://crm/\" } }
        required: false
        retry: { max: 1m }
        backlog: { age: 1d, bytes: 1GiB }
    transform: [ { cloudevents: {} } ]
    ordering: total
    retry: { initial: 1s }
    limits: { lanes: 3 }
    dead_letter: { to: { log: { topic: dead } } }
";

    fn file() -> Config {
        from_yaml(FILE).unwrap()
    }

    #[test]
    fn an_optional_target_is_an_append_and_a_route_that_follows_it() {
        let config = follow(file());
        let [(name, route), (derived_name, derived)] =
            <[_; 2]>::try_from(config.routes.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!((name.as_str(), derived_name.as_str()), ("orders", "orders/crm"));
        let SinkConfig::Log(append) = &route.targets["crm"].to.sinks()[0] else { panic!() };
        assert_eq!(append.topic.literal(), Some("__optional.orders.crm"));
        assert_eq!(route.targets["keep"], file().routes["orders"].targets["keep"]);
        assert_eq!(route.transform, file().routes["orders"].transform);

        let SourceConfig::Log(from) = &derived.from else { panic!() };
        assert_eq!((from.topic.as_str(), &from.group), ("__optional.orders.crm", &None));
        assert_eq!(from.max_message, ByteSize::from_mib(2));
        let target = &derived.targets["crm"];
        let SinkConfig::Http(sink) = &target.to.sinks()[0] else { panic!() };
        let _: &http::SinkConfig = sink;
        assert!(target.required && derived.transform.is_empty());
        let retry = derived.retry_for(target);
        assert_eq!((retry.initial.to_string(), retry.max.to_string()), ("1s".into(), "1m".into()));
        assert_eq!((derived.ordering(), derived.lanes()), (Ordering::Total, 3));
        assert_eq!(derived.dead_letter, file().routes["orders"].dead_letter);

        let topic = &config.topics["__optional.orders.crm"];
        assert_eq!((topic.partitions, topic.retention.bytes), (1, Some(ByteSize::from_mib(1024))));
    }

    #[test]
    fn a_configuration_without_optional_targets_stays_as_it_is() {
        let mut config = file();
        config.routes.get_mut("orders").unwrap().targets.remove("crm");
        assert_eq!(follow(config.clone()), config);
        assert_eq!(routes_for(&config), 1);
        assert_eq!(routes_for(&file()), 2);
    }

    #[test]
    fn only_a_following_route_follows() {
        assert_eq!(followed_by("orders/crm"), Some("orders"));
        assert_eq!(followed_by("orders.crm"), None);
    }

    proptest! {
        #[test]
        fn no_two_targets_share_a_topic(
            one in ("[a-b][.a-b]{0,4}", "[a-b][.a-b]{0,4}"),
            other in ("[a-b][.a-b]{0,4}", "[a-b][.a-b]{0,4}"),
        ) {
            let same = topic(&one.0, &one.1) == topic(&other.0, &other.1);
            prop_assert_eq!(same, one == other);
        }
    }
}
