use std::sync::Arc;

use bytes::Bytes;
use hybridge_core::{ErrorKind, Message, Origin, Place, Value};

use super::*;

fn template(text: &str) -> Template {
    Template::compile(&text.parse().unwrap())
}

fn message() -> Message {
    let mut message = Message {
        key: Some(Bytes::from_static(b"k1")),
        payload: Some(Bytes::from_static(
            br#"{"customer":{"name":"Zo\u00eb","tags":["a",1.50,null]}}"#,
        )),
        ..Message::default()
    };
    message.attributes.set("type".into(), Value::from("order.placed"));
    message.attributes.set("count".into(), Value::Integer(-3));
    message.headers.push("x-Id".into(), Some(Bytes::from_static(b"h")));
    message.headers.push("raw".into(), Some(Bytes::from_static(&[0xff])));
    let place = Place { connector: "log".into(), topic: "in".into(), ..Place::default() };
    message.origin = Origin { place: Arc::new(place), offset: 7, child: 0 };
    message
}

#[test]
fn every_kind_of_field_is_rendered() {
    for (text, expected) in [
        ("plain", "plain"),
        ("", ""),
        ("{{ event.type }}/{{ event.count }}", "order.placed/-3"),
        ("{{ event.data.customer.name }}", "Zoë"),
        ("{{ event.data.customer.tags[1] }}", "1.50"),
        ("{{ event.data.customer.tags }}", r#"["a",1.50,null]"#),
        ("{{ headers[\"X-ID\"] }}{{ key }}", "hk1"),
        ("{{ origin.connector }}:{{ origin.topic }}@{{ origin.offset }}", "log:in@7"),
        ("{{ default(event.subject, \"none\") }}", "none"),
        (
            "{{ default(event.data.customer.tags[2], \"null counts as missing\") }}",
            "null counts as missing",
        ),
    ] {
        assert_eq!(template(text).render(&message()).unwrap(), expected, "{text}");
    }
}

#[test]
fn a_field_that_is_not_there_is_a_permanent_fault_that_names_it() {
    for (text, reason) in [
        ("a{{ event.subject }}", "the message has no event.subject"),
        (
            "{{ event.data.customer.name.first }}",
            "the message has no event.data.customer.name.first",
        ),
        ("{{ event.data.customer.tags[2] }}", "the message has no event.data.customer.tags[2]"),
        ("{{ headers[\"raw\"] }}", "headers[\"raw\"] is not text"),
    ] {
        let error = template(text).render(&message()).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Rejected, reason));
    }
    let not_json = Message { payload: Some(Bytes::from_static(b"hello")), ..Message::default() };
    assert!(template("{{ event.data.a }}").render(&not_json).is_err());
    assert_eq!(template("{{ event.data }}").render(&not_json).unwrap(), "hello");
}

#[test]
fn names_are_safe() {
    for name in ["orders.*", "a>", "a b", "a\u{7}", "", "a..b", "#"] {
        let message = Message { key: Some(Bytes::from(name)), ..Message::default() };
        let error = template("{{ key }}").render_name(&message).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected, "{name:?}");
    }
    assert!(check_name("orders.com.example/order-placed:v1").is_ok());
}
