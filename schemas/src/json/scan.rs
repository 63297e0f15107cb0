//! A checking scanner over JSON text (RFC 8259) that builds nothing.

/// How deep arrays and objects may be nested.
pub const DEEPEST: u32 = 128;

/// Why a text is not JSON, and the byte at which that was seen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not JSON: {what} at byte {at}")]
pub struct Fault {
    /// What is wrong.
    pub what: &'static str,
    /// Which byte, counted from 0.
    pub at: usize,
}

/// Whether `text` is one JSON value, white space around it allowed.
pub fn is_valid(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok() && Scanner::new(text).only_value().is_ok()
}

/// A place in a JSON text. Checks the grammar of what it passes, but not that strings are UTF-8.
pub(crate) struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// Where it stands, in bytes.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Goes back or forth to a place that [`at`](Self::at) gave.
    pub(crate) fn go_to(&mut self, at: usize) {
        self.at = at;
    }

    /// Passes what there is up to a place that [`at`](Self::at) gave, and returns it.
    pub(crate) fn until(&mut self, end: usize) -> &'a [u8] {
        let passed = self.text.get(self.at..end).unwrap_or_default();
        self.at = end;
        passed
    }

    /// The next byte that is not white space, not passed.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.text.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    /// Passes `token` if it comes next.
    pub(crate) fn eat(&mut self, token: u8) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    /// Passes one value with nothing but white space around it, up to the end of the text.
    pub(crate) fn only_value(&mut self) -> Result<&'a [u8], Fault> {
        let value = self.value()?;
        self.end()?;
        Ok(value)
    }

    /// Checks that only white space is left.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        if self.peek().is_some() { Err(self.fault("text after the value")) } else { Ok(()) }
    }

    /// Enters an object or an array: passes `open` and says whether there is anything before `close`.
    pub(crate) fn enter(&mut self, open: u8, close: u8) -> Result<bool, Fault> {
        if !self.eat(open) {
            return Err(self.fault(if open == b'{' { "no object" } else { "no array" }));
        }
        Ok(!self.eat(close))
    }

    /// After a member or an element: whether another one follows.
    pub(crate) fn more(&mut self, close: u8) -> Result<bool, Fault> {
        if self.eat(b',') {
            return Ok(true);
        }
        if self.eat(close) { Ok(false) } else { Err(self.fault("no comma or end")) }
    }

    /// Passes the name of a member and its colon; returns the name with its quotes.
    pub(crate) fn name(&mut self) -> Result<&'a [u8], Fault> {
        if self.peek() != Some(b'"') {
            return Err(self.fault("no name of a member"));
        }
        let start = self.at;
        self.string()?;
        let name = &self.text[start..self.at];
        if self.eat(b':') { Ok(name) } else { Err(self.fault("no colon")) }
    }

    /// Passes one value and returns it without the white space around it.
    pub(crate) fn value(&mut self) -> Result<&'a [u8], Fault> {
        self.peek();
        let start = self.at;
        self.skip()?;
        Ok(&self.text[start..self.at])
    }

    /// Passes one value of any depth with a stack of one bit for each level.
    fn skip(&mut self) -> Result<(), Fault> {
        let mut is_object: u128 = 0;
        let mut depth = 0;
        loop {
            let open = self.peek();
            if let Some(open @ (b'{' | b'[')) = open {
                self.at += 1;
                if !self.eat(open + 2) {
                    if depth == DEEPEST {
                        return Err(self.fault("nested too deep"));
                    }
                    depth += 1;
                    is_object = is_object << 1 | u128::from(open == b'{');
                    if open == b'{' {
                        self.name()?;
                    }
                    continue;
                }
            } else {
                self.scalar(open)?;
            }
            loop {
                if depth == 0 {
                    return Ok(());
                }
                let in_object = is_object & 1 == 1;
                if self.more(if in_object { b'}' } else { b']' })? {
                    if in_object {
                        self.name()?;
                    }
                    break;
                }
                depth -= 1;
                is_object >>= 1;
            }
        }
    }

    fn scalar(&mut self, first: Option<u8>) -> Result<(), Fault> {
        match first {
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal(b"true"),
            Some(b'f') => self.literal(b"false"),
            Some(b'n') => self.literal(b"null"),
            Some(_) => Err(self.fault("no value")),
            None => Err(self.fault("the text ends too early")),
        }
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), Fault> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.fault("no value"));
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        self.at += usize::from(self.text[self.at] == b'-');
        let zero = self.text.get(self.at) == Some(&b'0');
        let whole = self.digits()?;
        if zero && whole > 1 {
            return Err(self.fault("a number with a leading zero"));
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.text.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.text.get(self.at), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<usize, Fault> {
        let rest = &self.text[self.at..];
        let count = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        self.at += count;
        if count == 0 { Err(self.fault("no digit")) } else { Ok(count) }
    }

    /// Passes a string; stands on its opening quote.
    fn string(&mut self) -> Result<(), Fault> {
        self.at += 1;
        loop {
            self.at += plain_text(&self.text[self.at..]);
            match self.text.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(_) => return Err(self.fault("a control character in a string")),
                None => return Err(self.fault("a string that does not end")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        self.at += 1;
        match self.text.get(self.at) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                let digits = self.text.get(self.at + 1..self.at + 5).unwrap_or_default();
                if digits.len() < 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(self.fault("an unknown escape"));
                }
                self.at += 5;
            }
            _ => return Err(self.fault("an unknown escape")),
        }
        Ok(())
    }

    pub(crate) fn fault(&self, what: &'static str) -> Fault {
        Fault { what, at: self.at }
    }
}

/// How many bytes there are before the first quote, backslash or control character; eight are looked at in one step.
pub(super) fn plain_text(text: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const TOPS: u64 = ONES << 7;
    // The top bit of each byte below `limit`, up to the first such byte; above it a borrow may set more.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & TOPS;
    let (words, rest) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quote = below(word ^ (ONES * u64::from(b'"')), 1);
        let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
        let ends = quote | backslash | below(word, 0x20);
        if ends != 0 {
            return index * 8 + ends.trailing_zeros() as usize / 8;
        }
    }
    let ends = |byte: &u8| matches!(byte, 0..0x20 | b'"' | b'\\');
    text.len() - rest.len() + rest.iter().position(ends).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(is_valid(nested(128).as_bytes()));
        assert!(!is_valid(nested(129).as_bytes()));
        assert!(!is_valid("{\"a\":".repeat(1_000_000).as_bytes()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn plain_text_ends_at_the_first_byte_that_is_none(
            text in prop::collection::vec(prop_oneof![20 => any::<u8>(), 80 => 0x20_u8..0xff], 0..80),
        ) {
            let ends = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
            prop_assert_eq!(plain_text(&text), text.iter().position(ends).unwrap_or(text.len()));
        }

        /// Two independent parsers agree on what JSON is. (A lone surrogate is grammatical, but
        /// serde_json refuses it when it makes a `Value`, so it is asked to skip the text.)
        #[test]
        fn agrees_with_serde_json(text in r#"([\[\]{},:"\\/ ]|[0-9]|-|\.|e|\+|true|false|null|"[a-z]"|\\u[0-9a-f]{4}|é|\n|\u{1}){0,12}"#) {
            let other = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            prop_assert_eq!(is_valid(text.as_bytes()), other, "{}", text);
        }
    }
}
