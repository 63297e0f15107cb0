//! What event sources deliver: S3, SQS, SNS, Kinesis, Firehose, DynamoDB, log groups, and those of brokers. A record of another
//! source, such as SES or CodeCommit, is an event whose data is the record.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hybridge_core::Error;
use hybridge_schemas::json::{self, Selection};
use hybridge_schemas::rfc3339;

use super::super::queue::Queued;
use super::super::{Read, Show, malformed, text};
use super::{brokers, nested, sns};
use crate::translate::aws::S3_PREFIX;
use crate::translate::event::{Data, Event, Marks};
use crate::translate::hub::derived_id;

/// Records in an array; Kafka and RabbitMQ have them by partition or queue.
pub(super) fn all(
    records: &[u8],
    source: Option<&str>,
    whole: &Bytes,
    depth: u32,
    show: Show<'_>,
) -> Result<Read, Error> {
    if records.first() == Some(&b'{') {
        for member in json::members(records) {
            let (name, raw) = member.map_err(|fault| malformed(&fault))?;
            for record in json::elements(raw) {
                let record = record.map_err(|fault| malformed(&fault))?;
                brokers::record(record, &name, source, whole, show)?;
            }
        }
        return Ok(Read::Events);
    }
    let is_alone = json::elements(records).count() == 1;
    let mut index = 0;
    super::super::each(records, &mut |record| {
        index += 1;
        one(record, whole, if is_alone { 0 } else { index }, depth, show)
    })
}

/// One record of any source; `index` is 0 for one that is alone.
fn one(
    record: &[u8],
    whole: &Bytes,
    index: usize,
    depth: u32,
    show: Show<'_>,
) -> Result<Read, Error> {
    let mut source = None;
    let mut subscription = None;
    let mut sns = None;
    for member in json::members(record) {
        let (name, raw) = member.map_err(|fault| malformed(&fault))?;
        match &*name {
            "eventSource" | "EventSource" => source = text(Some(raw)),
            "EventSubscriptionArn" => subscription = text(Some(raw)),
            "Sns" => sns = Some(raw),
            _ => {}
        }
    }
    match (source.as_deref(), sns) {
        (Some("aws:s3"), _) => s3(record, whole, index, show)?,
        (Some("aws:sqs"), _) => return sqs(record, depth, show),
        (Some("aws:sns"), Some(object)) => {
            return sns::object(object, whole, subscription, depth, show);
        }
        (Some("aws:kinesis"), _) => return kinesis(record, depth, show),
        (Some("aws:dynamodb"), _) => dynamodb(record, whole, show)?,
        (Some(source), _) if source.starts_with("aws:") => other(record, source, whole, show)?,
        _ => return Ok(Read::Unknown),
    }
    Ok(Read::Events)
}

pub(super) fn select<'a, const N: usize>(
    record: &'a [u8],
    paths: [&[&str]; N],
) -> Result<[Option<&'a [u8]>; N], Error> {
    let mut found = [None; N];
    Selection::new(paths.map(|path| path.iter().copied()))
        .read(record, &mut found, |_, _| {})
        .map_err(|fault| malformed(&fault))?;
    Ok(found)
}

pub(super) fn missing(name: &str) -> Error {
    Error::rejected(format!("the record has no {name}"))
}

/// A notification of S3, by the adapter of CloudEvents. One without the ids of its request gets an
/// id that is made of what else it says. Where several records came together, each id ends with
/// what tells it from the others.
fn s3(record: &[u8], whole: &Bytes, index: usize, show: Show<'_>) -> Result<(), Error> {
    let [request, host, region, bucket, name, key, sequencer, time] = select(
        record,
        [
            &["responseElements", "x-amz-request-id"],
            &["responseElements", "x-amz-id-2"],
            &["awsRegion"],
            &["s3", "bucket", "name"],
            &["eventName"],
            &["s3", "object", "key"],
            &["s3", "object", "sequencer"],
            &["eventTime"],
        ],
    )?
    .map(|raw| text(raw).filter(|text| !text.is_empty()));
    let region = region.ok_or_else(|| missing("awsRegion"))?;
    let bucket = bucket.ok_or_else(|| missing("s3.bucket.name"))?;
    let name = name.ok_or_else(|| missing("eventName"))?;
    let source = format!("aws:s3.{region}.{bucket}");
    let id = match (&request, &host) {
        (Some(request), Some(host)) if index == 0 => format!("{request}.{host}"),
        (Some(request), Some(host)) => format!("{request}.{host}.{index}"),
        _ => {
            let own = [&key, &sequencer, &time].map(|text| text.as_deref().unwrap_or_default());
            let marks = Marks {
                id: Some(format!("{name} {}", own.join(" ")).into()),
                source: Some(Cow::Borrowed(&source)),
                ..Marks::default()
            };
            derived_id(&marks, "aws", index)
        }
    };
    show(Event {
        id: Cow::Owned(id),
        source: Cow::Owned(source),
        kind: Cow::Owned(format!("{S3_PREFIX}{name}")),
        subject: key,
        time,
        content_type: Some(Cow::Borrowed("application/json")),
        data: Data::Slice(record, whole),
        ..Event::default()
    })
}

fn sqs(record: &[u8], depth: u32, show: Show<'_>) -> Result<Read, Error> {
    let [id, body, queue, sent, group, attributes] = select(
        record,
        [
            &["messageId"],
            &["body"],
            &["eventSourceARN"],
            &["attributes", "SentTimestamp"],
            &["attributes", "MessageGroupId"],
            &["messageAttributes"],
        ],
    )?;
    let body = Bytes::from(text(body).ok_or_else(|| missing("body"))?.into_owned());
    if nested(&body, depth, show)? {
        return Ok(Read::Events);
    }
    let queue = text(queue).ok_or_else(|| missing("eventSourceARN"))?;
    let sent = text(sent).and_then(|sent| rfc3339::format(sent.parse().ok()?));
    let queued = Queued {
        id: text(id).ok_or_else(|| missing("messageId"))?,
        topic: last(&queue),
        source: queue,
        time: sent.map(Cow::Owned),
        key: text(group),
        subject: None,
        headers: sns::headers(attributes, "dataType", "stringValue", "binaryValue")?,
        body,
    };
    show(queued.into_event()).map(|()| Read::Events)
}

fn kinesis(record: &[u8], depth: u32, show: Show<'_>) -> Result<Read, Error> {
    let [id, data, stream, key, arrived] = select(
        record,
        [
            &["eventID"],
            &["kinesis", "data"],
            &["eventSourceARN"],
            &["kinesis", "partitionKey"],
            &["kinesis", "approximateArrivalTimestamp"],
        ],
    )?;
    let body = decoded(text(data).ok_or_else(|| missing("kinesis.data"))?.as_ref())?;
    if nested(&body, depth, show)? {
        return Ok(Read::Events);
    }
    let stream = text(stream).ok_or_else(|| missing("eventSourceARN"))?;
    let queued = Queued {
        id: text(id).ok_or_else(|| missing("eventID"))?,
        topic: last(&stream),
        source: stream,
        time: arrived.and_then(seconds).map(Cow::Owned),
        key: text(key),
        subject: None,
        headers: Vec::new(),
        body,
    };
    show(queued.into_event()).map(|()| Read::Events)
}

/// A change of a table: the record is the data.
fn dynamodb(record: &[u8], whole: &Bytes, show: Show<'_>) -> Result<(), Error> {
    let [id, name, table, created] = select(
        record,
        [
            &["eventID"],
            &["eventName"],
            &["eventSourceARN"],
            &["dynamodb", "ApproximateCreationDateTime"],
        ],
    )?;
    let name = text(name).ok_or_else(|| missing("eventName"))?;
    show(Event {
        id: text(id).ok_or_else(|| missing("eventID"))?,
        source: text(table).ok_or_else(|| missing("eventSourceARN"))?,
        kind: Cow::Owned(format!("com.amazonaws.dynamodb.{name}")),
        time: created.and_then(seconds).map(Cow::Owned),
        content_type: Some(Cow::Borrowed("application/json")),
        data: Data::Slice(record, whole),
        ..Event::default()
    })
}

/// A record of a source that has no rules of its own.
fn other(record: &[u8], source: &str, whole: &Bytes, show: Show<'_>) -> Result<(), Error> {
    let [id, id_too, mail, name, arn, time, sent] = select(
        record,
        [
            &["eventID"],
            &["eventId"],
            &["ses", "mail", "messageId"],
            &["eventName"],
            &["eventSourceARN"],
            &["eventTime"],
            &["ses", "mail", "timestamp"],
        ],
    )?
    .map(|raw| text(raw).filter(|text| !text.is_empty()));
    let service = source.trim_start_matches("aws:");
    let kind = match &name {
        Some(name) => format!("com.amazonaws.{service}.{name}"),
        None => format!("com.amazonaws.{service}"),
    };
    let id = id.or(id_too).or(mail);
    // CodeCommit writes its offsets without a colon: the time is in the record only.
    let time = time.or(sent).filter(|time| rfc3339::millis(time).is_some());
    show(Event {
        id: id.unwrap_or_else(|| Cow::Owned(id_of(record, source))),
        source: arn.unwrap_or(Cow::Borrowed(source)),
        kind: Cow::Owned(kind),
        time,
        content_type: Some(Cow::Borrowed("application/json")),
        data: Data::Slice(record, whole),
        ..Event::default()
    })
}

/// The id of a record that says none: the same whenever it comes.
pub(super) fn id_of(record: &[u8], place: &str) -> String {
    let content = String::from_utf8_lossy(record);
    let marks = Marks { id: Some(content), ..Marks::default() };
    derived_id(&marks, place, 0)
}

/// What a delivery stream of Firehose has of its records.
pub(super) fn firehose(
    records: &[u8],
    stream: &str,
    depth: u32,
    show: Show<'_>,
) -> Result<Read, Error> {
    super::super::each(records, &mut |record| {
        let [id, data, arrived, key] = select(
            record,
            [
                &["recordId"],
                &["data"],
                &["approximateArrivalTimestamp"],
                &["kinesisRecordMetadata", "partitionKey"],
            ],
        )?;
        let body = decoded(text(data).ok_or_else(|| missing("data"))?.as_ref())?;
        if nested(&body, depth, show)? {
            return Ok(Read::Events);
        }
        let queued = Queued {
            id: text(id).ok_or_else(|| missing("recordId"))?,
            topic: last(stream),
            source: Cow::Borrowed(stream),
            time: millis(arrived).map(Cow::Owned),
            key: text(key),
            subject: None,
            headers: Vec::new(),
            body,
        };
        show(queued.into_event()).map(|()| Read::Events)
    })
}

/// What a log group sends: compressed, so it is passed as it is.
pub(super) fn logs(payload: &Bytes, show: Show<'_>) -> Result<(), Error> {
    let content = std::str::from_utf8(payload).unwrap_or_default();
    let marks = Marks { id: Some(Cow::Borrowed(content)), ..Marks::default() };
    show(Event {
        id: Cow::Owned(derived_id(&marks, "logs", 0)),
        source: Cow::Borrowed("aws:logs"),
        kind: Cow::Borrowed("com.amazonaws.logs.subscription"),
        content_type: Some(Cow::Borrowed("application/json")),
        data: Data::Slice(payload, payload),
        ..Event::default()
    })
}

pub(super) fn decoded(text: &str) -> Result<Bytes, Error> {
    let decoded = STANDARD.decode(text);
    decoded.map(Bytes::from).map_err(|_| Error::rejected("the record is not base64"))
}

/// The name at the end of an ARN.
fn last(arn: &str) -> Option<Cow<'static, str>> {
    let name = arn.rsplit([':', '/']).next().filter(|name| !name.is_empty())?;
    Some(Cow::Owned(name.to_owned()))
}

/// Milliseconds since 1970, as a timestamp.
pub(super) fn millis(raw: Option<&[u8]>) -> Option<String> {
    rfc3339::format(std::str::from_utf8(raw?).ok()?.parse().ok()?)
}

/// Seconds since 1970 with a fraction, as a timestamp.
fn seconds(raw: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(raw).ok()?;
    let seconds: f64 = text.parse().ok()?;
    let millis = (seconds * 1000.0).round();
    if !(0.0..=253_402_300_799_999.0).contains(&millis) {
        return None;
    }
    #[allow(clippy::cast_possible_truncation, reason = "it is within the range")]
    rfc3339::format(millis as i64)
}
