use bytes::Bytes;
use hybridge_core::{Header, Message, Value as AttributeValue};
use proptest::prelude::*;

use super::*;

pub(super) fn event(data: &str) -> Message {
    let attributes = [
        ("specversion", AttributeValue::from("1.0")),
        ("id", "e-1".into()),
        ("source", AttributeValue::UriRef("/shop".into())),
        ("type", "order.placed".into()),
        ("time", AttributeValue::Timestamp("2026-03-01T23:30:00.5+01:00".into())),
        ("tries", AttributeValue::Integer(3)),
        ("vip", AttributeValue::Boolean(true)),
        ("sum", AttributeValue::Binary(Bytes::from_static(b"\x00\xff"))),
    ];
    let headers = [("X-Id", &b"h-1"[..]), ("raw", b"\xff")];
    let header = |(name, value): (&str, &'static [u8])| Header {
        name: name.into(),
        value: Some(Bytes::from_static(value)),
    };
    let mut message = Message {
        attributes: attributes.into_iter().map(|(name, value)| (name.into(), value)).collect(),
        headers: headers.into_iter().map(header).collect(),
        payload: Some(Bytes::copy_from_slice(data.as_bytes())),
        key: Some(Bytes::from_static(b"k-1")),
        ..Message::default()
    };
    message.origin.offset = 42;
    message
}

const ORDER: &str = r#"{"customer":{"name":"Zo\u00eb","vip":null},"amount":12.50,"count":3,
    "items":[{"sku":"a","n":1},{"sku":"b","n":20}],"tags":["x","y"],"big":18446744073709551615,"a b":true}"#;

pub(super) fn compiled(text: &str) -> Cel {
    Cel::compile(&text.parse().unwrap_or_else(|error| panic!("{text}: {error}")))
}

/// The value as JSON, or the fault.
fn outcome(text: &str, message: &Message) -> Result<String, FaultKind> {
    let cel = compiled(text);
    let value = cel.evaluate(message).map_err(|fault| fault.kind)?;
    let mut json = Vec::new();
    value.write_json(&mut json)?;
    Ok(String::from_utf8(json).unwrap())
}

#[test]
fn fields_have_their_types() {
    let event = event(ORDER);
    for (text, value) in [
        ("event.type", "\"order.placed\""),
        ("event.tries + 1", "4"),
        ("event.vip", "true"),
        ("event.sum", "\"AP8=\""),
        ("event.data.customer.name", "\"Zoë\""),
        ("event.data.amount", "12.5"),
        ("event.data.count * 2", "6"),
        ("event.data.big", "18446744073709551615"),
        ("event.data['a b']", "true"),
        ("event.data.customer.vip == null", "true"),
        ("event.data.items[1].sku", "\"b\""),
        ("event.data.customer", r#"{"name":"Zo\u00eb","vip":null}"#),
        ("headers['x-id'] + headers['X-Id']", "\"h-1h-1\""),
        ("headers.raw", "\"/w==\""),
        ("key", "\"k-1\""),
        ("origin.offset", "42"),
        ("'x-id' in headers && !('y' in headers)", "true"),
    ] {
        assert_eq!(outcome(text, &event).as_deref(), Ok(value), "{text}");
    }
}

#[test]
fn what_is_missing_is_a_fault_that_some_operators_do_without() {
    let event = event(ORDER);
    for text in [
        "event.gone",
        "event.data.gone",
        "event.data.items[2].sku",
        "headers.gone",
        "event.data.count.x",
        "event.gone == 'a' || false",
    ] {
        assert_eq!(outcome(text, &event), Err(FaultKind::Missing), "{text}");
    }
    for (text, value) in [
        ("event.gone == 'a' || true", "true"),
        ("event.gone == 'a' && false", "false"),
        ("default(event.gone, 'x')", "\"x\""),
        ("default(event.data.customer.vip, 1)", "1"),
        ("default(event.data.count, 1)", "3"),
        ("has(event.gone) || has(event.data.gone) || has(headers.gone)", "false"),
        ("has(event.subject) ? event.subject : event.id", "\"e-1\""),
        (
            "has(event.data.customer.vip) && has(event.data.items[0].sku) && has(headers.raw)",
            "true",
        ),
        ("has(event.data)", "true"),
        ("event.data.items.exists(i, i.gone == 1 || i.sku == 'b')", "true"),
    ] {
        assert_eq!(outcome(text, &event).as_deref(), Ok(value), "{text}");
    }
    assert_eq!(outcome("has(event.data.gone.x)", &event), Err(FaultKind::Missing));
    assert_eq!(outcome("has(event.data.count.x)", &event), Err(FaultKind::WrongType));
}

#[test]
fn a_payload_that_is_no_json_has_nothing_in_it() {
    let text = event("plain text");
    assert_eq!(outcome("event.data.startsWith('plain')", &text).as_deref(), Ok("true"));
    assert_eq!(outcome("event.data.x", &text), Err(FaultKind::Missing));
    assert_eq!(outcome("has(event.data.x)", &text), Err(FaultKind::Missing));
    assert_eq!(outcome("event.data.x", &event("{\"x\":1,}")), Err(FaultKind::Missing));
    assert_eq!(outcome("event.data[1] + event.data[0]", &event(" [1, 2] ")).as_deref(), Ok("3"));
    let none = Message { payload: None, ..text };
    assert_eq!(outcome("event.data", &none), Err(FaultKind::Missing));
    assert_eq!(outcome("has(event.data)", &none).as_deref(), Ok("false"));
}

#[test]
fn lists_and_maps_are_gone_through() {
    let event = event(ORDER);
    for (text, value) in [
        ("event.data.items.map(i, i.n)", "[1,20]"),
        ("event.data.items.map(i, i.n > 5, i.sku + '!')", "[\"b!\"]"),
        ("event.data.items.filter(i, i.n > 5).size()", "1"),
        ("event.data.items.all(i, i.n > 0)", "true"),
        ("event.data.items.exists_one(i, i.sku == 'a')", "true"),
        ("event.data.tags.exists(t, event.data.items.exists(i, i.sku == t))", "false"),
        ("event.data.customer.map(k, k)", "[\"name\",\"vip\"]"),
        ("'y' in event.data.tags && 'name' in event.data.customer", "true"),
        ("event.data.tags + ['z'] == ['x', 'y', 'z']", "true"),
        ("{'a': [1, 2.0], 'b': {}} == {'b': {}, 'a': [1.0, 2]}", "true"),
        ("{1: 'a', 'x': 'b'}[1u] + {'x': 'b'}.x", "\"ab\""),
        ("event.data.tags.join('-') + 'a,b'.split(',').join()", "\"x-yab\""),
        ("size(event.data) == 7 && size('Zoë') == 3 && size(b'\\xff') == 1", "true"),
    ] {
        assert_eq!(outcome(text, &event).as_deref(), Ok(value), "{text}");
    }
    assert_eq!(outcome("{'a': 1, 'a': 2}", &event), Err(FaultKind::Conversion));
    assert_eq!(outcome("[1][1]", &event), Err(FaultKind::Missing));
}

#[test]
fn numbers_texts_and_times_behave_as_the_specification_says() {
    let event = event(ORDER);
    for (text, value) in [
        ("1 == 1.0 && 1u == 1 && 2 > 1.5 && 1 != '1'", "true"),
        ("-7 / 2 == -3 && -7 % 2 == -1 && 7.0 / 2.0 == 3.5", "true"),
        ("int('12') + int(2.9) + int(3u)", "17"),
        ("double('1.5') + double(1) == 2.5 && uint(3) == 3u", "true"),
        ("string(1.0) + string(true) + string(2u) + string(b'x')", "\"1true2x\""),
        ("bool('true') && !bool('F')", "true"),
        ("'abc'.matches('^a.c$') && matches('xabcx', 'b') && !'abc'.matches('B')", "true"),
        ("' Ab '.trim().lowerAscii() + 'x'.upperAscii()", "\"abX\""),
        ("'Zoë!'.substring(2) + 'abc'.substring(0, 1) + 'aXbX'.replace('X', '')", "\"ë!aab\""),
        ("'añb'.indexOf('b')", "2"),
        ("timestamp(event.time) > timestamp('2026-03-01T22:00:00Z')", "true"),
        (
            "timestamp(event.time) - timestamp('2026-03-01T22:00:00Z') == duration('30m0.5s')",
            "true",
        ),
        ("string(timestamp(event.time) + duration('1h'))", "\"2026-03-01T23:30:00.5Z\""),
        ("timestamp(event.time).getHours()", "22"),
        (
            "timestamp(event.time).getDate('Asia/Tokyo') + timestamp(event.time).getMonth('+02:00')",
            "4",
        ),
        ("timestamp(event.time).getDayOfWeek() + timestamp(event.time).getMilliseconds()", "500"),
        ("duration('90m').getHours() + int(timestamp(60))", "61"),
    ] {
        assert_eq!(outcome(text, &event).as_deref(), Ok(value), "{text}");
    }
    for (text, fault) in [
        ("1 / 0", FaultKind::Number),
        ("9223372036854775807 + 1", FaultKind::Number),
        ("-(-9223372036854775808)", FaultKind::Number),
        ("1u - 2u", FaultKind::Number),
        ("int(1e19)", FaultKind::Number),
        ("1 + 1.0", FaultKind::WrongType),
        ("'a' + 1", FaultKind::WrongType),
        ("'a' < 1", FaultKind::WrongType),
        ("!1", FaultKind::WrongType),
        ("1 && true", FaultKind::WrongType),
        ("int('a')", FaultKind::Conversion),
        ("timestamp('yesterday')", FaultKind::Conversion),
        ("'abc'.substring(2, 1)", FaultKind::Missing),
        ("0.0 / 0.0", FaultKind::NoJson),
    ] {
        assert_eq!(outcome(text, &event), Err(fault), "{text}");
    }
}

#[test]
fn the_work_on_one_message_is_bounded() {
    let list = format!("[{}0]", "0,".repeat(1000));
    let event = event(&list);
    let nested = "event.data.all(a, event.data.all(b, event.data.all(c, a == b)))";
    assert_eq!(outcome(nested, &event), Err(FaultKind::TooMuchWork));
    let doubled = "[1,2,3,4,5].map(x, event.data + event.data).map(l, l + l + l + l)";
    assert!(outcome(doubled, &event).is_ok());
    let grown = format!(
        "['{}'].map(s, s + s).map(s, s+s+s+s).map(s, s+s+s+s).map(s, s+s+s+s)",
        "x".repeat(10_000)
    );
    assert_eq!(outcome(&grown, &event), Err(FaultKind::TooMuchWork));
    assert!(outcome("event.data.size()", &event).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_expression_and_no_payload_panics(
        text in r"(event\.data(\.a|\[0\]|\['b'\]){0,3}|event\.(id|tries|gone)|-?[0-9]{1,3}u?|1\.5|'[ax]'|key|\[1, 'a'\]|\{'a': 1\})( (\+|-|\*|/|%|==|<|in|&&|\|\|) (event\.data(\.a)?|[0-9]|'a'|null|true|duration\('1s'\)|timestamp\(0\)|b'a')| \? key : 1){0,3}",
        payload in r#"[\[\]{}:,"ab0-9. ]{0,16}|\{"a":(\{"a":[0-9]+\}|\[1,"x"\]|"x")\}"#,
    ) {
        if let Ok(cel) = text.parse() {
            let event = event(&payload);
            let cel = Cel::compile(&cel);
            if let Ok(value) = cel.evaluate(&event) {
                let mut json = Vec::new();
                if value.write_json(&mut json).is_ok() {
                    prop_assert!(crate::json::is_valid(&json), "{}: {}", text, String::from_utf8_lossy(&json));
                }
            }
        }
    }
}
