//! Every route has somewhere to go to, said in one way.

use super::Rules;
use crate::{RouteConfig, To, optional};

impl Rules<'_> {
    pub(super) fn targets(&mut self) {
        let sections = self.sections;
        for (name, item) in sections.entries("routes") {
            match (item.node.entry("to"), item.node.entry("targets")) {
                (Some(_), Some(targets)) => {
                    let help = "write one of the two: `to` for one target, `targets` for several with names";
                    self.refuse(targets.key_place, "`to` together with `targets`", help);
                }
                (None, None) => {
                    let help = "write `to: { log: { topic: ... } }`, or `targets:` for several";
                    self.refuse(item.key_place, format!("the route `{name}` has no target"), help);
                }
                (None, Some(targets)) if targets.node.is_empty_map() => {
                    let help = "write `name: { to: { ... } }` under `targets:`";
                    self.refuse(targets.key_place, "`targets` without a target", help);
                }
                _ => {}
            }
        }
        for (name, route) in &self.config.routes {
            for (target, config) in &route.targets {
                if config.failover.is_some() && !matches!(config.to, To::Failover(_)) {
                    let place = self.route_place(name, &["targets", target, "failover"]);
                    let help = "write `to: { failover: [ ... ] }`, or leave `failover` out";
                    self.refuse(place, "`failover` for a target with one sink", help);
                }
                if config.required && config.backlog.is_some() {
                    let place = self.route_place(name, &["targets", target, "backlog"]);
                    let help = "write `required: false` beside it, or leave `backlog` out";
                    self.refuse(place, "`backlog` for a target that is required", help);
                }
                let retry = route.retry_for(config);
                if retry.initial > retry.max {
                    let place = self.route_place(name, &["targets", target, "retry"]);
                    let message = format!(
                        "the first wait, {}, is longer than the longest, {}",
                        retry.initial, retry.max
                    );
                    self.refuse(place, message, "write a smaller `initial` or a larger `max`");
                }
            }
            self.optional(name, route);
            if route.retry.initial > route.retry.max && route.targets.is_empty() {
                let place = self.route_place(name, &["retry"]);
                let (initial, max) = (route.retry.initial, route.retry.max);
                let message =
                    format!("the first wait, {initial}, is longer than the longest, {max}");
                self.refuse(place, message, "write a smaller `initial` or a larger `max`");
            }
        }
    }

    fn optional(&mut self, name: &str, route: &RouteConfig) {
        let Some((first, _)) = optional::optional(route).next() else { return };
        if optional::optional(route).count() == route.targets.len() {
            let place = self.route_place(name, &["targets", first, "required"]);
            let help = "leave `required` out for one: a message is settled when the required targets have it";
            self.refuse(place, format!("no target of the route `{name}` is required"), help);
        }
        let too_long =
            optional::optional(route).find(|(target, _)| !optional::has_topic(name, target));
        if let Some((target, _)) = too_long {
            let place = self.route_place(name, &["targets", target, "required"]);
            let message = format!(
                "the names of the route and its optional target `{target}` are too long together"
            );
            self.refuse(place, message, "shorten one of them");
        }
        let letters = route.dead_letter.as_ref().map(|dead_letter| &dead_letter.to);
        if let Some(letters) = letters.filter(|letters| letters.exclusive().is_some()) {
            let place = self.route_place(name, &["dead_letter", "to", letters.kind()]);
            let message = format!(
                "dead letters of the route and of its optional target `{first}` in one file"
            );
            self.refuse(
                place,
                message,
                "write a topic: `dead_letter: { to: { log: { topic: ... } } }`",
            );
        }
    }
}
