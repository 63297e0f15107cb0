//! The examples of `docs/cloudevents.md` are what the bindings make of its event.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::path::Path;

use bytes::Bytes;
use hybridge_core::Message;
use hybridge_schemas::cloudevents::{Mode, http, json, kafka, mqtt, nats};

fn block<'a>(page: &'a str, kind: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("\n```{kind}\n")).unwrap();
    rest.split_once("\n```").unwrap().0
}

/// The lines of headers, an empty line and the body.
fn shown(headers: Vec<(String, Vec<u8>)>, body: Option<&Bytes>) -> String {
    let mut text = String::new();
    for (name, value) in headers {
        text.push_str(&format!("{name}: {}\n", String::from_utf8(value).unwrap()));
    }
    let body = body.map(|body| String::from_utf8(body.to_vec()).unwrap());
    format!("{text}\n{}", body.unwrap_or_default())
}

fn collected(message: &Message, each: impl FnOnce(&mut dyn FnMut(&str, &[u8]))) -> String {
    let mut headers = Vec::new();
    each(&mut |name, value| headers.push((name.to_owned(), value.to_vec())));
    shown(headers, message.payload.as_ref())
}

#[test]
fn what_the_page_shows_is_so() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cloudevents.md");
    let page = std::fs::read_to_string(path).unwrap();
    let text = block(&page, "json event");
    let event = json::decode(&Bytes::from(text.to_owned()), Mode::Strict).unwrap();
    assert_eq!(json::encode(&event).unwrap(), text.as_bytes());
    let (headers, body) = http::encode_binary(&event);
    let headers = headers.into_iter().map(|(name, value)| (name.to_string(), value.to_vec()));
    assert_eq!(shown(headers.collect(), body.as_ref()), block(&page, "http"));
    let of_kafka = collected(&event, |show| kafka::attributes(&event, show));
    assert_eq!(of_kafka, block(&page, "kafka"));
    assert_eq!(collected(&event, |show| nats::headers(&event, show)), block(&page, "nats"));
    let of_mqtt = collected(&event, |show| {
        mqtt::properties(&event, |name, value| show(name, value.as_bytes()));
    });
    assert_eq!(of_mqtt, block(&page, "mqtt"));

    let file = std::env::temp_dir().join(format!("hybridge-page-{}.yaml", std::process::id()));
    std::fs::write(&file, block(&page, "yaml")).unwrap();
    let loaded = hybridge_config::load(std::slice::from_ref(&file), &|_| None);
    std::fs::remove_file(&file).unwrap();
    loaded.map_err(|problems| problems.to_string()).unwrap();
}
