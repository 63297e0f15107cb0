//! Notifications of Amazon S3 (`adapters/aws-s3.md`).

use bytes::Bytes;
use hybridge_core::{Applied, Error, Message};
use hybridge_schemas::json::{self, Selection};

use super::rules::text;
use super::{Adapter, Draft, JSON};

/// One event for each record, with the record as its data. The key is kept as S3 writes it,
/// form-url-encoded.
pub(crate) struct S3 {
    envelope: Selection,
    record: Selection,
}

impl S3 {
    pub(crate) fn new() -> Self {
        let record: [&[&str]; 7] = [
            &["responseElements", "x-amz-request-id"],
            &["responseElements", "x-amz-id-2"],
            &["eventSource"],
            &["awsRegion"],
            &["s3", "bucket", "name"],
            &["eventName"],
            &["s3", "object", "key"],
        ];
        let time: &[&str] = &["eventTime"];
        let paths = record.into_iter().chain([time]);
        Self {
            envelope: Selection::new([["Records"], ["Event"]]),
            record: Selection::new(paths.map(|path| path.iter().copied())),
        }
    }

    fn event(&self, message: &Message, payload: &Bytes, record: &[u8]) -> Result<Message, Error> {
        let mut found = [None; 8];
        self.record.read(record, &mut found, |_, _| {}).map_err(|fault| refused(&fault))?;
        let [request, host, source, region, bucket, name, key, time] =
            found.map(|raw| raw.and_then(text).filter(|text| !text.is_empty()));
        let needed = |value: Option<std::borrow::Cow<'_, str>>, what: &str| {
            let missing = || Error::rejected(format!("the record has no {what}"));
            value.map(std::borrow::Cow::into_owned).ok_or_else(missing)
        };
        let request = needed(request, "responseElements.x-amz-request-id")?;
        let host = needed(host, "responseElements.x-amz-id-2")?;
        let source = needed(source, "eventSource")?;
        let region = needed(region, "awsRegion")?;
        let bucket = needed(bucket, "s3.bucket.name")?;
        let draft = Draft {
            id: format!("{request}.{host}"),
            source: format!("{source}.{region}.{bucket}"),
            event_type: format!("com.amazonaws.s3.{}", needed(name, "eventName")?),
            subject: key.map(std::borrow::Cow::into_owned),
            time: time.map(std::borrow::Cow::into_owned),
            content_type: Some(JSON),
        };
        draft.into_event(message, Some(payload.slice_ref(record)))
    }
}

impl Adapter for S3 {
    fn events(&self, message: &Message, payload: &Bytes) -> Result<Applied, Error> {
        let mut found = [None; 2];
        self.envelope.read(payload, &mut found, |_, _| {}).map_err(|fault| refused(&fault))?;
        let [records, event] = found;
        let Some(records) = records else {
            if event == Some(br#""s3:TestEvent""#) {
                return Ok(Applied::Filtered("s3:TestEvent".into()));
            }
            return Err(Error::rejected("the payload has no Records"));
        };
        let mut events = Vec::new();
        for record in json::elements(records) {
            let record = record.map_err(|fault| refused(&fault))?;
            events.push(self.event(message, payload, record)?);
        }
        Ok(match events.len() {
            1 => events.pop().map_or_else(|| Applied::Many(Vec::new()), Applied::One),
            _ => Applied::Many(events),
        })
    }
}

fn refused(fault: &json::Fault) -> Error {
    Error::rejected(format!("the payload is {fault}"))
}
