//! The grammar of URIs and URI references (RFC 3986).

use std::borrow::Cow;
use std::net::Ipv6Addr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Whether `text` is a URI: a scheme and what follows it, with or without a fragment.
pub fn is_uri(text: &str) -> bool {
    scheme(text).is_some() && is_reference(text)
}

/// Whether `text` is a URI or a relative reference. The empty text is one.
pub fn is_reference(text: &str) -> bool {
    let rest = scheme(text).map_or(text, |scheme| &text[scheme.len() + 1..]);
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (hierarchy, query) = rest.split_once('?').unwrap_or((rest, ""));
    let in_tail = |byte: u8| is_path_byte(byte) || byte == b'?';
    if !is_made_of(fragment, in_tail) || !is_made_of(query, in_tail) {
        return false;
    }
    let Some(after) = hierarchy.strip_prefix("//") else {
        // Section 4.2: the first segment of a relative reference has no colon.
        let first = hierarchy.split('/').next().unwrap_or_default();
        let is_ambiguous = scheme(text).is_none() && first.contains(':');
        return !is_ambiguous && is_made_of(hierarchy, is_path_byte);
    };
    let end = after.find('/').unwrap_or(after.len());
    is_authority(&after[..end]) && is_made_of(&after[end..], is_path_byte)
}

/// `text` with everything percent-encoded that the path of a URI cannot have; slashes stay.
pub fn encode_path(text: &str) -> Cow<'_, str> {
    const OTHERS: AsciiSet = all_but(b"-._~!$&'()*+,;=:@/");
    utf8_percent_encode(text, &OTHERS).into()
}

/// `text` in the encoding of forms, where a space is a plus; slashes stay.
pub fn encode_form(text: &str) -> Cow<'_, str> {
    const OTHERS: AsciiSet = all_but(b"-_.*/ ");
    let encoded: Cow<'_, str> = utf8_percent_encode(text, &OTHERS).into();
    if encoded.contains(' ') { Cow::Owned(encoded.replace(' ', "+")) } else { encoded }
}

/// What is encoded where letters, digits and these bytes are not.
const fn all_but(plain: &[u8]) -> AsciiSet {
    // The percent sign is in the set already; this makes a copy of it.
    let mut set = NON_ALPHANUMERIC.add(b'%');
    let mut at = 0;
    while at < plain.len() {
        set = set.remove(plain[at]);
        at += 1;
    }
    set
}

fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(':')?;
    let is_scheme_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let first = scheme.bytes().next()?;
    (first.is_ascii_alphabetic() && scheme.bytes().all(is_scheme_byte)).then_some(scheme)
}

fn is_authority(text: &str) -> bool {
    let (user, host_and_port) = text.rsplit_once('@').unwrap_or(("", text));
    if !is_made_of(user, |byte| is_name_byte(byte) || byte == b':') {
        return false;
    }
    let (host, port) = match host_and_port.strip_prefix('[') {
        Some(literal) => {
            let Some((address, port)) = literal.split_once(']') else { return false };
            let is_future = address.starts_with(['v', 'V'])
                && is_made_of(address, |byte| is_name_byte(byte) || byte == b':');
            let is_address = is_future || address.parse::<Ipv6Addr>().is_ok();
            if !is_address || !(port.is_empty() || port.starts_with(':')) {
                return false;
            }
            ("", port.trim_start_matches(':'))
        }
        None => host_and_port.rsplit_once(':').unwrap_or((host_and_port, "")),
    };
    is_made_of(host, is_name_byte) && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// `unreserved` and `sub-delims`.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte)
}

/// `pchar` and the slash.
fn is_path_byte(byte: u8) -> bool {
    is_name_byte(byte) || b":@/".contains(&byte)
}

/// Whether every byte is allowed or part of `%` and two hexadecimal digits.
fn is_made_of(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            let digits = bytes.get(at + 1..at + 3).unwrap_or_default();
            if digits.len() < 2 || !digits.iter().all(u8::is_ascii_hexdigit) {
                return false;
            }
            at += 3;
            continue;
        }
        if !allowed(bytes[at]) {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn references() {
        for text in [
            "",
            "#f",
            "?q",
            "/a/b;c=d",
            "a/b:c",
            "1-555-123-4567",
            "//host:80/p",
            "mailto:a@b",
            "urn:uuid:6e8bc430",
            "arn:aws:s3:::bucket",
            "http://[::1]:8080/x?y=%20#z",
            "http://[v1.a:b]/",
            "file:///x",
            "a:",
        ] {
            assert!(is_reference(text), "{text:?}");
        }
        for text in [
            "a b",
            "http://[bad",
            "http://[]x",
            "{id}",
            "a%2",
            "é",
            "1a:b",
            "http://h:port/",
            "a#b#c",
            "<x>",
            "a\nb",
        ] {
            assert!(!is_reference(text), "{text:?}");
        }
        assert!(is_uri("http://a") && is_uri("urn:x:y") && !is_uri("//a") && !is_uri("/a"));
    }

    proptest! {
        #[test]
        fn each_byte_is_encoded_or_stays(text in any::<String>()) {
            let one = |byte: u8| match is_path_byte(byte) {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02X}"),
            };
            prop_assert_eq!(encode_path(&text), text.bytes().map(one).collect::<String>());
        }

        #[test]
        fn any_text_is_answered(text in any::<String>()) {
            let _ = (is_uri(&text), is_reference(&text));
            let path = encode_path(text.trim_start_matches('/'));
            let reference = format!("/{path}");
            prop_assert!(is_reference(&reference), "{}", reference);
        }
    }
}
