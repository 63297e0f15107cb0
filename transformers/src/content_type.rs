//! The content type of a message: the attribute of an event, the header of any other message.

use bytes::Bytes;
use hybridge_core::{Message, Text, Value};
use hybridge_schemas::media_type::MediaType;

use crate::headers::spelled;

pub(crate) fn set(message: &mut Message, content_type: &Text) {
    if message.is_event() {
        let name = Text::from_static("datacontenttype");
        return message.attributes.set(name, Value::String(content_type.clone()));
    }
    let name = spelled(&message.headers, &Text::from_static("content-type"));
    message.headers.set(name, Some(content_type.as_bytes().clone()));
}

/// The data is JSON from here on; a content type that says so already stays as it is.
pub(crate) fn set_json(message: &mut Message) {
    if !says_json(message) {
        set(message, &Text::from_static("application/json"));
    }
}

fn says_json(message: &Message) -> bool {
    let is_json = |text: &str| MediaType::parse(text).is_some_and(|kind| kind.is_json());
    if message.is_event() {
        return message.attributes.text("datacontenttype").is_some_and(is_json);
    }
    let header: Option<Bytes> = message.headers.get_ignore_case("content-type");
    header.and_then(|value| Text::from_utf8(value).ok()).is_some_and(|text| is_json(&text))
}
