//! Conditions of the routing-rule file, ready for the matcher.

mod guard;
mod part;

use std::sync::Arc;

use hybridge_config::{RuleConfig, When};
use hybridge_core::Message;

use guard::Guard;
pub use part::part_that_fails;

use crate::expression::Expression;
use crate::rules;

/// What the matcher compiles of the rules of a route.
pub fn rules_of(rules: &[RuleConfig]) -> Vec<rules::Rule> {
    let rule = |rule: &RuleConfig| rules::Rule { name: rule.name.clone(), when: when(&rule.when) };
    rules.iter().map(rule).collect()
}

/// One condition as the matcher takes it.
pub(crate) fn when(when: &When) -> rules::When {
    let asked = |guard: Guard, expression| match guard {
        Guard { pattern: Some(pattern), is_all: true } => rules::When::Pattern(pattern),
        Guard { pattern: guard, .. } => {
            rules::When::Expression { guard, holds: Arc::new(expression) }
        }
    };
    match when {
        When::Pattern(pattern) => rules::When::Pattern(pattern.clone()),
        When::Cesql(cesql) => asked(guard::cesql(cesql), Expression::cesql(cesql)),
        When::Filter(filter) => asked(guard::filter(filter), Expression::filter(filter)),
        When::Cel(cel) => asked(guard::cel(cel), Expression::cel(cel)),
    }
}

impl rules::Expression for Expression {
    fn holds(&self, message: &Message) -> Option<bool> {
        self.evaluate(message).ok()
    }
}

#[cfg(test)]
mod tests;
