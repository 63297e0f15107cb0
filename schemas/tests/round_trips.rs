//! Properties of the CloudEvents formats and bindings over generated events and hostile bytes.

use bytes::Bytes;
use hybridge_core::{Message, Value};
use hybridge_schemas::cloudevents::format::Format;
use hybridge_schemas::cloudevents::http::{self, Decoded};
use hybridge_schemas::cloudevents::{Mode, attribute, json};
use proptest::prelude::*;

#[path = "shared/event.rs"]
mod generated;

use generated::event;

fn pairs(headers: &http::Headers) -> Vec<(&str, &[u8])> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_ref())).collect()
}

fn content_type(headers: &http::Headers) -> Option<&[u8]> {
    let found = headers.iter().find(|(name, _)| *name == "content-type");
    found.map(|(_, value)| value.as_ref())
}

fn same(left: &Message, right: &Message) -> Result<(), TestCaseError> {
    prop_assert_eq!(&left.payload, &right.payload);
    prop_assert_eq!(left.attributes.len(), right.attributes.len());
    for (name, value) in left.attributes.iter() {
        prop_assert_eq!(Some(value), right.attributes.get(&name), "{}", name);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn structured_and_batched_lose_nothing(events in prop::collection::vec(event(), 0..4)) {
        for event in &events {
            let text = json::encode(event).unwrap();
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&text).is_ok() || has_lone_surrogate(&text));
            same(event, &json::decode(&Bytes::from(text), Mode::Lenient).unwrap())?;
        }
        let (headers, body) = http::encode_batch(&events).unwrap();
        let decoded = http::decode(content_type(&headers), pairs(&headers), body).unwrap();
        let Decoded::Batch(batch) = decoded else { panic!("no batch") };
        prop_assert_eq!(batch.len(), events.len());
        for (event, decoded) in events.iter().zip(batch) {
            same(event, &decoded.unwrap())?;
        }
    }

    #[test]
    fn avro_and_protobuf_lose_nothing(event in event()) {
        for format in [Format::Avro, Format::Protobuf] {
            let bytes = Bytes::from(format.encode(&event).unwrap());
            let decoded = format.decode(&bytes, Mode::Lenient).unwrap();
            same(&event, &decoded)?;
            let payload = decoded.payload.unwrap_or_default();
            let is_slice = payload.is_empty() || bytes.as_ptr_range().contains(&payload.as_ptr());
            prop_assert!(is_slice, "the payload was copied");
        }
    }

    /// Headers have no types, so extensions come back as their canonical strings.
    #[test]
    fn binary_loses_nothing_but_the_types_of_extensions(event in event()) {
        let (headers, body) = http::encode_binary(&event);
        let decoded = http::decode(content_type(&headers), pairs(&headers), body.unwrap_or_default()).unwrap();
        let Decoded::Event(decoded) = decoded else { panic!("no event") };
        prop_assert_eq!(&event.payload, &decoded.payload);
        for (name, value) in event.attributes.iter() {
            let canonical = |value: &Value| attribute::canonical(value).into_owned();
            let other = decoded.attributes.get(&name).as_ref().map(canonical);
            prop_assert_eq!(Some(canonical(&value)), other, "{}", name);
        }
    }

    #[test]
    fn arbitrary_bytes_are_answered(
        kind in prop_oneof![
            Just("application/cloudevents+json"),
            Just("application/cloudevents-batch+json"),
            Just("application/cloudevents+avro"),
            Just("application/cloudevents+protobuf"),
            Just("application/cloudevents-batch+protobuf"),
            Just("x"),
        ],
        name in "(ce-|connection)?[a-z\u{e9}]{0,6}", header in any::<Vec<u8>>(), body in any::<Vec<u8>>(),
    ) {
        let headers = [("ce-specversion", &b"1.0"[..]), (name.as_str(), &header)];
        let _ = http::decode(Some(kind.as_bytes()), headers, Bytes::from(body));
        let _ = http::decode(Some(&header), headers, Bytes::new());
    }

    /// One byte of a sound event changed, cut out or put in: an event or an error, and what is
    /// still an event can be written and read again.
    #[test]
    fn mutated_events_are_answered(
        event in event(),
        format in prop_oneof![Just(Format::Json), Just(Format::Avro), Just(Format::Protobuf)],
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        how in 0..4,
    ) {
        let mut text = format.encode(&event).unwrap();
        let at = at.index(text.len());
        match how {
            0 => text[at] = byte,
            1 => { text.remove(at); }
            2 => text.insert(at, byte),
            _ => text.truncate(at),
        }
        if let Ok(decoded) = format.decode(&Bytes::from(text), Mode::Lenient) {
            let again = format.encode(&decoded).unwrap();
            same(&decoded, &format.decode(&Bytes::from(again), Mode::Lenient).unwrap())?;
        }
    }
}

/// serde_json reads no lone surrogate, although RFC 8259 section 8.2 allows it in the grammar.
fn has_lone_surrogate(text: &[u8]) -> bool {
    String::from_utf8_lossy(text).contains("\\ud83d\\u0041")
}
