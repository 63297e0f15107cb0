//! `filter`: which messages go on.

use std::cell::RefCell;

use async_trait::async_trait;
use hybridge_config::When;
use hybridge_config::transform::filter::FilterConfig;
use hybridge_core::{Applied, Error, Message, Transformer};

use crate::condition;
use crate::rules::{Matcher, Rule, Scratch};

/// The step: its conditions are the rules of one matcher.
pub(crate) struct Step {
    /// `None` where they are too many to be compiled together.
    matcher: Option<Matcher>,
    scratch: RefCell<Scratch>,
    /// Whether those go on that meet a condition, and not those that meet none.
    keeps: bool,
}

impl Step {
    pub(crate) fn new(config: &FilterConfig) -> Self {
        let keeps = matches!(config, FilterConfig::Keep(_));
        let rules: Vec<Rule> = conditions_of(config).into_iter().map(|(rule, _)| rule).collect();
        Self { matcher: Matcher::compile(&rules).ok(), scratch: RefCell::default(), keeps }
    }

    fn chosen(&self, message: Message) -> Applied {
        let Some(matcher) = &self.matcher else {
            return Applied::Failed(Error::rejected("the conditions are too large together"));
        };
        let mut scratch = self.scratch.borrow_mut();
        let met = match matcher.matches(&message, &mut scratch) {
            Ok(met) => met.first(),
            Err(malformed) => return Applied::Failed(Error::rejected(malformed.to_string())),
        };
        match (met, self.keeps) {
            (Some(_), true) | (None, false) => Applied::One(message),
            (None, true) => Applied::Filtered("filter keep: no condition holds".to_owned()),
            (Some(place), false) => Applied::Filtered(format!("filter drop[{place}]")),
        }
    }
}

/// The conditions of a filter, named by their places: as the matcher takes them, and as they are written.
pub fn conditions_of(config: &FilterConfig) -> Vec<(Rule, &When)> {
    let (list, conditions) = match config {
        FilterConfig::Keep(conditions) => ("keep", conditions),
        FilterConfig::Drop(conditions) => ("drop", conditions),
    };
    let name = |place: usize| format!("{list}[{place}]");
    let rule = |(place, when)| (Rule { name: name(place), when: condition::when(when) }, when);
    conditions.iter().enumerate().map(rule).collect()
}

#[async_trait(?Send)]
impl Transformer for Step {
    fn name(&self) -> &'static str {
        "filter"
    }

    async fn apply(&self, batch: Vec<Message>) -> Vec<Applied> {
        batch.into_iter().map(|message| self.chosen(message)).collect()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::FutureExt;
    use hybridge_core::Value;

    use super::*;
    use crate::testing::step;

    fn applied(config: &str, data: &str) -> Applied {
        let attributes =
            [("specversion", "1.0"), ("id", "1"), ("source", "/s"), ("type", "order.placed")];
        let attribute = |(name, value): (&str, &str)| (name.into(), Value::from(value));
        let message = Message {
            attributes: attributes.into_iter().map(attribute).collect(),
            payload: Some(Bytes::copy_from_slice(data.as_bytes())),
            ..Message::default()
        };
        let applied = step(&format!("filter: {config}")).apply(vec![message]).now_or_never();
        applied.unwrap().remove(0)
    }

    #[test]
    fn each_language_keeps_and_drops() {
        for (condition, holds) in [
            ("{ pattern: { data: { n: [ { numeric: ['>', 1] } ] } } }", true),
            ("{ pattern: { type: [ other ] } }", false),
            ("{ cesql: \"type LIKE 'order.%'\" }", true),
            ("{ cesql: \"gone = 1\" }", false),
            ("{ filter: { not: { exact: { type: a } } } }", true),
            ("{ cel: \"event.data.n == 2\" }", true),
            ("{ cel: \"event.data.gone == 2\" }", false),
        ] {
            let kept = applied(&format!("{{ keep: [{condition}] }}"), "{\"n\":2}");
            assert_eq!(matches!(kept, Applied::One(_)), holds, "{condition}");
            let dropped = applied(&format!("{{ drop: [{condition}] }}"), "{\"n\":2}");
            assert_eq!(matches!(dropped, Applied::Filtered(_)), holds, "{condition}");
        }
    }

    #[test]
    fn one_condition_is_enough_and_is_named() {
        let both = "{ drop: [ { cel: \"event.id == '2'\" }, { cel: \"event.id == '1'\" } ] }";
        let Applied::Filtered(rule) = applied(both, "{}") else { panic!() };
        assert_eq!(rule, "filter drop[1]");
    }
}
