//! Events compared, and sent through every format and binding.

use std::collections::BTreeMap;

use bytes::Bytes;
use hybridge_config::{Encoding, EventFormat};
use hybridge_core::{Attributes, Headers, Message, Text, Value};
use hybridge_schemas::cloudevents::amqp::Typed;
use hybridge_schemas::cloudevents::format::Format;
use hybridge_schemas::cloudevents::outgoing::Outgoing;
use hybridge_schemas::cloudevents::structured::Decoded;
use hybridge_schemas::cloudevents::{
    Mode, amqp, attribute, http, kafka, mqtt, nats, pubsub, rabbitmq,
};
use hybridge_schemas::media_type::MediaType;
use hybridge_schemas::rfc3339;

/// Asserts that two events say the same. Attributes have no order, and timestamps are compared as instants. White space
/// around data in JSON is not part of it.
pub fn assert_same(way: &str, got: &Message, want: &Message) {
    assert_same_attributes(way, &got.attributes, &want.attributes);
    assert_eq!(data(got), data(want), "{way}: data");
}

fn assert_same_attributes(way: &str, got: &Attributes, want: &Attributes) {
    let (got, want) = (comparable(got), comparable(want));
    assert_eq!(got, want, "{way}: attributes");
}

fn comparable(attributes: &Attributes) -> BTreeMap<String, String> {
    let text = |value: &Value| match value.as_text().and_then(|text| rfc3339::nanos(text)) {
        Some(instant) => format!("{instant:?}"),
        None => attribute::canonical(value).into_owned(),
    };
    attributes.iter().map(|(name, value)| (name.to_string(), text(&value))).collect()
}

fn data(message: &Message) -> Option<&[u8]> {
    let payload = message.payload.as_deref()?;
    Some(if is_json(message) { payload.trim_ascii() } else { payload })
}

fn content_type(message: &Message) -> &str {
    message.attributes.text("datacontenttype").unwrap_or_default()
}

fn is_json(message: &Message) -> bool {
    MediaType::parse(content_type(message)).is_some_and(|media_type| media_type.is_json())
}

/// Every format can write an event that any of them has read, and reads it back as it was.
pub fn through_formats(event: &Message) {
    for format in [Format::Json, Format::Avro, Format::Protobuf] {
        let written = format.encode(event).expect("an event can be written");
        let again = format.decode(&written.into(), Mode::Lenient);
        let again = again.unwrap_or_else(|error| panic!("{format:?}: {error}"));
        assert_same(&format!("{format:?}"), &again, event);
    }
}

/// Every binding can write an event that any of them has read, and reads it back as it was.
pub fn through_bindings(event: &Message) {
    through_kafka(event);
    let read = |way: &str, attributes: Result<Attributes, _>| {
        let attributes = attributes.unwrap_or_else(|error| panic!("{way}: {error}"));
        assert_same_attributes(way, &attributes, &event.attributes);
    };
    let data_type = event.attributes.text("datacontenttype");
    let owned_type = || data_type.map(Text::from);

    let mut headers = Vec::new();
    nats::headers(event, |name, value| headers.push((name.to_owned(), value.to_vec())));
    let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
    read("nats", nats::decode(pairs, Mode::Lenient));

    let mut properties = Vec::new();
    mqtt::properties(event, |name, value| properties.push((name.to_owned(), value.to_owned())));
    let pairs = properties.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    read("mqtt", mqtt::decode(pairs, data_type, Mode::Lenient));

    if let Some(written) = pubsub::attributes(event) {
        let pairs = written.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        read("pubsub", pubsub::decode(pairs, Mode::Lenient));
    }

    let others = || event.attributes.iter().filter(|(name, _)| *name != "datacontenttype");
    read("rabbitmq", rabbitmq::decode(others(), owned_type(), Mode::Lenient));

    let mut typed = Vec::new();
    amqp::properties(event, |name, value| typed.push((Text::from(name), own(name, value))));
    read("amqp", amqp::decode(typed, owned_type(), Mode::Lenient));

    through_http(event);
}

fn own(name: &str, value: Typed<'_>) -> Value {
    amqp::value(name, value).unwrap_or_else(|error| panic!("amqp: {error}"))
}

fn through_kafka(event: &Message) {
    let bare = Message { headers: Headers::new(), ..event.clone() };
    let written = Outgoing::new(Encoding::Binary, EventFormat::Json).apply(&bare);
    let mut headers = written.headers.clone();
    kafka::attributes(&written, |name, value| {
        headers.push(name.into(), Some(Bytes::copy_from_slice(value)));
    });
    let record = Message { headers, payload: written.payload.clone(), ..Message::default() };
    match kafka::decode(&record, Mode::Lenient) {
        Ok(Decoded::Event(again)) => assert_same("kafka", &again, event),
        other => panic!("kafka: {other:?}"),
    }
}

/// In HTTP no body and an empty one are the same, and white space around a media type is none of it; what no header may
/// contain is lost from it.
fn through_http(event: &Message) {
    let is_printable = content_type(event).bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if !is_printable {
        return;
    }
    let (headers, body) = http::encode_binary(event);
    let headers: Vec<(&str, &[u8])> =
        headers.iter().map(|(name, value)| (name.as_str(), &**value)).collect();
    let sent_type = headers.iter().find(|(name, _)| *name == "content-type");
    let sent_type = sent_type.map(|(_, value)| *value);
    let body = body.unwrap_or_default();
    let again = match http::decode_with(Mode::Lenient, sent_type, headers, body) {
        Ok(http::Decoded::Event(again)) => again,
        other => panic!("http: {other:?}"),
    };
    let normal = |message: &Message| {
        let mut message = message.clone();
        message.payload = message.payload.filter(|payload| !payload.is_empty());
        if message.attributes.contains("datacontenttype") {
            let trimmed = Text::from(content_type(&message).trim());
            message.attributes.set("datacontenttype".into(), trimmed.into());
        }
        message
    };
    assert_same("http", &normal(&again), &normal(event));
}
