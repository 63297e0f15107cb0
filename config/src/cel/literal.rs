//! Numbers and texts as they are written: `cel-spec`, section "Syntax".

use super::{Literal, lex::TokenKind};
use crate::SyntaxError;

/// A number and its length.
pub(super) fn number(text: &str, at: usize) -> Result<(TokenKind, usize), SyntaxError> {
    let rest = &text[at..];
    let length = length_of_number(rest);
    let (digits, length) = (&rest[..length], length);
    let is_uint = rest[length..].starts_with(['u', 'U']);
    let whole = length + usize::from(is_uint);
    let wrong = |message: &str| {
        let help = "a number is such as 12, 12u, 0x1f, 1.5 or 1e9";
        SyntaxError::new(text, at, message, help)
    };
    if rest[whole..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
        return Err(wrong("not a number"));
    }
    let hex = digits.strip_prefix("0x").or(digits.strip_prefix("0X"));
    if hex.is_none() && digits.contains(['.', 'e', 'E']) {
        return match digits.parse::<f64>() {
            Ok(number) if number.is_finite() && !is_uint => {
                Ok((TokenKind::Literal(Literal::Double(number)), whole))
            }
            _ => Err(wrong("not a number")),
        };
    }
    let parsed = match hex {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => digits.parse::<u64>(),
    };
    let number = parsed.map_err(|_| wrong("a number out of range"))?;
    let kind = match (is_uint, i64::try_from(number)) {
        (true, _) => TokenKind::Literal(Literal::Uint(number)),
        (false, Ok(number)) => TokenKind::Literal(Literal::Int(number)),
        (false, Err(_)) if number == i64::MIN.unsigned_abs() => TokenKind::MinInt,
        (false, Err(_)) => return Err(wrong("a number out of range")),
    };
    Ok((kind, whole))
}

fn length_of_number(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let digits =
        |from: usize| bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    if rest.starts_with("0x") || rest.starts_with("0X") {
        return 2 + bytes[2..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    }
    let mut length = digits(0);
    if bytes.get(length) == Some(&b'.') && digits(length + 1) > 0 {
        length += 1 + digits(length + 1);
    }
    if matches!(bytes.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
        let exponent = digits(length + 1 + sign);
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    length
}

/// A text or bytes in quotes and its length; `None` where none begins.
pub(super) fn string(text: &str, at: usize) -> Result<Option<(Literal, usize)>, SyntaxError> {
    let rest = &text[at..];
    let prefix = rest.bytes().take_while(|byte| b"rRbB".contains(byte)).count();
    let (marks, quoted) = rest.split_at(prefix);
    let marks = marks.to_ascii_lowercase();
    let (is_raw, is_bytes) = match marks.as_str() {
        "" => (false, false),
        "r" => (true, false),
        "b" => (false, true),
        "rb" | "br" => (true, true),
        _ => return Ok(None),
    };
    let Some(quote) =
        ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| quoted.starts_with(quote))
    else {
        return Ok(None);
    };
    let mut reader = Reader { text, at: at + prefix + quote.len(), value: Vec::new(), is_bytes };
    loop {
        let rest = &text[reader.at..];
        if rest.starts_with(quote) {
            let value = match is_bytes {
                true => Literal::Bytes(reader.value),
                // Only characters were added to it.
                false => Literal::String(String::from_utf8(reader.value).unwrap_or_default()),
            };
            return Ok(Some((value, reader.at + quote.len() - at)));
        }
        match rest.chars().next() {
            Some('\\') if !is_raw => reader.escape()?,
            Some(c) if quote.len() > 1 || !matches!(c, '\n' | '\r') => reader.take(c),
            _ => {
                let help = format!("close it with {quote}");
                return Err(SyntaxError::new(text, at, "text that does not end", help));
            }
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    value: Vec<u8>,
    is_bytes: bool,
}

impl Reader<'_> {
    fn take(&mut self, c: char) {
        self.at += c.len_utf8();
        self.push(c);
    }

    fn push(&mut self, c: char) {
        self.value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }

    /// What stands behind a backslash.
    fn escape(&mut self) -> Result<(), SyntaxError> {
        let wrong = || {
            let help = "there are \\n, \\t, \\\\, \\\", \\', \\x41, \\u0041, \\101 and their like";
            SyntaxError::new(self.text, self.at, "an unknown escape", help)
        };
        let rest = &self.text[self.at + 1..];
        let Some(c) = rest.chars().next() else { return Err(wrong()) };
        let simple = match c {
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            '\\' | '?' | '"' | '\'' | '`' => c,
            _ => '\0',
        };
        if simple != '\0' {
            self.at += 2;
            self.push(simple);
            return Ok(());
        }
        let (skip, count, radix) = match c {
            'x' | 'X' => (1, 2, 16),
            'u' => (1, 4, 16),
            'U' => (1, 8, 16),
            '0'..='3' => (0, 3, 8),
            _ => return Err(wrong()),
        };
        let digits = rest.get(skip..skip + count).ok_or_else(wrong)?;
        let is_digits = digits.chars().all(|c| c.is_digit(radix));
        let number = u32::from_str_radix(digits, radix).ok().filter(|_| is_digits);
        let number = number.ok_or_else(wrong)?;
        let is_byte = self.is_bytes && count < 4;
        let c = char::from_u32(number).filter(|_| !(self.is_bytes && count >= 4));
        match (is_byte, u8::try_from(number), c) {
            (true, Ok(byte), _) => self.value.push(byte),
            (false, _, Some(c)) => self.push(c),
            _ => return Err(wrong()),
        }
        self.at += 1 + skip + count;
        Ok(())
    }
}
