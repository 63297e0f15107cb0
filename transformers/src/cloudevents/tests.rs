use bytes::Bytes;
use hybridge_core::Text;
use std::sync::Arc;

use futures_util::FutureExt;
use hybridge_core::{ErrorKind, Origin, Place};
use proptest::prelude::*;

use super::*;

const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","partitionkey":"p","data":{"n":1.50}}"#;

fn step(yaml: &str) -> Box<dyn Transformer> {
    crate::testing::step(&format!("cloudevents: {yaml}"))
}

fn applied(step: &dyn Transformer, message: Message) -> Applied {
    let mut applied =
        step.apply(vec![message]).now_or_never().expect("a step without I/O never yields");
    assert_eq!(applied.len(), 1);
    applied.remove(0)
}

fn one(step: &dyn Transformer, message: Message) -> Message {
    match applied(step, message) {
        Applied::One(message) => message,
        other => panic!("{other:?}"),
    }
}

fn reason(step: &dyn Transformer, message: Message) -> String {
    match applied(step, message) {
        Applied::Failed(error) if error.kind() == ErrorKind::Rejected => error.to_string(),
        other => panic!("{other:?}"),
    }
}

fn message(content_type: &str, payload: &str) -> Message {
    let place = Place {
        connector: "log".into(),
        cluster: "host 1".into(),
        topic: "in".into(),
        ..Place::default()
    };
    let mut message = Message {
        payload: Some(Bytes::copy_from_slice(payload.as_bytes())),
        origin: Origin { place: Arc::new(place), offset: 4, child: 0 },
        ..Message::default()
    };
    if !content_type.is_empty() {
        message.headers.push("Content-Type".into(), Some(content_type.to_owned().into()));
    }
    message.headers.push("x-trace".into(), Some(Bytes::from_static(b"7")));
    message
}

#[test]
fn an_event_in_the_payload_is_decoded_and_the_rest_is_kept() {
    let step = step("{}");
    for content_type in ["application/cloudevents+json; charset=utf-8", "application/json", ""] {
        let event = one(&*step, message(content_type, EVENT));
        assert_eq!(event.attributes.text("type"), Some("t"));
        assert_eq!(event.payload.as_deref(), Some(&br#"{"n":1.50}"#[..]));
        assert_eq!(event.key.as_deref(), Some(&b"p"[..]));
        let names: Vec<Text> = event.headers.iter().map(|header| header.name).collect();
        assert_eq!((names, event.origin.offset), (vec![Text::from("x-trace")], 4));
        let again = one(&*step, event.clone());
        assert_eq!(again.attributes, event.attributes, "an event passes as it is");
    }
}

#[test]
fn a_batch_becomes_its_events_or_is_refused_as_a_whole() {
    let step = step("{}");
    let batch = |body: &str| message("application/cloudevents-batch+json", body);
    let Applied::Many(events) = applied(&*step, batch(&format!("[{EVENT},{EVENT}]"))) else {
        panic!("not split");
    };
    assert_eq!(events.len(), 2);
    assert!(events.iter().all(|event| event.origin.offset == 4 && event.is_event()));
    let reason = reason(&*step, batch(&format!("[{EVENT},{{\"specversion\":\"1.0\"}}]")));
    assert_eq!(reason, "malformed CloudEvent: element 1 of the batch: attribute id is missing");
}

#[test]
fn malformed_events_are_permanent_faults_with_a_reason() {
    let step = step("{}");
    for (content_type, payload, expected) in [
        ("application/cloudevents+json", "{", "not JSON: no name of a member at byte 1"),
        ("application/cloudevents+json", "{}", "attribute specversion is missing"),
        (
            "application/cloudevents+xml",
            "{}",
            "no decoder for content type \"application/cloudevents+xml\"",
        ),
        ("", &EVENT.replace("\"1\"", "\"\""), "attribute id: must not be empty"),
    ] {
        assert_eq!(
            reason(&*step, message(content_type, payload)),
            format!("malformed CloudEvent: {expected}")
        );
    }
    let refusing = super::tests::step("{ plain: reject }");
    assert!(reason(&*refusing, message("text/plain", "hi")).contains("plain messages are refused"));
    assert!(one(&*refusing, message("", EVENT)).is_event());
}

#[test]
fn strict_refuses_what_is_let_through_otherwise() {
    let loose = EVENT.replace("\"/s\"", "\"/{guid}\"");
    let (lenient, strict) = (step("{}"), step("{ strict: true }"));
    let decoded = one(&*lenient, message("", &loose));
    let expected = "malformed CloudEvent: attribute source: must be a URI reference";
    assert_eq!(reason(&*strict, message("", &loose)), expected);
    assert_eq!(reason(&*strict, decoded), expected, "decoded elsewhere");
    assert!(one(&*strict, message("", EVENT)).is_event());
}

#[test]
fn a_plain_message_is_wrapped_with_defaults() {
    let step = step("{}");
    let mut plain = message("text/plain", "hi");
    plain.time = Some(1_700_000_000_123);
    let event = one(&*step, plain.clone());
    let text = |name: &str| event.attributes.text(name).map(str::to_owned);
    assert_eq!(text("source").as_deref(), Some("/log/host%201/in"));
    assert_eq!(text("type").as_deref(), Some("io.hybridge.message"));
    assert_eq!(text("time").as_deref(), Some("2023-11-14T22:13:20.123Z"));
    assert_eq!(text("datacontenttype").as_deref(), Some("text/plain"));
    assert_eq!(text("id").map(|id| id.len()), Some(32));
    assert_eq!(event.payload, plain.payload);
    assert_eq!(
        one(&*step, plain.clone()).attributes,
        event.attributes,
        "the same at every attempt"
    );
    plain.origin.offset = 5;
    assert_ne!(one(&*step, plain).attributes.text("id"), event.attributes.text("id"));

    let kind = |payload: &str| {
        let event = one(&*step, message("", payload));
        event.attributes.text("datacontenttype").map(str::to_owned)
    };
    assert_eq!(kind(" [1]").as_deref(), Some("application/json"));
    assert_eq!(kind("[1").as_deref(), Some("application/octet-stream"));
    let empty = Message { payload: None, ..message("", "") };
    assert_eq!(one(&*step, empty).attributes.get("datacontenttype"), None);
}

#[test]
fn a_plain_message_is_wrapped_by_rule() {
    let step = step(
        r#"{ id: "{{ event.data.id }}", source: "//shop/{{ headers[\"x-trace\"] }}", type: order.placed,
             subject: "{{ default(event.data.customer, \"nobody\") }}", content_type: application/vnd.order+json,
             extensions: { tenant: "{{ origin.topic }}" } }"#,
    );
    let event = one(&*step, message("application/json", r#"{"id":"o-1"}"#));
    for (name, expected) in [
        ("id", "o-1"),
        ("source", "//shop/7"),
        ("type", "order.placed"),
        ("subject", "nobody"),
        ("datacontenttype", "application/vnd.order+json"),
        ("tenant", "in"),
    ] {
        assert_eq!(event.attributes.text(name), Some(expected), "{name}");
    }
    assert_eq!(reason(&*step, message("", "{}")), "the message has no event.data.id");
    let reason = reason(&*step, message("", r#"{"id":""}"#));
    assert_eq!(reason, "cannot be wrapped: attribute id: must not be empty");
}

fn any_step() -> Box<dyn Transformer> {
    Box::new(Step::new(&CloudeventsConfig::default()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever arrives becomes sound events or a permanent fault.
    #[test]
    fn anything_is_answered(
        content_type in prop_oneof![Just(""), Just("application/cloudevents+json"), Just("application/cloudevents-batch+json"), Just("x")],
        payload in prop_oneof![any::<String>(), r#"[\[\]{}:,"a1 ]{0,12}"#, Just(EVENT.to_owned())],
    ) {
        let events = match applied(&*any_step(), message(content_type, &payload)) {
            Applied::One(event) => vec![event],
            Applied::Many(events) => events,
            Applied::Failed(error) => {
                prop_assert_eq!(error.kind(), ErrorKind::Rejected);
                return Ok(());
            }
            other => return Err(TestCaseError::fail(format!("{other:?}"))),
        };
        for event in events {
            hybridge_schemas::cloudevents::attribute::check_all(&event.attributes, Mode::Lenient).unwrap();
        }
    }
}
