//! From the rules of a route to what chooses the targets of a message.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use hybridge_config::RouteConfig;
use hybridge_core::Error;
use hybridge_transformers::rules::{Matcher, Scratch};
use hybridge_transformers::rules_of;

use crate::route::choice::{Choice, Chosen, Match};
use crate::status::RouteStatus;

/// The rules of a route, compiled once for everything that is made of a plan; `None` without rules, or why they cannot be.
pub(super) type Compiled = Option<Result<Arc<Rules>, String>>;

/// What stays of rules once they are compiled.
pub(super) struct Rules {
    matcher: Matcher,
    names: Arc<[String]>,
    /// The different lists of targets, and for each rule which of them is its own.
    lists: Vec<Vec<String>>,
    list_of: Vec<u32>,
}

pub(super) fn compile(config: &RouteConfig) -> Compiled {
    let rules = config.rules.as_ref()?;
    if !rules.is_at_hand() {
        return Some(Err("the file of rules was not read".into()));
    }
    let rules = rules.as_slice();
    let matcher = match Matcher::compile(&rules_of(rules)) {
        Ok(matcher) => matcher,
        Err(faults) => {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            return Some(Err(faults.join("; ")));
        }
    };
    let (mut lists, mut known): (Vec<Vec<String>>, HashMap<&[String], u32>) = Default::default();
    let list_of = rules.iter().map(|rule| {
        *known.entry(&rule.send_to).or_insert_with(|| {
            lists.push(rule.send_to.clone());
            lists.len() as u32 - 1
        })
    });
    let list_of = list_of.collect();
    let names = rules.iter().map(|rule| rule.name.clone()).collect();
    Some(Ok(Arc::new(Rules { matcher, names, lists, list_of })))
}

/// The choice of one route that is made of the plan.
pub(super) fn choice(rules: Arc<Rules>, config: &RouteConfig, status: &RouteStatus) -> Choice {
    let index = |name: &String| config.targets.keys().position(|target| target == name);
    let chosen = |names: &[String]| -> Chosen {
        let mut indices: Vec<u16> =
            names.iter().filter_map(index).filter_map(|index| index.try_into().ok()).collect();
        indices.sort_unstable();
        indices.dedup();
        indices.into()
    };
    let lists: Vec<Chosen> = rules.lists.iter().map(|names| chosen(names)).collect();
    let send_to = rules.list_of.iter().map(|list| lists[*list as usize].clone()).collect();
    let counts = status.count_rules(rules.names.clone());
    let unevaluable = counts.clone();
    let scratch = RefCell::new(Scratch::default());
    let matches: Match = Box::new(move |message, matched| {
        let mut scratch = scratch.borrow_mut();
        let found = rules.matcher.matches(message, &mut scratch);
        let found = found.map_err(|error| Error::rejected(format!("data: {error}")))?;
        matched.extend(found.iter().map(|rule| *rule as usize));
        unevaluable.not_evaluated(scratch.take_unevaluable());
        Ok(())
    });
    Choice::new(matches, send_to, chosen(&config.otherwise), counts)
}

#[cfg(test)]
mod tests {
    use hybridge_core::Message;

    use super::*;
    use crate::status::Facts;

    #[test]
    fn what_cannot_be_evaluated_is_counted_and_the_lists_are_those_of_the_rules() {
        let config: RouteConfig = hybridge_config::from_yaml(
            "from: { stdio: {} }
rules:
  - { name: large, when: { cel: \"event.amount > 5\" }, send_to: [two, one] }
  - { name: all, when: { cel: \"true\" }, send_to: [two] }
  - { name: again, when: { cel: \"false\" }, send_to: [two] }
otherwise: []
targets:
  one: { to: { stdio: {} } }
  two: { to: { stdio: {} } }
",
        )
        .unwrap();
        let compiled = compile(&config).unwrap().unwrap();
        assert_eq!((compiled.lists.len(), &*compiled.list_of), (2, &[0, 1, 1][..]));
        let status = RouteStatus::new("r", Facts::default());
        let choice = choice(compiled, &config, &status);
        assert_eq!(*choice.of(&Message::default()).unwrap(), [1]);
        let counts = status.rules();
        assert_eq!((counts.unevaluable(), counts.unmatched()), (1, 0));
        assert_eq!(counts.iter().collect::<Vec<_>>(), [("large", 0), ("all", 1), ("again", 0)]);
    }
}
