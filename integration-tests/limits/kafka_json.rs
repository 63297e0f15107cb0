//! Limit of `kafka -> kafka` that changes JSON: as `limit-kafka-kafka`, with each body parsed, one field set, one
//! removed, and the rest written again.
//!
//! `limit-kafka-json BROKERS IN OUT COUNT`; says `done` when so many are moved and waits to be killed.

use anyhow::{Context, Result};
use hybridge_integration_tests::limit::{move_all, send};
use hybridge_integration_tests::records::wait_to_be_killed;
use rdkafka::Message;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let brokers = arguments.next().context("BROKERS")?;
    let input = arguments.next().context("IN")?;
    let output = arguments.next().context("OUT")?;
    let count: usize = arguments.next().context("COUNT")?.parse()?;
    move_all(&brokers, &input, count, |producer, one| {
        let mut body: Value = serde_json::from_slice(one.payload().unwrap_or_default())?;
        let fields = body.as_object_mut().context("not an object")?;
        fields.insert("set".to_owned(), "by the bridge".into());
        fields.remove("customer");
        send(producer, &output, one.key(), Some(&serde_json::to_vec(&body)?))
    })
    .await?;
    wait_to_be_killed()
}
