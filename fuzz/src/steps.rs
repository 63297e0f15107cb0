//! The steps of a route, on events and on other messages.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use hybridge_config::TransformConfig;
use hybridge_core::{Applied, ErrorKind, Header, Message, Transformer};
use hybridge_schemas::cloudevents::{Mode, attribute, json};
use hybridge_transformers::{Claims, NoClaims, build};

const STEPS: [&str; 27] = [
    "adapter: { github: {} }",
    "adapter: { gitlab: {} }",
    "adapter: { couchdb: { server: https://db.example, database: d } }",
    "adapter: { couchdb: { server: https://db.example } }",
    "adapter: { aws_s3: {} }",
    "adapter: { aws_sns: {} }",
    "split: {}",
    "split: { list: event.data.items, most: 10 }",
    "wrap: { member: body }",
    "wrap: { member: body, encoding: text, beside: { id: '{{ event.id }}', n: 1.5 } }",
    "wrap: { member: body, encoding: base64 }",
    "unwrap: { from: event.data }",
    "unwrap: { from: event.data.body, encoding: json }",
    "unwrap: { from: event.data.body, encoding: base64, content_type: image/png }",
    "input_transformer: { input_path: $.data.a }",
    "input_transformer: { input_paths_map: { a: '$.data.a', b: '$.data.b[0]' }, input_template: '{\"x\":<a>,\"y\":\"<b>-<a>\",\"e\":<aws.events.event>}' }",
    "input_transformer: { input_paths_map: { a: '$.data' }, input_template: 'text <a> of <aws.events.event.json>' }",
    "extensions: {}",
    "extensions: { expired: pass, trace: true, sample: 2, classification: { levels: [public], regulations: [GDPR] } }",
    "cloudevents: {}",
    "cloudevents: { strict: true, plain: reject }",
    "cloudevents: { source: '{{ event.data.source }}', type: 'x.{{ event.data.type }}', subject: '{{ event.data.subject }}', id: '{{ event.data.id }}' }",
    "map: { rename: { event.data.a: event.data.b.c, event.subject: event.data.subject }, set: { event.data.n: '{{ event.data.x }}', event.x: '{{ event.data.y }}' }, remove: [event.data.z] }",
    "map: { set: { 'event.data.list[0].a': 1, 'headers[\"x\"]': 'a{{ event.data.a }}', key: '{{ event.data.k }}' } }",
    "filter: { keep: [ { pattern: { data: { a: [ { prefix: x } ] } } }, { cel: 'event.data.b > 1' } ] }",
    "filter: { drop: [ { cesql: \"type LIKE 'a%' AND EXISTS subject\" } ] }",
    "restore: {}",
];

thread_local! {
    static MADE: Vec<Box<dyn Transformer>> = STEPS.iter().map(|step| make(step)).collect();
}

/// A message through every step: it is changed into sound events and other messages, or refused for good.
pub fn steps(input: &[u8]) {
    MADE.with(|made| {
        for message in messages(input) {
            for step in made {
                for made in applied(&**step, message.clone()) {
                    assert!(made.is_event() || !message.is_event(), "an event became none");
                }
            }
        }
    });
    wrapped(input);
}

/// What is wrapped is unwrapped again.
fn wrapped(payload: &[u8]) {
    thread_local! {
        static WAYS: Vec<[Box<dyn Transformer>; 2]> = [
            ["wrap: { member: m, encoding: base64 }", "unwrap: { from: event.data.m, encoding: base64 }"],
            ["wrap: { member: m, encoding: text }", "unwrap: { from: event.data.m, encoding: text }"],
        ]
        .map(|way| way.map(make))
        .into();
    }
    let is_text = std::str::from_utf8(payload).is_ok();
    WAYS.with(|ways| {
        for [wrap, unwrap] in ways.iter().take(if is_text { 2 } else { 1 }) {
            let message = plain(payload);
            let wrapped = applied(&**wrap, message).pop().expect("what can be wrapped");
            let again = applied(&**unwrap, wrapped).pop().expect("what was wrapped");
            assert_eq!(again.payload.as_deref(), Some(payload));
        }
    });
}

pub(crate) fn make(text: &str) -> Box<dyn Transformer> {
    let config = hybridge_config::from_yaml::<TransformConfig>(text);
    let claims: Arc<dyn Claims> = Arc::new(NoClaims);
    build(&config.unwrap_or_else(|error| panic!("{text}: {error}")), &claims)
}

/// The messages that a step makes of one, after a look at them. No step here asks anyone, so what fails would fail again.
pub(crate) fn applied(step: &dyn Transformer, message: Message) -> Vec<Message> {
    let future = std::pin::pin!(step.apply(vec![message]));
    let Poll::Ready(mut all) = future.poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("a step without input and output yields");
    };
    assert_eq!(all.len(), 1);
    let made = match all.remove(0) {
        Applied::One(message) => vec![message],
        Applied::Many(messages) => messages,
        Applied::Filtered(_) | Applied::Expired(_) => Vec::new(),
        Applied::Failed(error) => {
            assert_eq!(error.kind(), ErrorKind::Rejected, "{error}");
            Vec::new()
        }
    };
    for message in made.iter().filter(|message| message.is_event()) {
        let sound = attribute::check_all(&message.attributes, Mode::Lenient);
        sound.unwrap_or_else(|error| panic!("{}: no sound event: {error}", step.name()));
        let written = json::encode(message).expect("an event can be written");
        json::decode(&written.into(), Mode::Lenient).expect("an event that was written");
    }
    made
}

/// The input as a payload, as an event, and as a payload with headers.
pub(crate) fn messages(input: &[u8]) -> Vec<Message> {
    let mut messages = vec![plain(input)];
    let payload = Bytes::copy_from_slice(input);
    if let Ok(event) = json::decode(&payload, Mode::Lenient) {
        messages.push(event);
    }
    if let Ok(text) = std::str::from_utf8(input)
        && let Some((head, body)) = text.split_once("\n\n")
    {
        let header = |(name, value): (&str, &str)| Header {
            name: name.into(),
            value: Some(Bytes::copy_from_slice(value.trim().as_bytes())),
        };
        let headers = head.lines().filter_map(|line| line.split_once(':')).map(header).collect();
        messages.push(Message { headers, ..plain(body.as_bytes()) });
    }
    messages
}

fn plain(payload: &[u8]) -> Message {
    Message { payload: Some(Bytes::copy_from_slice(payload)), ..Message::default() }
}
