//! Files of rules, which routes name.

use super::{Sections, Sources, sources};
use crate::{
    Config, RouteConfig, RulesConfig,
    rule_set::{self, Complaint},
    rules::routing::unknown_target,
    yaml::Finding,
};

/// Reads the file of every route that has one.
pub(super) fn read(config: &mut Config, sections: &Sections, sources: &mut Sources) {
    for (name, route) in &mut config.routes {
        let Some(RulesConfig::File(set)) = &route.rules else { continue };
        let place = sections.place_of(&["routes", name, "rules", "file"]);
        let path = sources.folder(place).join(&set.file);
        let text = match sources::read(&path, rule_set::LONGEST as u64) {
            Ok(text) => text,
            Err(error) => {
                let message = format!("cannot read the file of rules {}: {error}", path.display());
                let help = "the file must exist and be readable by this user";
                sources.findings.push(Finding::new(place, message, help));
                continue;
            }
        };
        let is_yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        match rule_set::read(&text, is_yaml, &|rule| targets(route, &rule.send_to)) {
            Ok(rules) => {
                if let Some(RulesConfig::File(set)) = &mut route.rules {
                    set.read(rules, &text);
                }
            }
            Err(faults) => sources.refuse_rules(&path, faults),
        }
    }
}

/// The first target that the route does not have.
fn targets(route: &RouteConfig, send_to: &[String]) -> Result<(), Complaint> {
    // That it has none is said already.
    let named = send_to.iter().filter(|_| !route.targets.is_empty());
    match named.into_iter().find_map(|target| unknown_target(route, target)) {
        Some((message, help)) => Err(Complaint { message, help: Some(help) }),
        None => Ok(()),
    }
}
