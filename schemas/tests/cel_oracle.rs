//! Two implementations of CEL agree: this one, and the interpreter of the `cel` crate.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by a panic"
)]

use std::collections::HashMap;

use bytes::Bytes;
use cel::{Context, Program};
use hybridge_core::{Message, Value};
use hybridge_schemas::cel::Cel;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// The event as a message and as a value of the other implementation.
fn event(data: &Json) -> (Message, Json) {
    let texts = [("specversion", "1.0"), ("id", "1"), ("source", "/s"), ("type", "order.placed")];
    let texts = texts.into_iter().map(|(name, text)| (name.into(), Value::from(text)));
    let typed = [("tries".into(), Value::Integer(3)), ("vip".into(), Value::Boolean(true))];
    let message = Message {
        attributes: texts.chain(typed).collect(),
        payload: Some(Bytes::from(data.to_string())),
        key: Some(Bytes::from_static(b"k")),
        ..Message::default()
    };
    let event = json!({
        "specversion": "1.0", "id": "1", "source": "/s", "type": "order.placed", "tries": 3, "vip": true,
        "data": data,
    });
    (message, event)
}

/// The value as JSON; `None` for an error.
fn ours(text: &str, message: &Message) -> Option<Json> {
    let cel = Cel::compile(&text.parse().unwrap_or_else(|error| panic!("{text}: {error}")));
    let value = cel.evaluate(message).ok()?;
    let mut json = Vec::new();
    value.write_json(&mut json).ok()?;
    Some(plain(serde_json::from_slice(&json).unwrap()))
}

fn theirs(text: &str, event: &Json) -> Option<Json> {
    let program = Program::compile(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let mut context = Context::default();
    context.add_variable_from_value("event", converted(event));
    context.add_variable_from_value("key", "k");
    program.execute(&context).ok()?.json().ok().map(plain)
}

/// Numbers without their types: JSON may have a double as `1` or as `1.0`.
fn plain(json: Json) -> Json {
    match json {
        Json::Number(number) => number.as_f64().into(),
        Json::Array(values) => values.into_iter().map(plain).collect(),
        other => other,
    }
}

/// Whole numbers are `int`, as they are here.
fn converted(json: &Json) -> cel::Value {
    match json {
        Json::Null => cel::Value::Null,
        Json::Bool(value) => (*value).into(),
        Json::Number(number) => match number.as_i64() {
            Some(number) => number.into(),
            None => number.as_f64().unwrap().into(),
        },
        Json::String(text) => text.as_str().into(),
        Json::Array(values) => values.iter().map(converted).collect::<Vec<_>>().into(),
        Json::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), converted(value)));
            members.collect::<HashMap<_, _>>().into()
        }
    }
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "event\\.(type|tries|vip|gone)",
        6 => "event\\.data\\.(n|d|s|b|gone|o\\.n|o\\.gone|l\\[0\\]|l\\[7\\])",
        2 => "-?[0-9]{1,2}",
        1 => "[0-9]\\.[05]",
        2 => "'[ab]{0,2}'",
        1 => "true|false|null",
        1 => "key",
    ]
}

fn expression() -> impl Strategy<Value = String> {
    value().prop_recursive(4, 24, 3, |inner| {
        let pair = || (inner.clone(), inner.clone());
        prop_oneof![
            6 => (pair(), "==|!=|<|<=|>|>=").prop_map(|((a, b), op)| format!("({a} {op} {b})")),
            4 => (pair(), "&&|\\|\\|").prop_map(|((a, b), op)| format!("({a} {op} {b})")),
            2 => (pair(), "\\+|-|\\*|/|%").prop_map(|((a, b), op)| format!("({a} {op} {b})")),
            1 => inner.clone().prop_map(|a| format!("!({a})")),
            2 => (inner.clone(), "startsWith|endsWith|contains", "[ab]{0,2}")
                .prop_map(|(a, method, text)| format!("({a}).{method}('{text}')")),
            1 => (inner.clone(), "a\\*b|\\^a\\$|\\[ab\\]")
                .prop_map(|(a, pattern)| format!("({a}).matches('{pattern}')")),
            1 => pair().prop_map(|(a, b)| format!("({a} in [{b}, 'a', 1])")),
            1 => "has\\(event\\.(subject|type|data\\.n|data\\.gone|data\\.o\\.n|data\\.gone\\.x)\\)",
            1 => (inner.clone(), pair()).prop_map(|(a, (b, c))| format!("({a} ? {b} : {c})")),
            1 => ("all|exists|exists_one|filter|map", inner.clone())
                .prop_map(|(kind, a)| format!("event.data.l.{kind}(x, x == {a})")),
            1 => inner.clone().prop_map(|a| format!("size({a})")),
        ]
    })
}

fn data() -> impl Strategy<Value = Json> {
    let small = || -2..3_i64;
    (small(), 0..4_u8, "[ab]{0,3}", any::<bool>(), prop::collection::vec(small(), 0..3)).prop_map(
        |(n, d, s, b, l)| {
            json!({ "n": n, "d": f64::from(d) / 2.0 + 0.25, "s": s, "b": b, "l": l, "o": { "n": n + 1 } })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn both_give_the_same(text in expression(), data in data()) {
        let (message, event) = event(&data);
        prop_assert_eq!(ours(&text, &message), theirs(&text, &event), "{} of {}", text, data);
    }
}
