//! What a line means, and how a message is written as one.

use bytes::Bytes;
use hybridge_core::{Error, ErrorKind, Message, Text, Value};
use hybridge_schemas::cloudevents::{self, Mode};
use serde::Deserialize;
use serde::de::IgnoredAny;

pub(crate) mod letter;

/// How messages and lines correspond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineFormat {
    /// One JSON value a line; an object with `specversion` is a CloudEvent, and its `partitionkey`
    /// the key of the message.
    Json,
    /// One payload a line, any bytes but the newline.
    Raw,
}

/// What makes an object an event.
#[derive(Deserialize)]
struct Probe {
    specversion: Option<IgnoredAny>,
}

impl LineFormat {
    /// Whether a line is no message: JSON lines may have blank ones between them.
    pub(crate) fn skips(self, line: &[u8]) -> bool {
        self == Self::Json && line.trim_ascii().is_empty()
    }

    /// The message of a line, and what is wrong with it for good. A message with a fault has the
    /// line as its body.
    pub(crate) fn decode(self, line: Bytes, too_long: Option<u64>) -> (Message, Option<Error>) {
        let decoded = match (self, too_long) {
            (_, Some(length)) => Err(Error::rejected(format!(
                "line of {length} bytes is longer than max_message; its first {} are kept",
                line.len()
            ))),
            (Self::Json, None) => decode_json(&line),
            (Self::Raw, None) => Ok(raw(line.clone())),
        };
        match decoded {
            Ok(message) => (message, None),
            Err(fault) => (raw(line), Some(fault)),
        }
    }

    /// Appends the line of a message, its newline included; nothing of one that cannot be a line.
    ///
    /// A dead letter is a JSON object in either format, since it may be anything and has headers
    /// that say why it is one: a target for letters that refused some would hold their route.
    ///
    /// JSON may have line breaks between its tokens and nowhere else: they become spaces, so that
    /// the value stays what it is.
    pub(crate) fn encode(self, message: &Message, out: &mut Vec<u8>) -> Result<(), Error> {
        let start = out.len();
        if letter::is_letter(message) {
            letter::write(message, out);
        } else if self == Self::Json && message.is_event() {
            let invalid =
                |error| Error::with_source(ErrorKind::Rejected, "writing the event", error);
            cloudevents::json::write(message, out).map_err(invalid)?;
        } else {
            out.extend_from_slice(self.body(message)?);
        }
        if self == Self::Json || letter::is_letter(message) {
            let breaks = out[start..].iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r'));
            breaks.for_each(|byte| *byte = b' ');
        }
        out.push(b'\n');
        Ok(())
    }

    fn body(self, message: &Message) -> Result<&[u8], Error> {
        let Some(payload) = &message.payload else {
            return Err(Error::rejected("a message without a body cannot be a line"));
        };
        match self {
            Self::Raw if payload.contains(&b'\n') => {
                Err(Error::rejected("the body has a line break, so it cannot be a line"))
            }
            Self::Json => not_json(payload).map_or(Ok(payload), Err),
            Self::Raw => Ok(payload),
        }
    }
}

fn raw(line: Bytes) -> Message {
    Message { payload: Some(line), ..Message::default() }
}

fn decode_json(line: &Bytes) -> Result<Message, Error> {
    if let Some(fault) = not_json(line) {
        return Err(fault);
    }
    // The name is found in few texts that are not events, and cheaply.
    let may_be_event = line.windows(13).any(|window| window == b"\"specversion\"");
    let is_event = may_be_event
        && line.trim_ascii_start().starts_with(b"{")
        && serde_json::from_slice::<Probe>(line).is_ok_and(|probe| probe.specversion.is_some());
    if !is_event {
        return Ok(raw(line.clone()));
    }
    let invalid = |error| Error::with_source(ErrorKind::Rejected, "not a CloudEvent", error);
    let mut message = cloudevents::json::decode(line, Mode::Lenient).map_err(invalid)?;
    let key = message.attributes.get("partitionkey").and_then(Value::into_text);
    message.key = key.map(Text::into_bytes);
    Ok(message)
}

fn not_json(text: &[u8]) -> Option<Error> {
    if hybridge_schemas::json::is_valid(text) {
        return None;
    }
    Some(Error::rejected("the body is not JSON"))
}

#[cfg(test)]
mod tests {
    use hybridge_core::testing::text;

    use super::*;

    #[test]
    fn an_event_is_one_and_is_the_same_line_again() {
        let line = r#"{"specversion":"1.0","type":"t","source":"s","id":"1","partitionkey":"k","datacontenttype":"application/json","data":{"specversion":1}}"#;
        let (message, fault) = LineFormat::Json.decode(line.into(), None);
        assert!(fault.is_none() && message.is_event());
        assert_eq!(text(&message), ("k".to_owned(), r#"{"specversion":1}"#.to_owned()));
        let mut out = Vec::new();
        LineFormat::Json.encode(&message, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), format!("{line}\n"));
    }

    #[test]
    fn what_only_mentions_specversion_is_no_event() {
        for line in [r#"{"a":{"specversion":"1.0"}}"#, r#"["specversion"]"#, "7"] {
            let (message, fault) = LineFormat::Json.decode(line.into(), None);
            assert!(fault.is_none() && !message.is_event(), "{line}");
            assert_eq!(text(&message).1, line);
        }
    }

    #[test]
    fn what_says_that_it_is_an_event_and_is_none_is_a_fault_with_the_whole_line() {
        for line in [r#"{"specversion":"1.0"}"#, r#"{"specversion":7}"#, "{", "\u{feff}1", ""] {
            let (message, fault) = LineFormat::Json.decode(line.into(), None);
            assert_eq!(fault.map(|fault| fault.kind()), Some(ErrorKind::Rejected), "{line}");
            assert_eq!(text(&message).1, line);
        }
    }
}
