//! Every route has somewhere to go to, said in one way.

use super::Rules;
use crate::To;

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
                if !config.required {
                    let place = self.route_place(name, &["targets", target, "required"]);
                    let help = "leave `required` out; a target that may fall behind gets a route of its own, from the same topic";
                    self.refuse(place, "optional targets are not available", help);
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
            if route.retry.initial > route.retry.max && route.targets.is_empty() {
                let place = self.route_place(name, &["retry"]);
                let (initial, max) = (route.retry.initial, route.retry.max);
                let message =
                    format!("the first wait, {initial}, is longer than the longest, {max}");
                self.refuse(place, message, "write a smaller `initial` or a larger `max`");
            }
        }
    }
}
