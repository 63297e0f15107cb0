//! JSON text (RFC 8259) to [`Node`], with the place of every value.

use super::{
    DEEPEST, Number, PatternError,
    node::{Node, Value, too_deep},
};

/// Reads the whole of `text` as one value.
pub(super) fn parse(text: &[u8]) -> Result<Node, PatternError> {
    let fault = |at, what| PatternError::new(Some(at), "", what).in_text(text);
    let text = std::str::from_utf8(text)
        .map_err(|error| fault(error.valid_up_to(), "not UTF-8".to_owned()))?;
    let mut reader = Reader { text, at: 0 };
    let node = reader.value(0).and_then(|node| match reader.peek() {
        None => Ok(node),
        Some(_) => Err(reader.fault("text after the end of the pattern")),
    });
    node.map_err(|(at, what)| fault(at, what))
}

type Fault = (usize, String);

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    /// The next byte that is not white space, not passed.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        let white = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        self.at += rest.iter().position(|byte| !white(byte)).unwrap_or(rest.len());
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, token: u8) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    fn fault(&self, what: &str) -> Fault {
        (self.at, what.to_owned())
    }

    fn value(&mut self, depth: usize) -> Result<Node, Fault> {
        let first = self.peek();
        let at = self.at;
        if depth > DEEPEST {
            return Err((at, too_deep()));
        }
        let value = match first {
            Some(b'{') => self.map(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Value::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(_) => self.word()?,
            None => return Err(self.fault("the text ends too early")),
        };
        Ok(Node { at: Some(at), value })
    }

    fn map(&mut self, depth: usize) -> Result<Value, Fault> {
        self.at += 1;
        let mut members = Vec::new();
        if self.eat(b'}') {
            return Ok(Value::Map(members));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.fault("the name of a member in quotes must stand here"));
            }
            let name = self.string()?;
            if !self.eat(b':') {
                return Err(self.fault("a colon must stand here"));
            }
            members.push((name, self.value(depth + 1)?));
            if self.eat(b'}') {
                return Ok(Value::Map(members));
            }
            if !self.eat(b',') {
                return Err(self.fault("a comma or `}` must stand here"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, Fault> {
        self.at += 1;
        let mut items = Vec::new();
        if self.eat(b']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.eat(b']') {
                return Ok(Value::List(items));
            }
            if !self.eat(b',') {
                return Err(self.fault("a comma or `]` must stand here"));
            }
        }
    }

    fn word(&mut self) -> Result<Value, Fault> {
        let words = [
            ("null", Value::Null),
            ("true", Value::Boolean(true)),
            ("false", Value::Boolean(false)),
        ];
        for (word, value) in words {
            if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.fault("not a JSON value"))
    }

    fn number(&mut self) -> Result<Value, Fault> {
        let rest = &self.text.as_bytes()[self.at..];
        let part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let len = rest.iter().position(|byte| !part(byte)).unwrap_or(rest.len());
        let text = &self.text[self.at..self.at + len];
        if !is_number(text.as_bytes()) {
            return Err(self.fault("not a JSON number"));
        }
        self.at += len;
        Ok(Value::Number(Number::of(text)))
    }

    /// Stands on the opening quote.
    fn string(&mut self) -> Result<String, Fault> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut at = self.at + 1;
        loop {
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => at += 2,
                Some(0..0x20) => return Err((at, "a control character in a text".into())),
                Some(_) => at += 1,
                None => return Err((start, "a text that does not end".into())),
            }
        }
        self.at = at + 1;
        let quoted = &self.text[start..self.at];
        let plain = &quoted[1..quoted.len() - 1];
        if !plain.contains('\\') {
            return Ok(plain.to_owned());
        }
        serde_json::from_str(quoted).map_err(|_| (start, "an unknown escape in a text".into()))
    }
}

fn is_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut rest = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest[0] == b'0') {
        return false;
    }
    rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = &fraction[count..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = match exponent {
            [b'+' | b'-', exponent @ ..] => exponent,
            exponent => exponent,
        };
        let count = digits(exponent);
        return count > 0 && count == exponent.len();
    }
    rest.is_empty()
}
