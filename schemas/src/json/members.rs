//! What is directly in an object or an array.

use std::borrow::Cow;

use super::{Fault, Scanner, unescape};

/// The members of the object in `text`, in order: names out of their escapes, values as they are
/// written. The whole text is checked as the members are taken; the first fault is the last item.
pub fn members(text: &[u8]) -> Members<'_> {
    Members(Entries::new(text, b'{', b'}'))
}

/// The elements of the array in `text`, in order and as they are written.
pub fn elements(text: &[u8]) -> Elements<'_> {
    Elements(Entries::new(text, b'[', b']'))
}

/// See [`members`].
pub struct Members<'a>(Entries<'a>);

/// See [`elements`].
pub struct Elements<'a>(Entries<'a>);

struct Entries<'a> {
    scanner: Scanner<'a>,
    open: u8,
    close: u8,
    state: State,
}

#[derive(PartialEq)]
enum State {
    Before,
    Within,
    Over,
}

impl<'a> Entries<'a> {
    fn new(text: &'a [u8], open: u8, close: u8) -> Self {
        Self { scanner: Scanner::new(text), open, close, state: State::Before }
    }

    /// Whether there is another one; stands before it then.
    fn advance(&mut self) -> Result<bool, Fault> {
        let more = match self.state {
            State::Before => self.scanner.enter(self.open, self.close)?,
            State::Within => self.scanner.more(self.close)?,
            State::Over => return Ok(false),
        };
        self.state = if more { State::Within } else { State::Over };
        if !more {
            self.scanner.end()?;
        }
        Ok(more)
    }

    fn next<T>(
        &mut self,
        take: impl FnOnce(&mut Scanner<'a>) -> Result<T, Fault>,
    ) -> Option<Result<T, Fault>> {
        let taken = match self.advance() {
            Ok(false) => return None,
            Ok(true) => take(&mut self.scanner),
            Err(fault) => Err(fault),
        };
        if taken.is_err() {
            self.state = State::Over;
        }
        Some(taken)
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Result<(Cow<'a, str>, &'a [u8]), Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next(|scanner| {
            let name = unescape(scanner.name()?)?;
            Ok((name, scanner.value()?))
        })
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<&'a [u8], Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next(Scanner::value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_in_order_and_the_first_fault() {
        let text = br#" {"a": [1, {"b":2}], "\u0062": null } "#;
        let found: Vec<_> = members(text).map(Result::unwrap).collect();
        assert_eq!(found, [("a".into(), &br#"[1, {"b":2}]"#[..]), ("b".into(), b"null")]);
        let found: Vec<_> = elements(found[0].1).map(Result::unwrap).collect();
        assert_eq!(found, [&b"1"[..], br#"{"b":2}"#]);
        assert_eq!(members(b"{}").count(), 0);
        for (text, items) in [("[]", 1), (r#"{"a":1,}"#, 2), (r#"{"a":1} x"#, 2), (r#"{"a"#, 1)] {
            let found: Vec<_> = members(text.as_bytes()).collect();
            assert_eq!(found.len(), items, "{text}");
            assert!(found[items - 1].is_err(), "{text}");
        }
    }
}
