//! Envelopes of AWS: events of EventBridge, and what services and event sources deliver as
//! `Records` and in other shapes.

mod brokers;
mod event_bridge;
mod records;
mod sns;

use std::borrow::Cow;

use bytes::Bytes;
use hybridge_core::{Error, Message};
use hybridge_schemas::json;

use super::{DEEPEST, Read, Show, is_container, malformed, text};

/// A request to an HTTP endpoint: its headers say when SNS delivers without an envelope.
pub(super) fn request(message: &Message, payload: &Bytes, show: Show<'_>) -> Result<Read, Error> {
    if sns::is_raw(message) {
        return sns::raw(message, payload, show).map(|()| Read::Events);
    }
    self::payload(payload, 0, show)
}

/// The members of an envelope by which it is known.
#[derive(Default)]
struct Members<'a> {
    records: Option<&'a [u8]>,
    event: Option<&'a [u8]>,
    kind: Option<&'a [u8]>,
    topic: Option<&'a [u8]>,
    event_source: Option<&'a [u8]>,
    broker: Option<&'a [u8]>,
    logs: Option<&'a [u8]>,
    stream: Option<&'a [u8]>,
    messages: Option<&'a [u8]>,
}

/// One envelope.
pub(super) fn payload(payload: &Bytes, depth: u32, show: Show<'_>) -> Result<Read, Error> {
    if !is_container(payload) || depth > DEEPEST {
        return Ok(Read::Unknown);
    }
    if payload.trim_ascii_start().first() == Some(&b'[') {
        return super::each(payload, &mut |element| {
            self::payload(&payload.slice_ref(element), depth + 1, show)
        });
    }
    if let Some(parts) = event_bridge::read(payload)? {
        return event_bridge::event(parts, payload, show).map(|()| Read::Events);
    }
    let mut members = Members::default();
    for member in json::members(payload) {
        let (name, raw) = member.map_err(|fault| malformed(&fault))?;
        let place = match &*name {
            "Records" | "records" | "rmqMessagesByQueue" => &mut members.records,
            "Event" => &mut members.event,
            "Type" => &mut members.kind,
            "TopicArn" => &mut members.topic,
            "eventSource" => &mut members.event_source,
            "awslogs" => &mut members.logs,
            "deliveryStreamArn" => &mut members.stream,
            "messages" => &mut members.messages,
            "eventSourceArn" => &mut members.broker,
            _ => continue,
        };
        *place = Some(raw);
    }
    if members.event == Some(br#""s3:TestEvent""#) {
        return Ok(Read::Nothing("s3:TestEvent"));
    }
    if members.kind.is_some() && members.topic.is_some() {
        return sns::object(payload, payload, None, depth, show);
    }
    if let (Some(records), Some(stream)) = (members.records, text(members.stream)) {
        return records::firehose(records, &stream, depth, show);
    }
    if let (Some(messages), Some(b"\"aws:mq\"")) = (members.messages, members.event_source) {
        let broker = text(members.broker).unwrap_or(Cow::Borrowed("aws:mq"));
        return brokers::activemq(messages, &broker, depth, show);
    }
    if let Some(records) = members.records {
        let source = text(members.event_source);
        return records::all(records, source.as_deref(), payload, depth, show);
    }
    if members.logs.is_some() {
        return records::logs(payload, show).map(|()| Read::Events);
    }
    super::cloudevents(payload, show)
}

/// Opens what a message holds; says whether it was an envelope.
fn nested(body: &Bytes, depth: u32, show: Show<'_>) -> Result<bool, Error> {
    if depth >= DEEPEST || !is_container(body) || !json::is_valid(body) {
        return Ok(false);
    }
    super::opened(&mut |show| payload(body, depth + 1, show), show)
}
