//! What brokers have that AWS runs: Kafka, RabbitMQ, ActiveMQ.

use std::borrow::Cow;

use bytes::Bytes;
use hybridge_core::Error;
use hybridge_schemas::json;

use super::super::queue::Queued;
use super::super::{Read, Show, each, malformed, text};
use super::nested;
use super::records::{decoded, id_of, millis, missing, select};

/// A record of Kafka or RabbitMQ, from the partition or queue of this name.
pub(super) fn record(
    record: &[u8],
    place: &str,
    source: Option<&str>,
    whole: &Bytes,
    show: Show<'_>,
) -> Result<(), Error> {
    let [arn] = select(whole, [&["eventSourceArn"]])?;
    let arn = text(arn).or(source.map(Cow::Borrowed)).ok_or_else(|| missing("eventSourceArn"))?;
    let [offset, key, value, time, data, id, headers, topic, properties] = select(
        record,
        [
            &["offset"],
            &["key"],
            &["value"],
            &["timestamp"],
            &["data"],
            &["basicProperties", "messageId"],
            &["headers"],
            &["topic"],
            &["basicProperties", "headers"],
        ],
    )?;
    let body = match text(value).or_else(|| text(data)) {
        Some(body) => decoded(&body)?,
        None => Bytes::new(),
    };
    let offset = offset.map(|offset| format!("{place}@{}", String::from_utf8_lossy(offset)));
    let id = text(id).map(Cow::into_owned).or(offset);
    let id = id.unwrap_or_else(|| id_of(record, place));
    let key = match text(key) {
        Some(key) => String::from_utf8(decoded(&key)?.to_vec()).ok().map(Cow::Owned),
        None => None,
    };
    let queued = Queued {
        id: Cow::Owned(id),
        source: arn,
        time: millis(time).map(Cow::Owned),
        key,
        topic: text(topic).or_else(|| place.split("::").next().map(Cow::Borrowed)),
        subject: None,
        headers: match properties {
            Some(properties) => table(Some(properties))?,
            None => kafka_headers(headers)?,
        },
        body,
    };
    show(queued.into_event())
}

/// Headers as Kafka records have them: objects with a name and an array of bytes.
fn kafka_headers(headers: Option<&[u8]>) -> Result<Vec<(String, Bytes)>, Error> {
    let mut read = Vec::new();
    let Some(headers) = headers.filter(|raw| raw.first() == Some(&b'[')) else { return Ok(read) };
    for header in json::elements(headers) {
        for member in json::members(header.map_err(|fault| malformed(&fault))?) {
            let (name, raw) = member.map_err(|fault| malformed(&fault))?;
            read.push((name.into_owned(), bytes_of(raw)?));
        }
    }
    Ok(read)
}

/// Bytes that are an array of numbers.
fn bytes_of(array: &[u8]) -> Result<Bytes, Error> {
    let mut value = Vec::new();
    for byte in json::elements(array) {
        let byte = byte.map_err(|fault| malformed(&fault))?;
        // Java writes bytes as numbers from -128 to 127.
        let number = std::str::from_utf8(byte).ok().and_then(|text| text.parse::<i16>().ok());
        let byte = number.map(|number| number.rem_euclid(256)).map(u8::try_from);
        if let Some(Ok(byte)) = byte {
            value.push(byte);
        }
    }
    Ok(value.into())
}

/// Headers by name, as brokers of Amazon MQ have them: texts, other values, and objects with an array of bytes.
fn table(headers: Option<&[u8]>) -> Result<Vec<(String, Bytes)>, Error> {
    let mut read = Vec::new();
    let Some(headers) = headers.filter(|raw| raw.first() == Some(&b'{')) else { return Ok(read) };
    for member in json::members(headers) {
        let (name, raw) = member.map_err(|fault| malformed(&fault))?;
        let value = match (raw.first(), text(Some(raw))) {
            (_, Some(text)) => Bytes::from(text.into_owned()),
            (Some(b'{'), None) => match select(raw, [&["bytes"]])? {
                [Some(bytes)] if bytes.first() == Some(&b'[') => bytes_of(bytes)?,
                _ => Bytes::copy_from_slice(raw),
            },
            _ if raw == b"null" => continue,
            _ => Bytes::copy_from_slice(raw),
        };
        read.push((name.into_owned(), value));
    }
    Ok(read)
}

/// The messages of a broker of ActiveMQ.
pub(super) fn activemq(
    messages: &[u8],
    source: &str,
    depth: u32,
    show: Show<'_>,
) -> Result<Read, Error> {
    each(messages, &mut |message| {
        let [id, data, sent, destination, properties, group] = select(
            message,
            [
                &["messageID"],
                &["data"],
                &["timestamp"],
                &["destination", "physicalName"],
                &["properties"],
                &["properties", "JMSXGroupID"],
            ],
        )?;
        let body = decoded(text(data).unwrap_or_default().as_ref())?;
        if nested(&body, depth, show)? {
            return Ok(Read::Events);
        }
        let queued = Queued {
            id: text(id).ok_or_else(|| missing("messageID"))?,
            source: Cow::Borrowed(source),
            topic: text(destination),
            time: millis(sent).map(Cow::Owned),
            key: text(group),
            subject: None,
            headers: table(properties)?,
            body,
        };
        show(queued.into_event()).map(|()| Read::Events)
    })
}
