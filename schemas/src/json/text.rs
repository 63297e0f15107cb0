//! JSON strings: out of their escapes and into them.

use std::borrow::Cow;

use super::Fault;
use super::scan::plain_text;

/// The text of a JSON string that is given with its quotes and was already checked to be one.
///
/// Borrowed where nothing is escaped. A lone surrogate is a fault: it stands for no character.
pub fn unescape(string: &[u8]) -> Result<Cow<'_, str>, Fault> {
    let inner = string.get(1..string.len().saturating_sub(1)).unwrap_or_default();
    let fault = Fault { what: "a string that is not Unicode", at: 0 };
    if memchr::memchr(b'\\', inner).is_none() {
        return std::str::from_utf8(inner).map(Cow::Borrowed).map_err(|_| fault);
    }
    serde_json::from_slice::<String>(string).map(Cow::Owned).map_err(|_| fault)
}

/// Appends `text` as a JSON string with its quotes.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    write_inside(out, text);
    out.push(b'"');
}

/// Appends `text` as part of a JSON string, without quotes.
pub fn write_inside(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut rest = text.as_bytes();
    loop {
        let (plain, others) = rest.split_at(plain_text(rest));
        out.extend_from_slice(plain);
        let Some((byte, others)) = others.split_first() else { break };
        rest = others;
        match *byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte => {
                let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&digits);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_again(text in any::<String>()) {
            let mut out = Vec::new();
            write_string(&mut out, &text);
            prop_assert!(super::super::is_valid(&out));
            prop_assert_eq!(unescape(&out).unwrap(), text.as_str());
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }

    #[test]
    fn a_lone_surrogate_is_no_text() {
        assert_eq!(unescape(br#""\ud83d\ude00""#).unwrap(), "😀");
        assert!(unescape(br#""\ud83d""#).is_err());
    }
}
