//! What is written for a message by a sink of a broker, whose binary mode is its own.

use std::borrow::Cow;

use hybridge_config::{Encoding, EventFormat};
use hybridge_core::{Attributes, Headers, Message};

use super::format::Format;
use super::structured;

/// How the events of one target are written.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing {
    encoding: Encoding,
    format: Format,
}

impl Outgoing {
    /// As the file says.
    pub fn new(encoding: Encoding, format: EventFormat) -> Self {
        Self { encoding, format: format.into() }
    }

    /// The message as the sink writes it: itself in binary mode and where it is no event, else one without attributes,
    /// whose body is the event or its data and whose header `content-type` says which. An event whose data are events is
    /// structured in binary mode too.
    pub fn apply<'a>(&self, message: &'a Message) -> Cow<'a, Message> {
        if self.encoding == Encoding::Binary && !structured::has_events_as_data(message) {
            return Cow::Borrowed(message);
        }
        let attributes = &message.attributes;
        let (content_type, payload) = match self.encoding {
            Encoding::Structured | Encoding::Binary => {
                match structured::encode(message, self.format) {
                    Ok((content_type, body)) => (Some(content_type), Some(body)),
                    Err(_) => return Cow::Borrowed(message),
                }
            }
            _ if message.is_event() => {
                (attributes.text("datacontenttype"), message.payload.clone())
            }
            _ => return Cow::Borrowed(message),
        };
        Cow::Owned(Message {
            payload,
            headers: headers(message, content_type),
            attributes: Attributes::new(),
            ..message.clone()
        })
    }
}

impl From<EventFormat> for Format {
    fn from(format: EventFormat) -> Self {
        match format {
            EventFormat::Json => Self::Json,
            EventFormat::Avro => Self::Avro,
            EventFormat::Protobuf => Self::Protobuf,
        }
    }
}

/// The content type, then the headers of the message that say nothing of the event.
fn headers(message: &Message, content_type: Option<&str>) -> Headers {
    let mut block = Vec::with_capacity(message.headers.size() + 56);
    if let Some(content_type) = content_type {
        Headers::append(&mut block, "content-type", Some(content_type.as_bytes()));
    }
    message.headers.each(|name, value| {
        if !structured::says(name, &message.attributes) {
            Headers::append(&mut block, name, value);
        }
    });
    Headers::from_block(block.into())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hybridge_core::{Header, Text};

    use super::super::{Mode, json, kafka, structured::Decoded};
    use super::*;

    fn event() -> Message {
        let text = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","partitionkey":"p","data":{"n":1.50}}"#;
        let header = |name: &str, value: &'static str| Header {
            name: name.into(),
            value: Some(Bytes::from_static(value.as_bytes())),
        };
        let headers = [header("content-type", "old"), header("ce_id", "2"), header("x", "y")];
        let event = json::decode(&Bytes::from(text), Mode::Strict).unwrap();
        Message { headers: headers.into_iter().collect(), ..event }
    }

    fn names(message: &Message) -> Vec<Text> {
        message.headers.iter().map(|header| header.name).collect()
    }

    #[test]
    fn a_structured_event_is_one_again_in_every_format() {
        for format in [EventFormat::Json, EventFormat::Avro, EventFormat::Protobuf] {
            let event = event();
            let written = Outgoing::new(Encoding::Structured, format).apply(&event).into_owned();
            assert!(!written.is_event());
            assert_eq!(names(&written), ["content-type", "x"]);
            let Ok(Decoded::Event(again)) = kafka::decode(&written, Mode::Strict) else {
                panic!("no event");
            };
            assert_eq!(again.payload, event.payload);
            assert_eq!(again.attributes.len(), event.attributes.len());
            for (name, value) in event.attributes.iter() {
                assert_eq!(again.attributes.get(&name), Some(value), "{name}");
            }
            assert_eq!(names(&again), ["x"]);
        }
    }

    #[test]
    fn data_that_are_an_event_do_not_stand_for_the_event_around_them() {
        let text = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","datacontenttype":"application/cloudevents+json","data":{"specversion":"1.0","id":"2","source":"/s","type":"t"}}"#;
        let event = json::decode(&Bytes::from(text), Mode::Strict).unwrap();
        let written = Outgoing::new(Encoding::Binary, EventFormat::Json).apply(&event);
        let Ok(Decoded::Event(again)) = kafka::decode(&written, Mode::Strict) else {
            panic!("no event");
        };
        assert_eq!(again.attributes, event.attributes);
        assert_eq!(again.payload, event.payload);
    }

    #[test]
    fn raw_is_the_data_and_its_type() {
        let event = event();
        let written = Outgoing::new(Encoding::Raw, EventFormat::Json).apply(&event);
        assert!(!written.is_event());
        assert_eq!(written.payload.as_deref(), Some(&br#"{"n":1.50}"#[..]));
        assert_eq!(written.headers.get("content-type").as_deref(), Some(&b"application/json"[..]));
        assert_eq!(names(&written), ["content-type", "x"]);
    }

    #[test]
    fn what_is_no_event_is_written_as_it_is() {
        let plain = Message { payload: Some(Bytes::from_static(b"x")), ..Message::default() };
        for encoding in [Encoding::Binary, Encoding::Structured, Encoding::Raw] {
            let outgoing = Outgoing::new(encoding, EventFormat::Json);
            assert!(matches!(outgoing.apply(&plain), Cow::Borrowed(_)));
        }
    }
}
