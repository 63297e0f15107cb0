//! No message may come back to where it was: routes that feed each other are refused.

mod kafka;
mod nats;

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use super::Rules;
use crate::{Config, ConnectionConfig, Segment, SinkConfig, SourceConfig, Template};

/// Edges that are followed; what is not found for want of them is found when the loops that were are undone.
const MOST_STEPS: usize = 4_000_000;

/// A way from one route's sink to a route's source.
struct Edge<'a> {
    to: &'a str,
    /// The way to the sink in the file.
    path: Rc<[String]>,
    key: &'static str,
    dead_letter: bool,
}

impl Rules<'_> {
    pub(super) fn loops(&mut self) {
        let mut graph = graph(self.config);
        prune(&mut graph);
        let mut reported: BTreeSet<&str> = BTreeSet::new();
        let mut patience = MOST_STEPS;
        for (route, edges) in &graph {
            // A route in a loop that is reported may still feed itself.
            let feeds_itself = edges.iter().any(|edge| edge.to == *route);
            if reported.contains(route) && !feeds_itself {
                continue;
            }
            let Some(cycle) = cycle(&graph, route, &mut patience) else { continue };
            reported.extend(cycle.iter().map(|(route, _)| *route));
            self.report(&cycle);
        }
    }

    fn report(&mut self, cycle: &[(&str, &Edge)]) {
        let Some((route, edge)) = cycle.first() else { return };
        let place = self.sink_place(route, &edge.path, edge.key);
        if cycle.len() == 1 && edge.dead_letter {
            let message = format!("the dead letters of the route `{route}` go to its own source");
            return self.refuse(place, message, "write a topic that the source does not read");
        }
        let mut way: Vec<String> = cycle.iter().map(|(route, _)| (*route).to_owned()).collect();
        if way.len() > 8 {
            let left_out = format!("{} more", way.len() - 7);
            way.splice(6..way.len() - 1, [left_out]);
        }
        way.push((*route).to_owned());
        let message = match cycle.len() {
            1 => format!("a loop: the route `{route}` feeds itself"),
            _ => format!("a loop of routes: {}", way.join(" -> ")),
        };
        self.refuse(place, message, "write another target for one of them");
    }
}

/// The edges that leave each route.
type Graph<'a> = BTreeMap<&'a str, Vec<Edge<'a>>>;

/// What routes read from.
struct Sources<'a> {
    /// The routes that read from each place: a kind of source, and what that calls its place.
    places: BTreeMap<(&'a str, String), Vec<&'a str>>,
    patterns: Vec<Subscription<'a>>,
}

/// The routes that read whatever topics of a cluster match.
struct Subscription<'a> {
    cluster: String,
    pattern: kafka::Pattern,
    routes: Vec<&'a str>,
}

impl<'a> Subscription<'a> {
    /// `None` for a place that is one topic.
    fn new(place: &str, routes: &[&'a str]) -> Option<Self> {
        let (cluster, topic) = place.split_at(place.find('\n')? + 1);
        let pattern = kafka::Pattern::new(topic)?;
        Some(Self { cluster: cluster.to_owned(), pattern, routes: routes.to_vec() })
    }
}

fn sources(config: &Config) -> Sources<'_> {
    let mut places: BTreeMap<(&str, String), Vec<&str>> = BTreeMap::new();
    for (name, route) in &config.routes {
        let read = match &route.from {
            SourceConfig::Log(log) => vec![log.topic.clone()],
            SourceConfig::File(file) => vec![file.path.clone()],
            SourceConfig::Http(http) => vec![format!("{}{}", http.listen, http.path)],
            SourceConfig::Kafka(kafka) => {
                let cluster = cluster(config, &kafka.connection);
                kafka.topics.iter().map(|topic| format!("{cluster}{topic}")).collect()
            }
            SourceConfig::Amqp(amqp) => {
                vec![format!("{}{}", cluster(config, &amqp.connection), amqp.queue)]
            }
            SourceConfig::Nats(_) | SourceConfig::Stdio(_) | SourceConfig::Schedule(_) => continue,
        };
        for place in read {
            places.entry((route.from.kind(), place)).or_default().push(name);
        }
    }
    let kafka = places.iter().filter(|((kind, _), _)| *kind == "kafka");
    let patterns = kafka.filter_map(|((_, place), routes)| Subscription::new(place, routes));
    let patterns = patterns.collect();
    Sources { places, patterns }
}

fn graph(config: &Config) -> Graph<'_> {
    let sources = sources(config);
    let mut graph = Graph::new();
    for (name, route) in &config.routes {
        let mut edges = Vec::new();
        for (path, sink) in Rules::sinks(route) {
            let dead_letter = path.first().is_some_and(|step| step == "dead_letter");
            let (key, fed) = fed(config, sink, &sources);
            let path: Rc<[String]> = path.into();
            edges.extend(fed.into_iter().map(|to| Edge {
                to,
                path: path.clone(),
                key,
                dead_letter,
            }));
        }
        graph.insert(name, edges);
    }
    graph
}

/// The routes that may read what `sink` writes, and the key of the sink that says so.
fn fed<'a>(
    config: &'a Config,
    sink: &SinkConfig,
    sources: &Sources<'a>,
) -> (&'static str, Vec<&'a str>) {
    let exactly =
        |place: String| sources.places.get(&(sink.kind(), place)).cloned().unwrap_or_default();
    match sink {
        SinkConfig::Amqp(amqp) => {
            let cluster = cluster(config, &amqp.connection);
            let bound = |source: &SourceConfig| matches!(source, SourceConfig::Amqp(source) if amqp.may_feed(source));
            let fed = match (amqp.exchange.as_str(), &amqp.routing_key) {
                ("", Some(routing_key)) => named("amqp", &cluster, routing_key, sources),
                // Which queues an exchange feeds, the broker alone knows; what the file says is followed.
                _ => within("amqp", &cluster, sources)
                    .filter(|route| {
                        config.routes.get(*route).is_some_and(|route| bound(&route.from))
                    })
                    .collect(),
            };
            ("exchange", fed)
        }
        SinkConfig::File(file) => ("path", exactly(file.path.to_string_lossy().into_owned())),
        SinkConfig::Http(http) => {
            let url = http.url.as_ref().map(ToString::to_string).unwrap_or_default();
            let place = url.split_once("://").map(|(_, rest)| rest).unwrap_or_default();
            let root = if place.contains('/') { "" } else { "/" };
            ("url", exactly(format!("{place}{root}")))
        }
        SinkConfig::Kafka(kafka) => {
            let cluster = cluster(config, &kafka.connection);
            let mut fed = named("kafka", &cluster, &kafka.topic, sources);
            let patterns = sources.patterns.iter().filter(|known| known.cluster == cluster);
            let matching = patterns.filter(|known| known.pattern.may_match(&kafka.topic));
            fed.extend(matching.flat_map(|known| known.routes.iter().copied()));
            ("topic", fed)
        }
        SinkConfig::Nats(sink) => ("subject", nats::fed(config, sink)),
        SinkConfig::Log(log) => ("topic", named("log", "", &log.topic, sources)),
        SinkConfig::Stdio(_) => ("", Vec::new()),
    }
}

/// The routes that read from a place within `cluster` whose name `template` may render to.
fn named<'a>(
    kind: &str,
    cluster: &str,
    template: &Template,
    sources: &Sources<'a>,
) -> Vec<&'a str> {
    let same = sources.places.iter().filter(|((other, _), _)| *other == kind);
    let fed = same.filter(|((_, place), _)| {
        place.strip_prefix(cluster).is_some_and(|name| may_be(template, name))
    });
    fed.flat_map(|(_, routes)| routes.iter().copied()).collect()
}

/// The routes that read from any place within `cluster`.
fn within<'a>(kind: &str, cluster: &str, sources: &Sources<'a>) -> impl Iterator<Item = &'a str> {
    let same = sources
        .places
        .iter()
        .filter(move |((other, place), _)| *other == kind && place.starts_with(cluster));
    same.flat_map(|(_, routes)| routes.iter().copied())
}

/// What tells one cluster from another: the addresses of the connection, whatever its name, and a
/// character that no address and no topic has.
fn cluster(config: &Config, connection: &str) -> String {
    let mut addresses = match config.connections.get(connection) {
        Some(ConnectionConfig::Amqp(amqp)) => vec![amqp.uri.to_string()],
        Some(ConnectionConfig::Kafka(kafka)) => kafka.brokers.clone(),
        Some(ConnectionConfig::Nats(nats)) => nats.servers.clone(),
        Some(ConnectionConfig::Http(_)) | None => vec![connection.to_owned()],
    };
    addresses.sort_unstable();
    format!("{}\n", addresses.join(","))
}

/// Takes away the routes that lead nowhere, until every one that is left leads to a loop.
fn prune(graph: &mut Graph) {
    let mut feeders: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut ways: BTreeMap<String, usize> = BTreeMap::new();
    for (from, edges) in graph.iter() {
        ways.insert((*from).to_owned(), edges.len());
        for edge in edges {
            feeders.entry(edge.to.to_owned()).or_default().push((*from).to_owned());
        }
    }
    let is_end = |(_, ways): &(&String, &usize)| **ways == 0;
    let mut ends: Vec<String> = ways.iter().filter(is_end).map(|(end, _)| end.clone()).collect();
    while let Some(end) = ends.pop() {
        graph.remove(end.as_str());
        for feeder in feeders.get(&end).into_iter().flatten() {
            let Some(left) = ways.get_mut(feeder) else { continue };
            *left -= 1;
            if *left == 0 {
                ends.push(feeder.clone());
            }
        }
    }
}

/// The shortest way from a route back to itself, as its edges and where each starts.
fn cycle<'g>(
    graph: &'g Graph<'_>,
    start: &'g str,
    patience: &mut usize,
) -> Option<Vec<(&'g str, &'g Edge<'g>)>> {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    // Each entry is an edge and the entry that it continues.
    let mut steps: Vec<(&str, &Edge, Option<usize>)> = Vec::new();
    steps.extend(graph.get(start)?.iter().map(|edge| (start, edge, None)));
    let mut next = 0;
    while next < steps.len() {
        let to = steps[next].1.to;
        if to == start {
            return Some(walk_back(&steps, next));
        }
        *patience = patience.checked_sub(1)?;
        if seen.insert(to) {
            let edges = graph.get(to).into_iter().flatten();
            steps.extend(edges.map(|edge| (to, edge, Some(next))));
        }
        next += 1;
    }
    None
}

fn walk_back<'g>(
    steps: &[(&'g str, &'g Edge<'g>, Option<usize>)],
    last: usize,
) -> Vec<(&'g str, &'g Edge<'g>)> {
    let mut cycle = Vec::new();
    let mut next = Some(last);
    while let Some((from, edge, before)) = next.and_then(|index| steps.get(index)) {
        cycle.push((*from, *edge));
        next = *before;
    }
    cycle.reverse();
    cycle
}

/// Whether a template can render to `text`: a reference stands for any text, none included.
fn may_be(template: &Template, text: &str) -> bool {
    if let Some(literal) = template.literal() {
        return literal == text;
    }
    let mut segments = template.segments();
    let mut rest = text;
    if let [Segment::Literal(first), others @ ..] = segments {
        let Some(after) = rest.strip_prefix(first.as_str()) else { return false };
        (rest, segments) = (after, others);
    }
    if let [others @ .., Segment::Literal(last)] = segments {
        let Some(before) = rest.strip_suffix(last.as_str()) else { return false };
        (rest, segments) = (before, others);
    }
    for segment in segments {
        let Segment::Literal(literal) = segment else { continue };
        let Some((_, after)) = rest.split_once(literal.as_str()) else { return false };
        rest = after;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_may_be_any_text() {
        let may = |template: &str, text| may_be(&template.parse().unwrap(), text);
        assert!(
            may("orders", "orders")
                && !may("orders", "orders.dead")
                && !may("orders.dead", "orders")
        );
        assert!(may("{{ key }}", "orders") && may("orders.{{ key }}", "orders.x"));
        assert!(!may("orders.{{ key }}", "orders") && !may("ab{{ key }}bc", "abc"));
        assert!(may("{{ key }}.dead", "a.dead.dead") && !may("{{ key }}.dead", "a.dead.x"));
        assert!(
            may("a.{{ key }}.b.{{ key }}", "a.x.b.y") && !may("a.{{ key }}.b.{{ key }}", "a.x.c.y")
        );
    }
}
