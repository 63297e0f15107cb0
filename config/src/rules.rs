//! What the types cannot say: rules about several values at once. Each looks at the whole configuration and collects.

mod amqp;
mod budget;
mod encoding;
mod endpoints;
mod exposure;
mod guarantees;
mod kafka;
mod lease;
mod listeners;
mod loops;
mod names;
mod nats;
pub(crate) mod routing;
mod targets;

use crate::{
    Config, RouteConfig, SinkConfig,
    load::Sections,
    yaml::{Finding, Place},
};

/// Routes of one process; what looks at pairs of them takes its time.
const MOST_ROUTES: usize = 1_000;

/// Checks every rule. `config` is what could be deserialised; `sections` knows where it stands, and what is missing in
/// `config` because it is broken.
pub(crate) fn check(config: &Config, sections: &Sections, findings: &mut Vec<Finding>) {
    let mut rules = Rules { config, sections, findings };
    if sections.count("routes") > MOST_ROUTES {
        let help = format!("one process may have up to {MOST_ROUTES}: divide them among several");
        let place = sections.last_place("routes");
        return rules.refuse(place, "too many routes", help);
    }
    rules.names();
    rules.targets();
    rules.routing();
    rules.endpoints();
    rules.exposure();
    rules.listeners();
    rules.loops();
    rules.budget();
    rules.guarantees();
    rules.encodings();
    rules.leases();
}

struct Rules<'a> {
    config: &'a Config,
    sections: &'a Sections,
    findings: &'a mut Vec<Finding>,
}

impl<'a> Rules<'a> {
    fn refuse(&mut self, place: Place, message: impl Into<String>, help: impl Into<String>) {
        self.findings.push(Finding::new(place, message, help));
    }

    /// The place of a value of a route: of what `path` leads to, or of the nearest thing around it.
    fn route_place(&self, route: &str, path: &[&str]) -> Place {
        self.place("routes", route, path)
    }

    fn place(&self, section: &str, name: &str, path: &[&str]) -> Place {
        let item = self.sections.named(section, name);
        item.map(|item| if path.is_empty() { item.key_place } else { item.node.place_of(path) })
            .unwrap_or_default()
    }

    /// Every sink of a route, its dead letters included, with the way to it.
    fn sinks(route: &'a RouteConfig) -> Vec<(Vec<String>, &'a SinkConfig)> {
        let mut sinks = Vec::new();
        let only = route.to.iter().map(|to| (vec!["to".to_owned()], to));
        let named = route.targets.iter().map(|(name, target)| {
            (vec!["targets".to_owned(), name.clone(), "to".to_owned()], &target.to)
        });
        for (path, to) in only.chain(named) {
            let several = matches!(to, crate::To::Failover(_));
            for (index, sink) in to.sinks().iter().enumerate() {
                let mut path = path.clone();
                if several {
                    path.extend(["failover".to_owned(), index.to_string()]);
                }
                path.push(sink.kind().to_owned());
                sinks.push((path, sink));
            }
        }
        if let Some(dead_letter) = &route.dead_letter {
            let kind = dead_letter.to.kind().to_owned();
            sinks.push((vec!["dead_letter".into(), "to".into(), kind], &dead_letter.to));
        }
        sinks
    }

    /// The place of `key` in the sink at `path`.
    fn sink_place(&self, route: &str, path: &[String], key: &str) -> Place {
        let mut path: Vec<&str> = path.iter().map(String::as_str).collect();
        path.push(key);
        self.route_place(route, &path)
    }
}
