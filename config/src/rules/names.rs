//! Names become labels, paths of folders and paths of URLs, so they are plain.

use super::Rules;
use crate::{SinkConfig, SourceConfig};

const LONGEST: usize = 128;
const HELP: &str =
    "a name has 1 to 128 letters, digits, `.`, `_` and `-`, and begins with a letter or a digit";

impl Rules<'_> {
    pub(super) fn names(&mut self) {
        for name in self.config.connections.keys() {
            self.name("connections", name, "connection");
        }
        for name in self.config.topics.keys() {
            self.name("topics", name, "topic");
        }
        for (name, route) in &self.config.routes {
            self.name("routes", name, "route");
            for target in route.targets.keys().filter(|target| !is_name(target)) {
                let place = self.route_place(name, &["targets"]);
                self.refuse(place, format!("not a name for a target, {target:?}"), HELP);
            }
            if let SourceConfig::Log(log) = &route.from {
                self.used(name, &log.topic, &["from", "log", "topic"], "topic");
                if let Some(group) = &log.group {
                    self.used(name, group, &["from", "log", "group"], "consumer group");
                }
            }
            for (path, sink) in Self::sinks(route) {
                let SinkConfig::Log(log) = sink else { continue };
                // What references render is checked when they do.
                if let Some(topic) = log.topic.literal().filter(|topic| !is_name(topic)) {
                    let place = self.sink_place(name, &path, "topic");
                    self.refuse(place, format!("not a name for a topic, {topic:?}"), HELP);
                }
            }
        }
    }

    fn name(&mut self, section: &str, name: &str, what: &str) {
        if !is_name(name) {
            let place = self.place(section, name, &[]);
            self.refuse(place, format!("not a name for a {what}, {name:?}"), HELP);
        }
    }

    fn used(&mut self, route: &str, name: &str, path: &[&str], what: &str) {
        if !is_name(name) {
            let place = self.route_place(route, path);
            self.refuse(place, format!("not a name for a {what}, {name:?}"), HELP);
        }
    }
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    starts && name.len() <= LONGEST && name.chars().all(plain)
}
