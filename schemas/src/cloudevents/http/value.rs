//! Attribute values in headers (section 3.1.3.2 of the binding, the same in the NATS binding).

use std::borrow::Cow;

use bytes::Bytes;
use hybridge_core::Text;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode, utf8_percent_encode};

use super::super::Mode;

/// Space, double quote, percent and everything outside U+0021 to U+007E.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

/// The header text of a value; the value itself where nothing has to be encoded.
pub fn encode(value: &Text) -> Bytes {
    let is_plain = |byte: u8| matches!(byte, b'!'..=b'~') && !matches!(byte, b'"' | b'%');
    if value.bytes().all(is_plain) {
        return value.as_bytes().clone();
    }
    Bytes::from(utf8_percent_encode(value, ENCODED).to_string())
}

/// The value of a header text: out of its double quotes, if it has them, and then percent-decoded
/// once. `None` where that is not UTF-8.
///
/// The binding does not say what a percent sign without two hexadecimal digits is: it is refused in
/// strict mode, and else says that nothing here was encoded.
pub fn decode(header: &[u8], mode: Mode) -> Option<Text> {
    let header = header.trim_ascii();
    let unquoted = match header {
        [b'"', inner @ .., b'"'] => unescape(inner)?,
        _ => Cow::Borrowed(header),
    };
    let decoded: Cow<'_, [u8]> = match has_whole_escapes(&unquoted) {
        true => percent_decode(&unquoted).into(),
        false if mode == Mode::Strict => return None,
        false => unquoted,
    };
    Text::from_utf8(Bytes::from(decoded.into_owned())).ok()
}

/// Section 3.2.6 of RFC 7230: a backslash stands before the character that is meant. `None` where
/// the text ends in the middle.
fn unescape(inner: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !inner.contains(&b'\\') && !inner.contains(&b'"') {
        return Some(Cow::Borrowed(inner));
    }
    let mut text = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => text.push(*bytes.next()?),
            b'"' => return None,
            _ => text.push(*byte),
        }
    }
    Some(Cow::Owned(text))
}

fn has_whole_escapes(text: &[u8]) -> bool {
    text.iter().enumerate().filter(|(_, byte)| **byte == b'%').all(|(at, _)| {
        let digits = text.get(at + 1..at + 3).unwrap_or_default();
        digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(text in any::<String>()) {
            let value = Text::from(text);
            let header = encode(&value);
            prop_assert!(header.iter().all(|byte| (0x21..=0x7e).contains(byte) && *byte != b'"'));
            prop_assert_eq!(decode(&header, Mode::Strict), Some(value));
        }

        #[test]
        fn any_bytes_are_answered(header in any::<Vec<u8>>()) {
            let _ = decode(&header, Mode::Lenient);
        }
    }

    #[test]
    fn quotes_are_taken_off_first() {
        assert_eq!(decode(br#""a%20\"b\"""#, Mode::Strict).unwrap(), "a \"b\"");
        assert_eq!(decode(br#""a"b""#, Mode::Lenient), None);
        assert_eq!(decode(b"50%", Mode::Lenient).unwrap(), "50%");
        assert_eq!(decode(b"50%", Mode::Strict), None);
        assert_eq!(decode(b"%41%zz", Mode::Lenient).unwrap(), "%41%zz");
        assert_eq!(decode(b"%C0%A0", Mode::Lenient), None);
    }
}
