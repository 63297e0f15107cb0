//! Topics and records, for people and for programs.

use super::view::Topic;
use crate::cli::failure::Failure;
use crate::cli::output::{Output, shown};
use crate::topics::{Bin, Page, RecordView};

/// Characters of a payload that are shown to people.
const WIDTH: usize = 160;

pub(super) fn topics(topics: Vec<Topic>, mut output: Output) -> Result<(), Failure> {
    if output.is_json() {
        output.json(&serde_json::json!({ "topics": topics }))?;
        return output.finish();
    }
    let width = topics.iter().map(|topic| topic.topic.len()).max().unwrap_or(0).max("TOPIC".len());
    output.line(&format!("{:width$}  PARTITIONS     RECORDS        BYTES", "TOPIC"))?;
    for topic in &topics {
        let count = topic.partitions.len();
        let records: u64 = topic.partitions.iter().map(|partition| partition.records).sum();
        let bytes: u64 = topic.partitions.iter().map(|partition| partition.bytes).sum();
        let bytes = size(bytes);
        output.line(&format!("{:width$}  {count:>10}  {records:>10}  {bytes:>11}", topic.topic))?;
    }
    output.finish()
}

pub(super) fn topic(topic: Topic, mut output: Output) -> Result<(), Failure> {
    if output.is_json() {
        output.json(&topic)?;
        return output.finish();
    }
    output.line(&format!("topic {} ({})", topic.topic, topic.incarnation))?;
    for partition in &topic.partitions {
        output.line(&format!(
            "  partition {}: {} records, offsets {} to {}, {} in {} segments",
            partition.partition,
            partition.records,
            partition.earliest,
            partition.next,
            size(partition.bytes),
            partition.segments,
        ))?;
        if partition.damaged_places > 0 {
            output.line(&format!(
                "    damaged: {} places, {} records",
                partition.damaged_places, partition.damaged_records
            ))?;
        }
        for group in &partition.groups {
            let name = shown(&group.group, WIDTH);
            output.line(&format!("    group {name}: at {}, {} behind", group.cursor, group.lag))?;
        }
    }
    output.finish()
}

/// The records of a page; for programs one JSON object a line.
pub(super) fn page(page: &Page, output: &mut Output) -> Result<(), Failure> {
    for gap in &page.gaps {
        let (partition, from, to, cause) = (gap.partition, gap.from, gap.to, gap.cause.as_str());
        tracing::warn!(partition, from, to, cause, "records are missing");
    }
    for record in &page.records {
        if output.is_json() {
            output.json(record)?;
        } else {
            output.line(&line(record))?;
        }
    }
    Ok(())
}

fn line(record: &RecordView) -> String {
    let mut line = format!("{}:{}  {}", record.partition, record.offset, record.appended);
    for name in ["type", "source", "id"] {
        if let Some(value) = record.attributes.get(name).and_then(serde_json::Value::as_str) {
            line.push_str("  ");
            line.push_str(&shown(value, WIDTH));
        }
    }
    if record.attributes.is_empty()
        && let Some(key) = &record.key
    {
        line.push_str("  key=");
        line.push_str(&bytes(key));
    }
    line.push_str("  ");
    line.push_str(&record.payload.as_ref().map_or_else(|| "(no payload)".to_owned(), bytes));
    line
}

fn bytes(bytes: &Bin) -> String {
    match bytes {
        Bin::Text(text) => shown(text.trim_end(), WIDTH),
        Bin::Bytes { base64 } => format!("base64:{}", shown(base64, WIDTH)),
    }
}

fn size(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}
