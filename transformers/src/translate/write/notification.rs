//! A notification of S3.

use hybridge_core::{Error, Message};

use super::{holds_object, marked, plain};
use crate::translate::aws::S3_PREFIX;
use crate::translate::event::Event;

/// Whether an event is one of an object, as S3 notifies of it.
pub(super) fn is_one(event: &Event<'_>) -> bool {
    event.kind.starts_with(S3_PREFIX) && holds_object(event)
}

/// One record.
pub(super) fn write(event: &Event<'_>, message: &Message) -> Result<Message, Error> {
    let record = event.data.bytes().ok_or_else(|| Error::rejected("the record is missing"))?;
    let mut payload = Vec::with_capacity(record.len() + 256);
    payload.extend_from_slice(b"{\"Records\":[");
    marked(&mut payload, record, event, |_| false);
    payload.extend_from_slice(b"]}");
    Ok(plain(payload, event, message))
}
