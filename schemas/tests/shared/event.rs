//! Generated events.

use bytes::Bytes;
use hybridge_core::{Message, Text, Value};
use hybridge_schemas::cloudevents::attribute;
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

/// Sound events: all kinds of data, extensions of some types.
pub fn event() -> impl Strategy<Value = Message> {
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
