//! The NATS binding (`bindings/nats-protocol-binding.md`) over names and values, so that it needs no NATS library.
//!
//! In binary mode attributes are headers with the prefix `ce-`, percent-encoded as in HTTP; there is no content type
//! beside them, so `datacontenttype` is `ce-datacontenttype`. In structured mode there is a header `Content-Type`.

use bytes::Bytes;
use hybridge_core::{Attributes, Message, Text};

use super::binary::Binary;
use super::format::{Content, Format};
use super::http::value;
use super::{DecodeError, Mode, attribute};

/// What names of attributes begin with.
pub const PREFIX: &str = "ce-";

/// How a message carries events. A server older than 2.2 has no headers: what it hands on is in the JSON format.
///
/// # Errors
/// The content type names a format that is not known.
pub fn content(content_type: Option<&str>, has_headers: bool) -> Result<Content, DecodeError> {
    if !has_headers {
        return Ok(Content::Structured(Format::Json));
    }
    // The binding names no format: the payload then is JSON.
    match content_type.map(str::trim) {
        Some(text) if text.eq_ignore_ascii_case("application/cloudevents") => {
            Ok(Content::Structured(Format::Json))
        }
        content_type => Content::of(content_type),
    }
}

/// The name of the attribute that a header stands for, in the case in which it was sent.
pub fn attribute_name(header: &str) -> Option<&str> {
    let (prefix, name) = header.split_at_checked(PREFIX.len())?;
    prefix.eq_ignore_ascii_case(PREFIX).then_some(name)
}

/// The attributes of an event in binary mode, out of the headers of a message. A `Content-Type` stands in where there is
/// no `ce-datacontenttype`, since some senders write that.
///
/// # Errors
/// They are not those of an event.
pub fn decode<'a>(
    headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    mode: Mode,
) -> Result<Attributes, DecodeError> {
    let mut binary = Binary::default();
    let mut content_type = None;
    for (header, text) in headers {
        let Some(name) = attribute_name(header) else {
            if header.eq_ignore_ascii_case("content-type") && content_type.is_none() {
                content_type = Text::from_utf8(Bytes::copy_from_slice(text)).ok();
            }
            continue;
        };
        let name = name.to_ascii_lowercase();
        let Some(text) = value::decode(text, mode) else {
            return Err(DecodeError::attribute(&name, "must be percent-encoded UTF-8"));
        };
        binary.push(&name, text.into())?;
    }
    let content_type = content_type.filter(|_| !binary.contains("datacontenttype"));
    binary.finish(content_type, mode)
}

/// Shows the headers of an event in binary mode.
pub fn headers(message: &Message, mut show: impl FnMut(&str, &[u8])) {
    let mut header = String::from(PREFIX);
    for (name, attribute) in message.attributes.iter() {
        header.truncate(PREFIX.len());
        header.push_str(&name);
        match attribute.as_text() {
            Some(text) => show(&header, &value::encode(text)),
            None => show(&header, attribute::canonical(&attribute).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: [(&str, &[u8]); 4] = [
        ("ce-specversion", b"1.0"),
        ("CE-ID", b"Euro%20%E2%82%AC"),
        ("ce-source", b"/s"),
        ("ce-type", b"t"),
    ];

    #[test]
    fn the_content_type_stands_in() {
        let content_type: (&str, &[u8]) = ("Content-Type", b"text/plain");
        let attributes = decode(EVENT.into_iter().chain([content_type]), Mode::Strict).unwrap();
        assert_eq!(attributes.text("id"), Some("Euro €"));
        assert_eq!(attributes.text("datacontenttype"), Some("text/plain"));
        let own: (&str, &[u8]) = ("ce-datacontenttype", b"application/json");
        let attributes =
            decode(EVENT.into_iter().chain([content_type, own]), Mode::Strict).unwrap();
        assert_eq!(attributes.text("datacontenttype"), Some("application/json"));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let attributes = decode(EVENT, Mode::Strict).unwrap();
        let message = Message { attributes: attributes.clone(), ..Message::default() };
        let mut written = Vec::new();
        headers(&message, |name, value| written.push((name.to_owned(), value.to_vec())));
        let pairs = written.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
        assert_eq!(decode(pairs, Mode::Strict).unwrap(), attributes);
    }
}
