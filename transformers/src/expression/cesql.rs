//! CloudEvents SQL 1.0: what an expression makes of an event.
//!
//! Every operator and function gives a value, whatever happens, and errors beside it (specification, section 3.3): a
//! failed cast gives the zero value of its type, and what has a missing attribute in it gives the zero value of its own.
//! Calculations wrap round at 32 bits, as in the reference implementations, since the specification says nothing of it.

mod cast;
mod compile;
mod evaluate;
mod function;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use hybridge_config::Cesql;
use hybridge_core::Message;

use super::Fault;
use compile::Node;
use evaluate::Evaluation;

/// An expression, ready to meet events.
#[derive(Debug)]
pub struct Compiled(Node);

/// A value of the language; borrowed from the event or the expression where it can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// `true` or `false`.
    Boolean(bool),
    /// A number of 32 bits.
    Integer(i32),
    /// Text.
    String(Cow<'a, str>),
}

/// What an expression gives: a value, and the errors that were met on the way to it.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// The value.
    pub value: Value<'a>,
    /// The errors in the order in which they were met.
    pub errors: Vec<Error>,
}

/// An error of an evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What went wrong.
    pub kind: ErrorKind,
    /// Which part of the text, in bytes.
    pub span: Range<usize>,
}

/// The errors of the specification that an evaluation can have, section 3.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A division by zero or the absolute value of the least number.
    Math,
    /// A text that is no number or no boolean where one is needed.
    Cast,
    /// The event does not have the attribute.
    MissingAttribute,
    /// There is no such function.
    MissingFunction,
    /// An argument that a function cannot take.
    FunctionEvaluation,
}

impl Compiled {
    /// Compiles what the routing-rule file says.
    pub fn new(cesql: &Cesql) -> Self {
        Self(Node::new(cesql.root()))
    }

    /// The value with all errors: the complete evaluation mode of section 4.1.
    pub fn evaluate<'a>(&'a self, message: &'a Message) -> Outcome<'a> {
        let mut evaluation = Evaluation::complete(message);
        let value = evaluation.value_of(&self.0);
        Outcome { value, errors: evaluation.errors }
    }

    /// Whether an event passes it as a filter: the value is true and there is no error. Evaluation ends at the first
    /// error.
    pub(crate) fn test(&self, message: &Message) -> Result<bool, Fault> {
        let mut evaluation = Evaluation::fail_fast(message);
        let value = evaluation.value_of(&self.0);
        match (evaluation.errors.first(), value) {
            (None, Value::Boolean(value)) => Ok(value),
            (None, _) => Err(Fault::new("cesql: the result is no boolean")),
            (Some(error), _) => Err(Fault::new(format_args!("cesql: {error}"))),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ErrorKind::Math => "a calculation without a result",
            ErrorKind::Cast => "a value of the wrong type",
            ErrorKind::MissingAttribute => "a missing attribute",
            ErrorKind::MissingFunction => "a missing function",
            ErrorKind::FunctionEvaluation => "an argument out of range",
        };
        write!(f, "{what} at byte {} of the expression", self.span.start + 1)
    }
}

#[cfg(test)]
mod tests;
