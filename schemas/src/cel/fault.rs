//! Why an expression has no value for a message.

use std::fmt;

/// What is wrong, and where in the expression; nothing of what the message holds. Costs nothing to make: in a rule it is
/// as usual as a condition that does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// The part of the expression that it is about, as the byte at which it begins.
    pub at: usize,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The message, a map or a list does not have it.
    Missing,
    /// An operator or a function does not take values of these types.
    WrongType,
    /// A number that does not fit, or a division by zero.
    Number,
    /// A text that cannot be read as what it is to become.
    Conversion,
    /// Bytes that are no text.
    NoText,
    /// A value that JSON cannot write.
    NoJson,
    /// The expression is a condition and its value is no boolean.
    NoBoolean,
    /// It takes more work than one message may.
    TooMuchWork,
}

impl Fault {
    pub(super) fn new(kind: FaultKind, at: usize) -> Self {
        Self { kind, at }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            FaultKind::Missing => "a missing field or element",
            FaultKind::WrongType => "a value of the wrong type",
            FaultKind::Number => "a number out of range",
            FaultKind::Conversion => "a text that cannot be converted",
            FaultKind::NoText => "bytes that are no text",
            FaultKind::NoJson => "a value that JSON cannot write",
            FaultKind::NoBoolean => "a result that is no boolean",
            FaultKind::TooMuchWork => "too much work for one message",
        };
        write!(f, "cel: {what} at byte {} of the expression", self.at + 1)
    }
}

impl std::error::Error for Fault {}
