//! What is wrong with a text that has a grammar of its own.

/// Why a template, a field reference or an expression cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at character {at} of the text; {help}")]
pub struct SyntaxError {
    /// What is wrong.
    pub message: String,
    /// Which character of the text is wrong, counted from 1.
    pub at: usize,
    /// What would be right.
    pub help: String,
}

impl SyntaxError {
    /// `byte` is where it is wrong, on a character's boundary of `text`.
    pub(crate) fn new(
        text: &str,
        byte: usize,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        let at = text[..byte].chars().count() + 1;
        Self { message: message.into(), at, help: help.into() }
    }
}
