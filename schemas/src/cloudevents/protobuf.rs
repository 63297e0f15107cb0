//! The Protobuf format: one event as a message `CloudEvent`, a batch as a `CloudEventBatch` (`formats/protobuf-format.md`,
//! `cloudevents.proto`).
//!
//! The two messages are fixed, so no schema is read. Text and JSON are `text_data`, other bytes are `binary_data`.
//! `proto_data` is a message with its type: the message is the payload, the type is `dataschema` where there is none and
//! it is an absolute URI, else the extension `prototypeurl`, and `datacontenttype` is `application/protobuf` where there
//! is none. What says the same of itself is written as `proto_data` again.

mod decode;
mod encode;

pub use decode::{decode, decode_batch};
pub use encode::{encode, encode_batch};

use crate::media_type::MediaType;

/// The extension that keeps the type of a message where `dataschema` cannot.
pub const TYPE_URL: &str = "prototypeurl";

/// Seconds since 1970 of the first and the last moment that a `google.protobuf.Timestamp` may have: the years 1 to 9999.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// Whether a content type is that of a Protobuf message.
fn is_protobuf(content_type: &str) -> bool {
    MediaType::parse(content_type)
        .is_some_and(|media_type| media_type.is("application", "protobuf"))
}

/// Whether a text has the form of the type of an `Any`: the full name of a message behind the last slash.
fn is_type_url(text: &str) -> bool {
    let Some((_, name)) = text.rsplit_once('/') else { return false };
    let is_identifier = |part: &str| {
        part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && part.bytes().next().is_some_and(|first| !first.is_ascii_digit())
    };
    name.contains('.') && name.split('.').all(is_identifier)
}
