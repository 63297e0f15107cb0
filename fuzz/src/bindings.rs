//! The bindings of CloudEvents to protocols, web hooks, and the texts that headers hold.

use std::time::SystemTime;

use bytes::Bytes;
use hybridge_core::{Header, Message, Text, Value};
use hybridge_schemas::cloudevents::amqp::Typed;
use hybridge_schemas::cloudevents::format::Format;
use hybridge_schemas::cloudevents::structured::{self, Decoded};
use hybridge_schemas::cloudevents::webhook::{self, Policy, bearer_token, consent, retry_after};
use hybridge_schemas::cloudevents::{
    Mode, amqp, extensions, http, kafka, mqtt, nats, pubsub, rabbitmq, websocket,
};
use hybridge_schemas::media_type::MediaType;
use hybridge_schemas::{rfc3339, uri};

use crate::event::{through_bindings, through_formats};

type Pair<'a> = (&'a str, &'a [u8]);

/// Headers (`name: value`, one a line), an empty line and a body, through every binding. An event that any of them
/// accepts is written by all of them, and in all formats, so that it is read as the same.
pub fn bindings(input: &[u8]) {
    let (headers, body) = request(input);
    for mode in [Mode::Lenient, Mode::Strict] {
        for event in events(&headers, &body, mode) {
            through_bindings(&event);
            through_formats(&event);
        }
    }
    webhooks(&headers);
    headers.iter().filter_map(|(_, value)| std::str::from_utf8(value).ok()).for_each(text);
}

fn request(input: &[u8]) -> (Vec<Pair<'_>>, Bytes) {
    let mut rest = input;
    let mut headers = Vec::new();
    while !rest.is_empty() {
        let (line, after) = crate::first_line(rest);
        rest = after;
        if line.is_empty() {
            break;
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        if let Ok(name) = std::str::from_utf8(&line[..colon]) {
            headers.push((name, line.get(colon + 1..).unwrap_or_default().trim_ascii()));
        }
    }
    (headers, Bytes::copy_from_slice(rest))
}

/// What each binding makes of the message.
fn events(headers: &[Pair], body: &Bytes, mode: Mode) -> Vec<Message> {
    let all = || headers.iter().copied();
    let texts: Vec<(&str, &str)> =
        all().filter_map(|(name, value)| Some((name, std::str::from_utf8(value).ok()?))).collect();
    let of = |wanted: &str| all().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    let raw_type = of("content-type").map(|(_, value)| value);
    let data_type = raw_type.and_then(|value| std::str::from_utf8(value).ok());
    let mut events = Vec::new();

    match http::decode_with(mode, raw_type, all(), body.clone()) {
        Ok(http::Decoded::Event(event)) => events.push(event),
        Ok(http::Decoded::Batch(batch)) => events.extend(batch.into_iter().flatten()),
        Ok(http::Decoded::NotAnEvent(message)) => {
            assert_eq!(message.payload.as_ref(), Some(body));
            assert!(message.attributes.is_empty());
        }
        Err(_) => {}
    }
    let message = message(headers, body);
    match kafka::decode(&message, mode) {
        Ok(Decoded::Event(event)) => events.push(event),
        Ok(Decoded::Batch(batch)) => events.extend(batch.into_iter().flatten()),
        Ok(Decoded::NotAnEvent) | Err(_) => {}
    }
    if let Ok(content) = mqtt::content(mqtt::Version::V5, data_type)
        && let Ok(Decoded::Event(event)) = structured::decode(&message, content, mode)
    {
        events.push(event);
    }
    let named = |name: fn(&str) -> Option<&str>| {
        texts.iter().filter_map(move |(header, text)| Some((name(header)?, *text)))
    };
    let long = |text: &str| text.parse::<i64>().ok();
    let of_amqp = named(amqp::attribute_name).filter_map(|(name, text)| {
        let value = match long(text) {
            Some(number) if i32::try_from(number).is_err() => Typed::Timestamp(number),
            Some(number) => Typed::Long(number),
            None if text == "true" => Typed::Boolean(true),
            None if text.starts_with('\0') => Typed::Binary(text.as_bytes()),
            None => Typed::String(text),
        };
        Some((Text::from(name), amqp::value(name, value).ok()?))
    });
    let of_rabbitmq = named(rabbitmq::attribute_name).map(|(name, text)| {
        let number = long(text).and_then(|number| i32::try_from(number).ok());
        (Text::from(name), number.map_or_else(|| Value::from(text), Value::Integer))
    });
    let own_type = || data_type.map(Text::from);
    let binary = [
        nats::decode(all(), mode),
        mqtt::decode(texts.iter().copied(), data_type, mode),
        pubsub::decode(texts.iter().copied(), mode),
        amqp::decode(of_amqp, own_type(), mode),
        rabbitmq::decode(of_rabbitmq, own_type(), mode),
    ];
    let event = |attributes| Message { attributes, ..message.clone() };
    events.extend(binary.into_iter().flatten().map(event));
    for format in [Format::Json, Format::Avro, Format::Protobuf] {
        if let Ok(event) = websocket::decode(format, websocket::frame(format), body, mode) {
            let (frame, again) =
                websocket::encode(format, &event).expect("an event can be written");
            websocket::decode(format, frame, &again, mode).expect("sound as it was");
            events.push(event);
        }
    }
    events
}

fn message(headers: &[Pair], body: &Bytes) -> Message {
    let header = |(name, value): &Pair| Header {
        name: Text::from(*name),
        value: Some(Bytes::copy_from_slice(value)),
    };
    let headers = headers.iter().map(header).collect();
    Message { headers, payload: Some(body.clone()), ..Message::default() }
}

/// A sender takes the answer that a receiver gives it for consent.
fn webhooks(headers: &[Pair]) {
    let all = || headers.iter().copied();
    let policy = Policy { origins: vec!["*".into(), "*.example".into()], rate: Some(60) };
    if let Ok(answered) = webhook::answer(all(), &policy) {
        let answered = answered.iter().map(|(name, value)| (name.as_str(), &**value));
        let granted = answered.clone().find(|(name, _)| *name == "webhook-allowed-origin");
        let origin = granted.and_then(|(_, value)| std::str::from_utf8(value).ok());
        let origin = origin.expect("an origin in the answer");
        assert!(consent(origin, true, answered).is_some(), "no consent for {origin}");
    }
    consent("a.example", false, all());
    for (_, value) in headers {
        let query = std::str::from_utf8(value).unwrap_or_default();
        bearer_token(Some(value), query);
        if let Some(token) = bearer_token(None, query) {
            assert!(!token.is_empty());
        }
        retry_after(query, SystemTime::UNIX_EPOCH);
    }
}

/// One text as whatever it may be.
fn text(text: &str) {
    if let Some(media_type) = MediaType::parse(text) {
        media_type.has_foreign_charset();
        media_type.is_text();
    }
    if let Some((seconds, nanos)) = rfc3339::nanos(text) {
        let written = rfc3339::format_nanos(seconds, nanos).expect("a time that was read");
        assert_eq!(rfc3339::nanos(&written), Some((seconds, nanos)), "{written}");
    }
    assert!(!uri::is_uri(text) || uri::is_reference(text));
    let path = uri::encode_path(text);
    assert!(uri::is_reference(&format!("x/{path}")), "{path}");
    if let Some(trace) = extensions::trace::TraceParent::parse(text) {
        let again = extensions::trace::TraceParent::parse(&trace.to_string());
        assert_eq!(again.map(|again| again.trace_id), Some(trace.trace_id));
    }
    extensions::classification::entries(text).for_each(drop);
}
