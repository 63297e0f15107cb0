//! Why a pattern is refused, and where.

use std::fmt;

/// Why a text or a part of a file is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PatternError {
    /// What is wrong and what would be right.
    pub message: String,
    /// The way to the field, such as `data.amount`; empty for the pattern itself.
    pub path: String,
    /// Where in the text, if it was read from JSON text.
    pub position: Option<Position>,
    /// Which byte of the text, until the text is at hand.
    at: Option<usize>,
}

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line, counted from 1.
    pub line: usize,
    /// The character in it, counted from 1.
    pub column: usize,
}

impl PatternError {
    pub(super) fn new(at: Option<usize>, path: &str, message: impl Into<String>) -> Self {
        Self { message: message.into(), path: path.to_owned(), position: None, at }
    }

    /// Finds the line and column.
    pub(super) fn in_text(mut self, text: &[u8]) -> Self {
        self.position = self.at.map(|at| Position::of(text, at));
        self
    }
}

impl Position {
    /// Where byte `at` of `text` is.
    pub fn of(text: &[u8], at: usize) -> Self {
        let before = &text[..at.min(text.len())];
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        Self {
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
            column: 1 + String::from_utf8_lossy(&before[line_start..]).chars().count(),
        }
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "`{}`: ", self.path)?;
        }
        f.write_str(&self.message)?;
        match self.position {
            Some(Position { line, column }) => write!(f, " at line {line}, column {column}"),
            None => Ok(()),
        }
    }
}
