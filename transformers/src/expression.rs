//! Conditions over a message, compiled once and evaluated for each: CloudEvents SQL, the filter dialects and
//! CEL.

pub mod cesql;
mod filter;
mod like;

use std::fmt;

use hybridge_config::{self as config, Cesql, Filter};
use hybridge_core::Message;
use hybridge_schemas::cel::Cel;

/// A compiled condition.
#[derive(Debug)]
pub struct Expression(Kind);

#[derive(Debug)]
enum Kind {
    Cesql(cesql::Compiled),
    Filter(filter::Compiled),
    Cel(Cel),
}

/// Why a condition could not be evaluated for a message: it does not hold then, whatever stands round it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Fault {
    /// What is wrong, without anything that the message holds.
    pub reason: String,
}

impl Fault {
    pub(crate) fn new(reason: impl fmt::Display) -> Self {
        Self { reason: reason.to_string() }
    }
}

impl Expression {
    /// Compiles a CESQL expression.
    pub fn cesql(cesql: &Cesql) -> Self {
        Self(Kind::Cesql(cesql::Compiled::new(cesql)))
    }

    /// Compiles a filter of a dialect.
    pub fn filter(filter: &Filter) -> Self {
        Self(Kind::Filter(filter::Compiled::new(filter)))
    }

    /// Compiles a CEL expression.
    pub fn cel(cel: &config::Cel) -> Self {
        Self(Kind::Cel(Cel::compile(cel)))
    }

    /// Whether the message meets it. What cannot be evaluated (a field that is missing, a text where a number belongs) is
    /// a fault. Work and memory are bounded by the expression and the size of the message. Never panics.
    pub fn evaluate(&self, message: &Message) -> Result<bool, Fault> {
        match &self.0 {
            Kind::Cesql(cesql) => cesql.test(message),
            Kind::Cel(cel) => cel.test(message).map_err(Fault::new),
            Kind::Filter(filter) => Ok(filter.passes(message)),
        }
    }
}
