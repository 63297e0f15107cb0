//! Limit of `kafka -> kafka` that changes how CloudEvents are written: as `limit-kafka-kafka`, with each structured event
//! written as a binary one, or the other way round. It copies members and headers as they stand; nothing is checked.
//!
//! `limit-kafka-events binary|structured BROKERS IN OUT COUNT`; says `done` when so many are moved and waits to be killed.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use hybridge_integration_tests::limit::move_all;
use hybridge_integration_tests::records::wait_to_be_killed;
use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Header, Headers, OwnedHeaders};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord};
use serde_json::value::RawValue;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let form = arguments.next().context("FORM")?;
    let written = match form.as_str() {
        "binary" => binary,
        "structured" => structured,
        other => bail!("{other} is no form"),
    };
    let brokers = arguments.next().context("BROKERS")?;
    let input = arguments.next().context("IN")?;
    let output = arguments.next().context("OUT")?;
    let count: usize = arguments.next().context("COUNT")?.parse()?;
    move_all(&brokers, &input, count, |producer, one| written(producer, &output, one)).await?;
    wait_to_be_killed()
}

fn binary(producer: &FutureProducer, topic: &str, one: &BorrowedMessage) -> Result<DeliveryFuture> {
    let members: BTreeMap<&str, &RawValue> =
        serde_json::from_slice(one.payload().unwrap_or_default())?;
    let mut headers = OwnedHeaders::new();
    for (name, value) in &members {
        let text = value.get();
        let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
        headers = match *name {
            "data" => headers,
            "datacontenttype" => headers.insert(Header { key: "content-type", value: Some(text) }),
            name => headers.insert(Header { key: &format!("ce_{name}"), value: Some(text) }),
        };
    }
    let data = members.get("data").context("no data")?.get();
    send(producer, topic, one, data.as_bytes(), headers)
}

fn structured(
    producer: &FutureProducer,
    topic: &str,
    one: &BorrowedMessage,
) -> Result<DeliveryFuture> {
    let mut text = Vec::with_capacity(2048);
    text.push(b'{');
    for header in one.headers().context("no headers")?.iter() {
        let name = header.key.strip_prefix("ce_").unwrap_or("datacontenttype");
        serde_json::to_writer(&mut text, name)?;
        text.push(b':');
        let value = std::str::from_utf8(header.value.unwrap_or_default())?;
        serde_json::to_writer(&mut text, value)?;
        text.push(b',');
    }
    text.extend_from_slice(b"\"data\":");
    text.extend_from_slice(one.payload().unwrap_or_default());
    text.push(b'}');
    let headers = OwnedHeaders::new()
        .insert(Header { key: "content-type", value: Some("application/cloudevents+json") });
    send(producer, topic, one, &text, headers)
}

fn send(
    producer: &FutureProducer,
    topic: &str,
    one: &BorrowedMessage,
    payload: &[u8],
    headers: OwnedHeaders,
) -> Result<DeliveryFuture> {
    let mut record = FutureRecord::<[u8], [u8]>::to(topic).payload(payload).headers(headers);
    record.key = one.key();
    producer.send_result(record).map_err(|(error, _)| error.into())
}
