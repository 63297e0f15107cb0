//! The rules of a route name targets that there are, and every target gets something.

use std::collections::{BTreeSet, HashSet};

use super::Rules;
use crate::{RouteConfig, RuleConfig, RulesConfig, shape::suggest};

impl Rules<'_> {
    pub(super) fn routing(&mut self) {
        for (name, route) in &self.config.routes {
            match &route.rules {
                Some(_) if route.targets.is_empty() => {
                    let help = "write `targets:` with names instead of `to`";
                    let place = self.route_place(name, &["rules"]);
                    self.refuse(place, "`rules` in a route without named targets", help);
                }
                // Why it could not be read is said already.
                Some(RulesConfig::File(set)) if set.rules.is_none() => {}
                Some(rules) => self.rules_of(name, route, rules),
                None if !route.otherwise.is_empty() => {
                    let help = "write `rules:`, or leave `otherwise` out";
                    let place = self.route_place(name, &["otherwise"]);
                    self.refuse(place, "`otherwise` in a route without `rules`", help);
                }
                None => {}
            }
        }
    }

    fn rules_of(&mut self, name: &str, route: &RouteConfig, rules: &RulesConfig) {
        if rules.as_slice().is_empty() {
            let help = "write a rule, or leave `rules` out: then every message goes to all targets";
            let place = self.route_place(name, &["rules"]);
            return self.refuse(place, "`rules` without a rule", help);
        }
        if let RulesConfig::List(rules) = rules {
            self.listed(name, route, rules);
        }
        let send_to = rules.as_slice().iter().flat_map(|rule| &rule.send_to);
        let mut used: BTreeSet<&str> = send_to.map(String::as_str).collect();
        for (at, target) in route.otherwise.iter().enumerate() {
            used.insert(target.as_str());
            self.known_target(name, route, target, &["otherwise", &at.to_string()]);
        }
        for target in route.targets.keys().filter(|target| !used.contains(target.as_str())) {
            let place = self.route_place(name, &["targets", target]);
            let help = "name it in `send_to` of a rule or in `otherwise`, or take it out";
            self.refuse(place, format!("nothing is sent to the target `{target}`"), help);
        }
    }

    /// What the reader of a file of rules finds out itself.
    fn listed(&mut self, name: &str, route: &RouteConfig, rules: &[RuleConfig]) {
        let mut names = HashSet::new();
        for (index, rule) in rules.iter().enumerate() {
            let index = index.to_string();
            if !names.insert(&rule.name) {
                let place = self.route_place(name, &["rules", &index, "name"]);
                let message = format!("a second rule named `{}`", rule.name);
                self.refuse(place, message, "give each its own name");
            }
            for (at, target) in rule.send_to.iter().enumerate() {
                let path = ["rules", &index, "send_to", &at.to_string()];
                self.known_target(name, route, target, &path);
            }
        }
    }

    fn known_target(&mut self, name: &str, route: &RouteConfig, target: &str, path: &[&str]) {
        if let Some((message, help)) = unknown_target(route, target) {
            let place = self.route_place(name, path);
            self.refuse(place, message, help);
        }
    }
}

/// What is wrong with the name of a target that the route does not have, and what would be right.
pub(crate) fn unknown_target(route: &RouteConfig, target: &str) -> Option<(String, String)> {
    if route.targets.contains_key(target) {
        return None;
    }
    let known: Vec<&str> = route.targets.keys().map(String::as_str).collect();
    let help = match suggest::nearest(target, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the route has {}", known.join(", ")),
    };
    Some((format!("there is no target {}", suggest::quoted(target)), help))
}
