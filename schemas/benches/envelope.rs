//! CPU time per event of what a route adds that turns structured events of 1 KB into binary ones or back:
//! `cargo bench -p hybridge-schemas`. Beside it the same with a tree of values and with the SDK.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints its figures")]

use std::hint::black_box;

use bytes::Bytes;
use cloudevents::Event;
use hybridge_config::{Encoding, EventFormat};
use hybridge_core::{Header, Message};
use hybridge_schemas::cloudevents::outgoing::Outgoing;
use hybridge_schemas::cloudevents::structured::Decoded;
use hybridge_schemas::cloudevents::{Mode, http, kafka};

/// The allocator of the daemon.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const ROUNDS: usize = 50_000;

/// User and system time of this process so far, in nanoseconds.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    stat.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0.0)
}

/// Nanoseconds of one call: the median of seven times many.
fn each(name: &str, mut call: impl FnMut()) {
    let mut figures: Vec<f64> = (0..7)
        .map(|_| {
            let before = cpu();
            (0..ROUNDS).for_each(|_| call());
            (cpu() - before) / ROUNDS as f64
        })
        .collect();
    figures.sort_by(f64::total_cmp);
    println!("{name:>34}: {:5.0} ns ({:.0} to {:.0})", figures[3], figures[0], figures[6]);
}

/// An event of about 1 KB: nine attributes, and JSON data of about 700 bytes.
fn text() -> String {
    let items: Vec<String> = (0..9)
        .map(|n| {
            format!(r#"{{"sku":"article-{n:05}","quantity":{n},"price":1{n}.90,"gift":false}}"#)
        })
        .collect();
    format!(
        r#"{{"specversion":"1.0","id":"8c1b2f64-6e0f-4a0e-9f0a-0c8a0a5f1a77","source":"https://shop.example.com/orders","type":"com.example.order.placed.v1","subject":"order-481516","time":"2026-05-01T12:34:56.789Z","datacontenttype":"application/json","partitionkey":"customer-42","attempt":1,"data":{{"order":"481516","customer":{{"id":42,"name":"Jane Doe","city":"Köln"}},"items":[{}]}}}}"#,
        items.join(",")
    )
}

fn main() {
    let body = Bytes::from(text());
    let content_type = Header {
        name: "content-type".into(),
        value: Some(Bytes::from_static(b"application/cloudevents+json")),
    };
    let record = Message {
        key: Some("customer-42".into()),
        payload: Some(body.clone()),
        headers: [content_type].into_iter().collect(),
        ..Message::default()
    };
    println!("{} bytes", body.len());
    let decoded = || match kafka::decode(&record, Mode::Lenient) {
        Ok(Decoded::Event(event)) => event,
        _ => Message::default(),
    };
    let event = decoded();
    assert!(event.is_event());
    each("structured -> message", || {
        black_box(decoded());
    });
    each("message -> binary headers", || {
        kafka::attributes(black_box(&event), |name, value| {
            black_box((name, value));
        });
    });
    each("structured -> binary", || {
        kafka::attributes(&decoded(), |name, value| {
            black_box((name, value));
        });
    });
    for format in [EventFormat::Json, EventFormat::Avro, EventFormat::Protobuf] {
        let outgoing = Outgoing::new(Encoding::Structured, format);
        each(&format!("message -> structured {format:?}"), || {
            black_box(outgoing.apply(black_box(&event)));
        });
        let written = outgoing.apply(&event).into_owned();
        each(&format!("structured {format:?} -> message"), || {
            black_box(kafka::decode(black_box(&written), Mode::Lenient).is_ok());
        });
    }
    each("message -> http headers", || {
        black_box(http::encode_binary(black_box(&event)));
    });
    each("serde_json::Value and back", || {
        let value: serde_json::Value = serde_json::from_slice(black_box(&body)).unwrap();
        black_box(serde_json::to_vec(&value).unwrap());
    });
    each("Event of the SDK and back", || {
        let event: Event = serde_json::from_slice(black_box(&body)).unwrap();
        black_box(serde_json::to_vec(&event).unwrap());
    });
}
