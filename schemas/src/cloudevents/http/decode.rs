//! From headers and a body to messages.

use bytes::Bytes;
use hybridge_core::{Attributes, Header, Message, Text, Value};

use super::super::format::Content;
use super::super::upgrade::{Encoding, upgrade};
use super::super::{DecodeError, Mode, attribute};
use super::{is_forwarded, value};
use crate::media_type::MediaType;
use crate::rfc3339;

/// What a request carries.
#[derive(Debug)]
pub enum Decoded {
    /// One event, in binary or structured mode.
    Event(Message),
    /// A batch: one answer for each element, in order; possibly none.
    Batch(Vec<Result<Message, DecodeError>>),
    /// No event: the body as it is, the headers with `content-type` among them.
    NotAnEvent(Message),
}

/// Decodes a request, letting through what can be carried on unchanged.
///
/// `content_type` is the value of that header; `headers` are all headers, which may or may not
/// contain it. Every message gets the headers that are neither attributes nor a matter of the
/// connection or of the caller's credentials ([`is_forwarded`], and what `Connection` names); an
/// event has its content type as `datacontenttype`.
///
/// An error is a permanent fault of the request: [`DecodeError::UnsupportedFormat`] means 415, all
/// others 400. A request with some of the headers `ce-id`, `ce-source`, `ce-type` and without
/// `ce-specversion` is an error and no plain message: somebody meant an event.
pub fn decode<'a>(
    content_type: Option<&[u8]>,
    headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    body: Bytes,
) -> Result<Decoded, DecodeError> {
    decode_with(Mode::Lenient, content_type, headers, body)
}

/// The same in either mode.
pub fn decode_with<'a>(
    mode: Mode,
    content_type: Option<&[u8]>,
    headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    body: Bytes,
) -> Result<Decoded, DecodeError> {
    let raw = content_type.map(<[u8]>::trim_ascii).filter(|value| !value.is_empty());
    let content_type = raw.and_then(|value| std::str::from_utf8(value).ok());
    let request = Request::sort(headers)?;
    let (format, is_batch) = match Content::of(content_type)? {
        Content::Binary => return request.into_binary(raw, body, mode),
        Content::Structured(format) => (format, false),
        Content::Batch(format) => (format, true),
    };
    let headers: hybridge_core::Headers = request.headers.into_iter().collect();
    if !is_batch {
        return Ok(Decoded::Event(Message { headers, ..format.decode(&body, mode)? }));
    }
    let mut batch = format.decode_batch(&body, mode)?;
    for message in batch.iter_mut().flatten() {
        message.headers = headers.clone();
    }
    Ok(Decoded::Batch(batch))
}

/// The headers of a request, sorted into what they are for.
#[derive(Default)]
struct Request<'a> {
    attributes: Vec<(&'a str, &'a [u8])>,
    headers: Vec<Header>,
}

impl<'a> Request<'a> {
    fn sort(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Self, DecodeError> {
        let mut request = Self::default();
        let mut connection = Vec::new();
        for (name, value) in headers {
            if let Some(attribute) = attribute_of(name) {
                if request.attributes.len() == attribute::MOST {
                    return Err(DecodeError::Shape("too many attributes".into()));
                }
                request.attributes.push((attribute, value));
                continue;
            }
            if name.eq_ignore_ascii_case("connection") {
                connection.extend(value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii));
            }
            if is_forwarded(name) && !name.eq_ignore_ascii_case("content-type") {
                let value = Some(Bytes::copy_from_slice(value));
                request.headers.push(Header { name: Text::from(name), value });
            }
        }
        if !connection.is_empty() {
            request.headers.retain(|header| {
                !connection.iter().any(|name| name.eq_ignore_ascii_case(header.name.as_bytes()))
            });
        }
        Ok(request)
    }

    fn into_binary(
        self,
        content_type: Option<&[u8]>,
        body: Bytes,
        mode: Mode,
    ) -> Result<Decoded, DecodeError> {
        let has = |wanted: &str| {
            self.attributes.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted))
        };
        if !has("specversion") {
            if ["id", "source", "type"].iter().any(|name| has(name)) {
                return Err(DecodeError::Missing("specversion"));
            }
            return Ok(Decoded::NotAnEvent(self.into_plain(content_type, body)));
        }
        let mut attributes = read_attributes(&self.attributes, mode)?;
        set_content_type(&mut attributes, content_type)?;
        if upgrade(&mut attributes)? == Encoding::Base64 {
            let reason = "does not say in HTTP whether the body is base64";
            return Err(DecodeError::attribute("datacontentencoding", reason));
        }
        attribute::check_all(&attributes, mode)?;
        let payload = payload(&attributes, body);
        let time = attributes.text("time").and_then(rfc3339::millis);
        let headers = self.headers.into_iter().collect();
        Ok(Decoded::Event(Message { attributes, payload, headers, time, ..Message::default() }))
    }

    fn into_plain(mut self, content_type: Option<&[u8]>, body: Bytes) -> Message {
        if let Some(content_type) = content_type {
            let value = Some(Bytes::copy_from_slice(content_type));
            self.headers.push(Header { name: Text::from_static("content-type"), value });
        }
        for (name, value) in self.attributes {
            let name = Text::from(format!("ce-{name}"));
            self.headers.push(Header { name, value: Some(Bytes::copy_from_slice(value)) });
        }
        let headers = self.headers.into_iter().collect();
        Message { payload: Some(body), headers, ..Message::default() }
    }
}

/// What stands after `ce-`, in the case in which it was sent.
fn attribute_of(header: &str) -> Option<&str> {
    let (prefix, name) = header.split_at_checked(3)?;
    prefix.eq_ignore_ascii_case("ce-").then_some(name)
}

fn read_attributes(pairs: &[(&str, &[u8])], mode: Mode) -> Result<Attributes, DecodeError> {
    let mut attributes: Vec<(Text, Value)> = Vec::with_capacity(pairs.len() + 1);
    for (name, header) in pairs {
        let name = name.to_ascii_lowercase();
        if !attribute::is_name(&name) {
            let reason = "a name has lower-case letters and digits only";
            return Err(DecodeError::attribute(&name, reason));
        }
        if attributes.iter().any(|(other, _)| *other == *name) {
            return Err(DecodeError::attribute(&name, "is there twice"));
        }
        let Some(text) = value::decode(header, mode) else {
            return Err(DecodeError::attribute(&name, "must be percent-encoded UTF-8"));
        };
        let value = attribute::typed(&name, text);
        attributes.push((attribute::name(&name), value));
    }
    Ok(attributes.into_iter().collect())
}

/// Section 3.1.1: the content type is `datacontenttype`. A `ce-datacontenttype` must not be there,
/// but some senders write it; it is taken where it says nothing else.
fn set_content_type(
    attributes: &mut Attributes,
    content_type: Option<&[u8]>,
) -> Result<(), DecodeError> {
    let Some(content_type) = content_type else { return Ok(()) };
    let Ok(content_type) = std::str::from_utf8(content_type) else {
        return Err(DecodeError::attribute("datacontenttype", "must be a media type"));
    };
    if attributes.text("datacontenttype").is_some_and(|other| {
        other != content_type && MediaType::parse(other) != MediaType::parse(content_type)
    }) {
        let reason = "must not differ from the header content-type";
        return Err(DecodeError::attribute("datacontenttype", reason));
    }
    attributes.set(attribute::name("datacontenttype"), Value::from(content_type));
    Ok(())
}

/// An empty body is no data, but where a content type other than JSON is given it is data of no
/// bytes: an empty text is a text, an empty JSON text is none.
fn payload(attributes: &Attributes, body: Bytes) -> Option<Bytes> {
    let media_type = attributes.text("datacontenttype").and_then(MediaType::parse);
    let may_be_empty = media_type.is_some_and(|media_type| !media_type.is_json());
    (may_be_empty || !body.is_empty()).then_some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: [(&str, &[u8]); 4] =
        [("ce-specversion", b"1.0"), ("ce-id", b"1"), ("ce-source", b"/s"), ("ce-type", b"t")];

    fn names(message: &Message) -> Vec<Text> {
        message.headers.iter().map(|header| header.name).collect()
    }

    #[test]
    fn what_belongs_to_the_connection_or_the_caller_is_left_behind() {
        let others: [(&str, &[u8]); 7] = [
            ("Connection", b"close, X-Hop"),
            ("x-hop", b"1"),
            ("Authorization", b"Bearer secret"),
            ("cookie", b"secret"),
            ("X-Api-Key", b"secret"),
            ("content-length", b"2"),
            ("x-trace", b"\xff"),
        ];
        let headers = || EVENT.into_iter().chain(others);
        let Ok(Decoded::Event(event)) = decode(None, headers(), Bytes::from_static(b"hi")) else {
            panic!("no event");
        };
        assert_eq!(names(&event), ["x-trace"]);
        assert_eq!(event.headers.get("x-trace").unwrap(), &b"\xff"[..]);
        let plain = decode(Some(b"text/plain"), others, Bytes::from_static(b"hi"));
        let Ok(Decoded::NotAnEvent(plain)) = plain else { panic!("an event") };
        assert_eq!(names(&plain), ["x-trace", "content-type"]);
    }

    #[test]
    fn the_events_of_a_batch_are_judged_one_by_one() {
        let sound = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
        let body = Bytes::from(format!("[{sound},{{\"specversion\":\"1.0\",\"id\":7}},{sound}]"));
        let kind: &[u8] = b"application/cloudevents-batch+json";
        let Ok(Decoded::Batch(batch)) = decode(Some(kind), [("x-a", &b"1"[..])], body) else {
            panic!("no batch");
        };
        let sound: Vec<bool> = batch.iter().map(Result::is_ok).collect();
        assert_eq!(sound, [true, false, true]);
        assert_eq!(names(batch[0].as_ref().unwrap()), ["x-a"]);
    }

    #[test]
    fn data_is_a_slice_of_the_body() {
        let text = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data": [1.0] }"#;
        let body = Bytes::from(text);
        let kind: &[u8] = b"application/cloudevents+json";
        let Ok(Decoded::Event(event)) = decode(Some(kind), [], body.clone()) else {
            panic!("no event");
        };
        let payload = event.payload.unwrap();
        assert_eq!(payload, "[1.0]");
        assert!(body.as_ptr_range().contains(&payload.as_ptr()), "copied");
    }
}
