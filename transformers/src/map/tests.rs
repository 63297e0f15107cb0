use bytes::Bytes;
use futures_util::FutureExt;
use hybridge_core::{ErrorKind, Value};
use hybridge_schemas::cloudevents::{Mode, json};
use proptest::prelude::*;

use super::*;

fn step(yaml: &str) -> Box<dyn Transformer> {
    crate::testing::step(&format!("map: {yaml}"))
}

fn applied(yaml: &str, message: Message) -> Result<Message, Error> {
    applied_by(&*step(yaml), message)
}

fn applied_by(step: &dyn Transformer, message: Message) -> Result<Message, Error> {
    let mut applied = step.apply(vec![message]).now_or_never().expect("never yields");
    match applied.remove(0) {
        Applied::One(message) => Ok(message),
        Applied::Failed(error) => Err(error),
        other => panic!("{other:?}"),
    }
}

fn event(data: &str) -> Message {
    let text = format!(
        r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t","count":7,"data":{data}}}"#
    );
    let mut message = json::decode(&Bytes::from(text), Mode::Strict).unwrap();
    message.key = Some(Bytes::from_static(b"k"));
    message.headers.push("X-Id".into(), Some(Bytes::from_static(b"h")));
    message.headers.push("x-id".into(), Some(Bytes::from_static(b"i")));
    message
}

fn data(message: &Message) -> &str {
    std::str::from_utf8(message.payload.as_ref().unwrap()).unwrap()
}

#[test]
fn data_is_changed_in_place() {
    let before = r#"{ "card" : "1", "n":1.50 , "deep":{"x":[1, 2]} }"#;
    let yaml = r#"{
        rename: { event.data.n: event.data.amount, event.data.deep.x: event.data.y },
        set: { event.data.customer.id: "{{ key }}", event.data.count: "{{ event.count }}", event.data.ok: true,
         event.data.copy: "{{ event.data.deep }}", event.data.note: "n={{ event.data.n }}" },
        remove: [event.data.card, event.data.gone] }"#;
    let after = applied(yaml, event(before)).unwrap();
    assert_eq!(
        data(&after),
        r#"{ "amount":1.50 , "deep":{},"y":[1, 2],"copy":{"x":[1, 2]},"count":7,"customer":{"id":"k"},"note":"n=1.50","ok":true }"#
    );
}

#[test]
fn attributes_headers_and_key_take_each_others_values() {
    let yaml = r#"{
        rename: { event.count: event.data.count, 'headers["X-Id"]': 'headers["id"]' },
        set: { event.subject: "{{ event.data.name }}", event.flag: "{{ event.data.flag }}", event.size: "{{ event.data.size }}",
         key: "{{ event.data.name }}", 'headers["type"]': "{{ event.type }}" },
        remove: [event.data.flag] }"#;
    let after = applied(yaml, event(r#"{"name":"Zo\u00eb","flag":true,"size":-2}"#)).unwrap();
    assert_eq!(after.attributes.get("count"), None);
    assert_eq!(after.attributes.text("subject"), Some("Zoë"));
    assert_eq!(after.attributes.get("flag"), Some(Value::Boolean(true)));
    assert_eq!(after.attributes.get("size"), Some(Value::Integer(-2)));
    assert_eq!(after.key.as_deref(), Some("Zoë".as_bytes()));
    assert_eq!(after.headers.get("id").unwrap(), "h");
    assert_eq!(after.headers.get("type").unwrap(), "t");
    assert_eq!(data(&after), r#"{"name":"Zo\u00eb","size":-2,"count":7}"#);
}

#[test]
fn the_whole_payload_can_be_unwrapped_and_wrapped() {
    let unwrapped = applied(
        r#"{ set: { event.data: "{{ event.data.inner }}" } }"#,
        event(r#"{"inner": {"a":1.0}}"#),
    );
    assert_eq!(data(&unwrapped.unwrap()), r#"{"a":1.0}"#);
    let wrapped = applied("{ rename: { event.data: event.data.inner } }", event("[1.0]")).unwrap();
    assert_eq!(data(&wrapped), r#"{"inner":[1.0]}"#);
    let text = applied(r#"{ set: { event.data: "hi {{ key }}" } }"#, event("1")).unwrap();
    assert_eq!(
        data(&text),
        r#""hi k""#,
        "the content type is JSON, so the text becomes a JSON string"
    );
}

#[test]
fn removing_a_header_removes_every_spelling() {
    let after = applied(r#"{ remove: ['headers["X-ID"]', key] }"#, event("1")).unwrap();
    assert!(after.headers.is_empty() && after.key.is_none());
}

#[test]
fn what_cannot_be_done_is_a_permanent_fault_with_a_reason() {
    for (yaml, payload, reason) in [
        (
            r#"{ set: { event.subject: "{{ event.data.x }}" } }"#,
            "{}",
            "the message has no event.data.x",
        ),
        (
            "{ set: { event.data.a.b: x } }",
            r#"{"a":1}"#,
            "event.data.a.b: a value on the way is no object",
        ),
        ("{ set: { 'event.data[3]': x } }", "[1]", "event.data[3]: the array has no such element"),
        (
            r#"{ set: { event.time: "{{ key }}" } }"#,
            "1",
            "attribute time: must be an RFC 3339 timestamp",
        ),
        (
            r#"{ set: { event.x: "{{ event.data }}" } }"#,
            "{}",
            "event.x: an object or a list cannot be an attribute",
        ),
    ] {
        let error = applied(yaml, event(payload)).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Rejected, reason));
    }
    let plain = Message { payload: Some(Bytes::from_static(b"{")), ..Message::default() };
    let reason = |yaml: &str| applied(yaml, plain.clone()).unwrap_err().to_string();
    assert!(reason("{ set: { event.x: y } }").contains("no CloudEvent"));
    assert_eq!(
        reason("{ remove: [event.data.x] }"),
        "event.data.x: not JSON: no name of a member at byte 1"
    );
}

/// Members in the order given, with white space and numbers as parsers like to change them.
fn object(members: &[(String, String)]) -> String {
    let members: Vec<String> =
        members.iter().map(|(name, value)| format!("\"{name}\" : {value}")).collect();
    format!("{{ {} }}", members.join("\n, "))
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("1.10".to_owned()),
        Just("1E+2".to_owned()),
        Just("12345678901234567890123".to_owned()),
        Just(r#""\u0041\/""#.to_owned()),
        Just("null".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|all| format!("[{} ]", all.join(", "))),
            prop::collection::vec(("[xy]", inner), 0..3).prop_map(|members| object(&members)),
        ]
    })
}

/// `a` is among other members: what the step does to it touches no byte of theirs.
#[test]
fn untouched_bytes_stay_untouched() {
    let set = step("{ set: { event.data.a: 0 } }");
    let rename = step("{ rename: { event.data.a: event.data.b } }");
    let other = step("{ set: { event.x: y }, remove: [event.count] }");
    let remove = step("{ remove: [event.data.a] }");
    let before = prop::collection::vec(("[m-p]", value()), 0..3);
    let after = prop::collection::vec(("[q-t]", value()), 0..3);
    proptest!(ProptestConfig::with_cases(256), |(before in before, a in value(), after in after, note in "[ -~]{1,8}")| {
        let around = |middle: Option<(&str, &str)>| {
            let middle = middle.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let members: Vec<_> = before.iter().cloned().chain(middle).chain(after.iter().cloned()).collect();
            object(&members)
        };
        let mut message = event(&around(Some(("a", &a))));
        message.attributes.set("note".into(), Value::String(note.as_str().into()));
        for (step, expected) in [
            (&set, around(Some(("a", "0")))),
            (&rename, around(Some(("b", &a)))),
            (&other, around(Some(("a", &a)))),
        ] {
            let changed = applied_by(&**step, message.clone()).unwrap();
            prop_assert_eq!(data(&changed), expected);
            prop_assert_eq!(changed.attributes.text("note"), Some(note.as_str()));
            prop_assert_eq!(&changed.headers, &message.headers);
        }
        let removed = applied_by(&*remove, message.clone()).unwrap();
        let strip = |text: &str| text.replace([' ', '\n'], "");
        prop_assert_eq!(strip(data(&removed)), strip(&around(None)));
    });
}
