//! Google Pub/Sub (`google-cloudevents`, `docs/spec/pubsub.md`) over the attributes of a message, so that it needs no
//! client library.
//!
//! In binary mode attributes are those of the message with the prefix `ce-`, without any encoding, and `content-type`
//! for `datacontenttype`. In structured mode `content-type` begins with `application/cloudevents`. There is no batch.

use hybridge_core::{Attributes, Message, Text, Value};

use super::binary::Binary;
use super::structured::has_events_as_data;
use super::{DecodeError, Mode, attribute};

const PREFIX: &str = "ce-";
/// The attribute that says what the data is.
pub const CONTENT_TYPE: &str = "content-type";

/// What Pub/Sub takes of one message (its quotas): attributes, and bytes of a name and of a value.
const MOST: usize = 100;
const LONGEST_NAME: usize = 256;
const LONGEST_VALUE: usize = 1024;

/// The attributes of an event in binary mode, out of those of the message; others are none of it.
///
/// # Errors
/// They are not those of an event.
pub fn decode<'a>(
    attributes: impl IntoIterator<Item = (&'a str, &'a str)>,
    mode: Mode,
) -> Result<Attributes, DecodeError> {
    let mut binary = Binary::default();
    let mut content_type = None;
    for (name, text) in attributes {
        if name == CONTENT_TYPE {
            content_type = Some(Text::from(text));
        } else if let Some(name) = name.strip_prefix(PREFIX) {
            binary.push(name, Value::from(text))?;
        }
    }
    binary.finish(content_type, mode)
}

/// The attributes of a message for an event in binary mode. `None` where Pub/Sub does not take them, or where the data are
/// events themselves: the event then goes in structured mode.
pub fn attributes(message: &Message) -> Option<Vec<(String, String)>> {
    if has_events_as_data(message) {
        return None;
    }
    let mut all = Vec::with_capacity(message.attributes.len());
    for (name, value) in message.attributes.iter_ref() {
        let value = attribute::canonical_ref(value).into_owned();
        let name = match name {
            "datacontenttype" => CONTENT_TYPE.to_owned(),
            name => format!("{PREFIX}{name}"),
        };
        if name.len() > LONGEST_NAME || value.len() > LONGEST_VALUE || all.len() == MOST {
            return None;
        }
        all.push((name, value));
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_does_not_fit() {
        let mut message = Message::default();
        message.attributes.set("subject".into(), Value::from(&*"x".repeat(1024)));
        assert!(attributes(&message).is_some());
        message.attributes.set("subject".into(), Value::from(&*"x".repeat(1025)));
        assert!(attributes(&message).is_none());
    }
}
