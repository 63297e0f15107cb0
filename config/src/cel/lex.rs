//! The words of CEL.

use std::ops::Range;

use super::{Literal, literal};
use crate::SyntaxError;

/// A word with its place in the text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) span: Range<usize>,
    pub(super) kind: TokenKind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    /// An identifier, a keyword too.
    Name,
    Literal(Literal),
    /// A whole number without a sign that is one more than the greatest: right behind a minus only.
    MinInt,
    Symbol(&'static str),
    End,
}

/// Longer ones first.
const SYMBOLS: [&str; 23] = [
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "(", ")", "[", "]", "{", "}", ".", ",", ":", "?",
    "!", "+", "-", "*", "/",
];

/// The word at `at` or behind the white space and comments there.
pub(super) fn next(text: &str, at: usize) -> Result<Token, SyntaxError> {
    let at = skip_space(text, at);
    let rest = &text[at..];
    let Some(first) = rest.chars().next() else {
        return Ok(Token { span: at..at, kind: TokenKind::End });
    };
    if let Some((literal, length)) = literal::string(text, at)? {
        return Ok(Token { span: at..at + length, kind: TokenKind::Literal(literal) });
    }
    let is_fraction = first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit());
    if first.is_ascii_digit() || is_fraction {
        let (kind, length) = literal::number(text, at)?;
        return Ok(Token { span: at..at + length, kind });
    }
    if first.is_ascii_alphabetic() || first == '_' {
        let length = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        return Ok(Token { span: at..at + length.count(), kind: TokenKind::Name });
    }
    if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
        return Ok(Token { span: at..at + symbol.len(), kind: TokenKind::Symbol(symbol) });
    }
    match first {
        '%' => Ok(Token { span: at..at + 1, kind: TokenKind::Symbol("%") }),
        '=' => Err(SyntaxError::new(text, at, "unexpected character", "write `==` to compare")),
        '&' | '|' => Err(SyntaxError::new(
            text,
            at,
            "unexpected character",
            "write `&&` for and, `||` for or",
        )),
        _ => Err(SyntaxError::new(text, at, "unexpected character", "texts stand in quotes")),
    }
}

fn skip_space(text: &str, mut at: usize) -> usize {
    loop {
        let rest = &text[at..];
        let spaces = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n', '\x0c']).len();
        at += spaces;
        let Some(comment) = text[at..].strip_prefix("//") else { return at };
        at += 2 + comment.find('\n').unwrap_or(comment.len());
    }
}
