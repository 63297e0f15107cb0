//! What an expression of three comparisons costs on an event that was parsed already: CPU time per evaluation.
//!
//! `cargo bench -p hybridge-transformers --bench expressions`

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints its figures")]

use std::fs;
use std::hint::black_box;

use bytes::Bytes;
use hybridge_config::{Cel, Cesql, Filter};
use hybridge_core::{Message, Value};
use hybridge_transformers::expression::Expression;

/// The allocator of the daemon.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const ROUNDS: u32 = 200_000;
const REPEATS: usize = 7;

fn event() -> Message {
    let texts = [
        ("specversion", "1.0"),
        ("id", "7bf73129-1428-4cd3-a780-95db273d1602"),
        ("source", "https://shop.example/orders/eu"),
        ("type", "com.example.order.placed"),
        ("subject", "orders/4711"),
        ("time", "2026-03-01T22:30:00.5Z"),
        ("datacontenttype", "application/json"),
        ("tenant", "acme"),
    ];
    let texts = texts.into_iter().map(|(name, text)| (name.into(), Value::from(text)));
    let attributes = texts.chain([("priority".into(), Value::Integer(3))]).collect();
    let items: Vec<String> = (0..14)
        .map(|n| format!(r#"{{"sku":"sku-{n:08}","count":{n},"price":12.50,"note":"n"}}"#))
        .collect();
    let data = format!(
        r#"{{"customer":{{"name":"Zoë","country":"de"}},"amount":1200.50,"items":[{}],"state":"open"}}"#,
        items.join(",")
    );
    Message { attributes, payload: Some(Bytes::from(data)), ..Message::default() }
}

fn cesql(text: &str) -> Expression {
    Expression::cesql(&text.parse::<Cesql>().unwrap())
}

fn cel(text: &str) -> Expression {
    Expression::cel(&text.parse::<Cel>().unwrap())
}

fn main() {
    let event = event();
    println!("payload: {} bytes", event.payload.as_ref().map_or(0, Bytes::len));
    let filter = r#"{"all":[{"exact":{"tenant":"acme"}},{"prefix":{"type":"com.example."}},{"suffix":{"source":"/eu"}}]}"#;
    let filter: Filter = serde_json::from_str(filter).unwrap();
    let rows = [
        (
            "cesql, attributes",
            cesql("type = 'com.example.order.placed' AND priority >= 2 AND tenant = 'acme'"),
        ),
        (
            "cesql, LIKE",
            cesql("type LIKE 'com.example.%' AND source LIKE '%/eu' AND tenant LIKE 'a_me'"),
        ),
        ("filter, three dialects", Expression::filter(&filter)),
        (
            "cel, attributes",
            cel(
                "event.type == 'com.example.order.placed' && event.priority >= 2 && event.tenant == 'acme'",
            ),
        ),
        (
            "cel, methods",
            cel(
                "event.type.startsWith('com.example.') && event.source.endsWith('/eu') && event.tenant.contains('cm')",
            ),
        ),
        ("cel, matches", cel("event.type.matches('^com[.]example[.].*placed$')")),
        (
            "cel, data",
            cel(
                "event.data.amount > 1000 && event.data.state == 'open' && event.data.customer.country == 'de'",
            ),
        ),
        ("cel, list in data", cel("event.data.items.exists(i, i.sku == 'sku-00000013')")),
        (
            "cel, missing attribute",
            cel("event.gone == 'a' && event.priority >= 2 && event.tenant == 'acme'"),
        ),
    ];
    for (name, expression) in rows {
        let mut times: Vec<f64> = (0..REPEATS).map(|_| nanos(&expression, &event)).collect();
        times.sort_by(f64::total_cmp);
        println!("{name:24} {:7.0} ns (least {:.0})", times[REPEATS / 2], times[0]);
    }
}

fn nanos(expression: &Expression, event: &Message) -> f64 {
    let start = cpu();
    for _ in 0..ROUNDS {
        black_box(black_box(expression).evaluate(black_box(event)).unwrap_or(false));
    }
    (cpu() - start) / f64::from(ROUNDS)
}

/// User and system time of this thread so far, in nanoseconds.
fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0.0)
}
