//! Properties of the CloudEvents formats and bindings over generated events and hostile bytes.

use bytes::Bytes;
use hybridge_core::{Message, Text, Value};
use hybridge_schemas::cloudevents::http::{self, Decoded};
use hybridge_schemas::cloudevents::{Mode, attribute, json};
use proptest::prelude::*;

/// JSON texts with the forms that parsers like to change.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("1.10".to_owned()),
        Just("-0".to_owned()),
        Just("12345678901234567890123".to_owned()),
        Just("1E+2".to_owned()),
        Just("\"\\ud83d\\u0041\\/\"".to_owned()),
        any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|all| format!("[ {}]", all.join(" ,"))),
            prop::collection::vec(("[ab]", inner), 0..4).prop_map(|all| {
                let members: Vec<_> =
                    all.iter().map(|(name, value)| format!("\"{name}\" :{value}\n")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

fn data() -> impl Strategy<Value = (Option<String>, Option<Vec<u8>>)> {
    prop_oneof![
        (Just(None), Just(None)),
        (Just(None), prop::collection::vec(any::<u8>(), 1..40).prop_map(Some)),
        (
            Just(Some("application/json".into())),
            json_text().prop_map(|text| Some(text.into_bytes()))
        ),
        (
            Just(Some("a/b+json; v=\"1\"".into())),
            any::<Vec<u8>>().prop_map(|bytes| Some([b"!", &bytes[..]].concat()))
        ),
        (Just(Some("text/plain".into())), any::<String>().prop_map(|text| Some(text.into_bytes()))),
        (Just(Some("application/x-unknown".into())), any::<Vec<u8>>().prop_map(Some)),
        (Just(Some("application/octet-stream".into())), any::<Vec<u8>>().prop_map(Some)),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Boolean),
        any::<i32>().prop_map(Value::Integer),
        any::<String>().prop_map(|text| Value::String(text.into())),
    ]
}

fn event() -> impl Strategy<Value = Message> {
    let extensions = prop::collection::btree_map("x[a-z0-9]{0,5}", value(), 0..4);
    (".{1,9}", ".{1,9}", ".{1,9}", data(), extensions).prop_map(
        |(id, source, kind, (content_type, payload), extensions)| {
            let mut event = Message::default();
            let mut set = |name: &str, text: &str| {
                let value = attribute::typed(name, text.into());
                event.attributes.set(attribute::name(name), value);
            };
            for (name, text) in
                [("specversion", "1.0"), ("id", &id), ("source", &source), ("type", &kind)]
            {
                set(name, text);
            }
            if let Some(content_type) = content_type {
                set("datacontenttype", &content_type);
            }
            for (name, value) in extensions {
                event.attributes.set(Text::from(name), value);
            }
            event.payload = payload.map(Bytes::from);
            event
        },
    )
}

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
        kind in prop_oneof![Just("application/cloudevents+json"), Just("application/cloudevents-batch+json"), Just("x")],
        name in "(ce-|connection)?[a-z\u{e9}]{0,6}", header in any::<Vec<u8>>(), body in any::<Vec<u8>>(),
    ) {
        let headers = [("ce-specversion", &b"1.0"[..]), (name.as_str(), &header)];
        let _ = http::decode(Some(kind.as_bytes()), headers, Bytes::from(body));
        let _ = http::decode(Some(&header), headers, Bytes::new());
    }

    /// One byte of a sound event changed, cut out or put in: an event or an error, and what is
    /// still an event can be written and read again.
    #[test]
    fn mutated_events_are_answered(event in event(), at in any::<prop::sample::Index>(), byte in any::<u8>(), how in 0..4) {
        let mut text = json::encode(&event).unwrap();
        let at = at.index(text.len());
        match how {
            0 => text[at] = byte,
            1 => { text.remove(at); }
            2 => text.insert(at, byte),
            _ => text.truncate(at),
        }
        if let Ok(decoded) = json::decode(&Bytes::from(text), Mode::Lenient) {
            let again = json::encode(&decoded).unwrap();
            same(&decoded, &json::decode(&Bytes::from(again), Mode::Lenient).unwrap())?;
        }
    }
}

/// serde_json reads no lone surrogate, although RFC 8259 section 8.2 allows it in the grammar.
fn has_lone_surrogate(text: &[u8]) -> bool {
    String::from_utf8_lossy(text).contains("\\ud83d\\u0041")
}
