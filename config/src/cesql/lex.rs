//! The words of CESQL.

use std::ops::Range;

use crate::SyntaxError;

/// A word with its place in the text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) span: Range<usize>,
    pub(super) kind: TokenKind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    /// Letters, digits and underscores; also keywords and numbers.
    Word,
    /// What a string in quotes stands for.
    String(String),
    /// An operator, a bracket or a comma.
    Symbol(&'static str),
    End,
}

/// Longer ones first.
const SYMBOLS: [&str; 15] =
    ["!=", "<>", "<=", ">=", "(", ")", ",", "*", "/", "%", "+", "-", "=", "<", ">"];

/// All words of the text; the last one is its end.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, SyntaxError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        let rest = &text[at..];
        let (kind, length) = match rest.chars().next() {
            None => (TokenKind::End, 0),
            Some(quote @ ('"' | '\'')) => string(text, at, quote)?,
            Some(_) => match word(rest) {
                0 => (TokenKind::Symbol(symbol(text, at)?), symbol(text, at)?.len()),
                length => (TokenKind::Word, length),
            },
        };
        let is_end = kind == TokenKind::End;
        tokens.push(Token { span: at..at + length, kind });
        if is_end {
            return Ok(tokens);
        }
        at += length;
    }
}

fn word(rest: &str) -> usize {
    rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count()
}

fn symbol(text: &str, at: usize) -> Result<&'static str, SyntaxError> {
    let found = SYMBOLS.into_iter().find(|symbol| text[at..].starts_with(symbol));
    found.ok_or_else(|| {
        let help = "names have lower-case letters and digits; texts stand in quotes";
        SyntaxError::new(text, at, "unexpected character", help)
    })
}

/// A backslash keeps the character after it from ending the string, and goes where that is the quote. It stays before
/// all others, since the patterns of LIKE read it.
fn string(text: &str, at: usize, quote: char) -> Result<(TokenKind, usize), SyntaxError> {
    let mut value = String::new();
    let mut chars = text[at..].char_indices().skip(1);
    while let Some((offset, c)) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some((_, next)) if next == quote => value.push(quote),
                Some((_, next)) => value.extend(['\\', next]),
                None => break,
            },
            _ if c == quote => return Ok((TokenKind::String(value), offset + 1)),
            _ => value.push(c),
        }
    }
    let help = format!("close it with {quote}; \\{quote} stands for {quote} in it");
    Err(SyntaxError::new(text, at, "text that does not end", help))
}
