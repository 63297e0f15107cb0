//! Filters of the Subscriptions API, compiled.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hybridge_config::{Filter, filter::Texts};
use hybridge_core::{Message, ValueRef};

use super::cesql;

/// A filter, ready to meet messages.
#[derive(Debug)]
pub(super) enum Compiled {
    Exact(Vec<(String, String)>),
    Prefix(Vec<(String, String)>),
    Suffix(Vec<(String, String)>),
    All(Vec<Compiled>),
    Any(Vec<Compiled>),
    Not(Box<Compiled>),
    Sql(cesql::Compiled),
}

impl Compiled {
    pub(super) fn new(filter: &Filter) -> Self {
        let pairs = |texts: &Texts| {
            texts.iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
        };
        let all = |filters: &[Filter]| filters.iter().map(Self::new).collect();
        match filter {
            Filter::Exact(texts) => Self::Exact(pairs(texts)),
            Filter::Prefix(texts) => Self::Prefix(pairs(texts)),
            Filter::Suffix(texts) => Self::Suffix(pairs(texts)),
            Filter::All(filters) => Self::All(all(filters)),
            Filter::Any(filters) => Self::Any(all(filters)),
            Filter::Not(filter) => Self::Not(Box::new(Self::new(filter))),
            Filter::Sql(cesql) => Self::Sql(cesql::Compiled::new(cesql)),
        }
    }

    /// An expression that cannot be evaluated does not pass, so its negation does.
    pub(super) fn passes(&self, message: &Message) -> bool {
        match self {
            Self::Exact(pairs) => is_each(message, pairs, |value, text| value == text),
            Self::Prefix(pairs) => is_each(message, pairs, |value, text| value.starts_with(text)),
            Self::Suffix(pairs) => is_each(message, pairs, |value, text| value.ends_with(text)),
            Self::All(filters) => filters.iter().all(|filter| filter.passes(message)),
            Self::Any(filters) => filters.iter().any(|filter| filter.passes(message)),
            Self::Not(filter) => !filter.passes(message),
            Self::Sql(cesql) => cesql.test(message).unwrap_or(false),
        }
    }
}

fn is_each(message: &Message, pairs: &[(String, String)], test: fn(&str, &str) -> bool) -> bool {
    pairs.iter().all(|(name, text)| {
        let value = message.attributes.get_ref(name);
        value.is_some_and(|value| test(&canonical(value), text))
    })
}

/// The text of a value; borrowed where it is one.
pub(super) fn canonical(value: ValueRef<'_>) -> Cow<'_, str> {
    match value.as_text() {
        Some(text) => Cow::Borrowed(text),
        None => match value {
            ValueRef::Boolean(true) => Cow::Borrowed("true"),
            ValueRef::Boolean(false) => Cow::Borrowed("false"),
            ValueRef::Integer(number) => Cow::Owned(number.to_string()),
            ValueRef::Binary(bytes) => Cow::Owned(STANDARD.encode(bytes)),
            _ => Cow::Borrowed(""),
        },
    }
}
