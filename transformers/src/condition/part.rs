//! Which part of an expression does not hold: the slow way round, for people.

use std::ops::Range;

use hybridge_config::{Filter, When, cel, cesql};
use hybridge_core::Message;

use crate::expression::Expression;

/// The first part that does not hold for a message, of those that all must hold (`a AND b`, `a && b`, the filters of an
/// `all`), and what its evaluation met. `None` for a pattern, and where each part holds.
pub fn part_that_fails(when: &When, message: &Message) -> Option<String> {
    parts(when).into_iter().find_map(|(text, part)| match part.evaluate(message) {
        Ok(true) => None,
        Ok(false) => Some(format!("`{text}` does not hold")),
        Err(fault) => Some(format!("`{text}` cannot be evaluated: {fault}")),
    })
}

fn parts(when: &When) -> Vec<(String, Expression)> {
    match when {
        When::Pattern(_) => Vec::new(),
        When::Cesql(whole) => {
            let joined = match &whole.root().kind {
                cesql::Kind::Logic(cesql::Logic::And, joined) => joined.as_slice(),
                _ => std::slice::from_ref(whole.root()),
            };
            let read = |text: &str| text.parse().ok().map(|part| Expression::cesql(&part));
            cut(whole.text(), joined.iter().map(|part| part.span.clone()), read)
        }
        When::Cel(whole) => {
            let joined = match &whole.root().kind {
                cel::Kind::And(joined) => joined.as_slice(),
                _ => std::slice::from_ref(whole.root()),
            };
            let read = |text: &str| text.parse().ok().map(|part| Expression::cel(&part));
            cut(whole.text(), joined.iter().map(|part| part.span.clone()), read)
        }
        When::Filter(whole) => {
            let joined = match whole {
                Filter::All(joined) => joined.as_slice(),
                one => std::slice::from_ref(one),
            };
            let text = |filter: &Filter| serde_json::to_string(filter).unwrap_or_default();
            joined.iter().map(|filter| (text(filter), Expression::filter(filter))).collect()
        }
    }
}

fn cut(
    text: &str,
    spans: impl Iterator<Item = Range<usize>>,
    read: impl Fn(&str) -> Option<Expression>,
) -> Vec<(String, Expression)> {
    let texts = spans.filter_map(|span| text.get(span));
    texts.filter_map(|text| Some((text.to_owned(), read(text)?))).collect()
}
