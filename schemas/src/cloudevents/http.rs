//! The HTTP binding (`bindings/http-protocol-binding.md`), over plain pairs of names and values so
//! that it needs no HTTP library.
//!
//! A request or an answer is read with [`decode`] and written with [`encode_binary`],
//! [`encode_structured`] or [`encode_batch`].

mod decode;
mod encode;
mod headers;
pub mod value;

pub use decode::{Decoded, decode, decode_with};
pub use encode::{Headers, encode_batch, encode_binary, encode_structured};
pub use headers::is_forwarded;

use crate::media_type::MediaType;

/// The media type of one event in the JSON format, as it is written in `content-type`.
pub const STRUCTURED: &str = "application/cloudevents+json; charset=utf-8";

/// The media type of a batch in the JSON format, as it is written in `content-type`.
pub const BATCH: &str = "application/cloudevents-batch+json; charset=utf-8";

/// How a request carries events (section 3 of the binding).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentMode {
    /// Attributes in headers, data in the body; also every request that carries no event at all.
    Binary,
    /// One event in the body.
    Structured,
    /// Any number of events in the body.
    Batch,
}

/// The content mode by the prefix of the content type, without regard to case.
pub fn content_mode(content_type: Option<&str>) -> ContentMode {
    let text = content_type.unwrap_or_default().trim_start().as_bytes();
    let has_prefix = |prefix: &str| {
        text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    if has_prefix("application/cloudevents-batch") {
        return ContentMode::Batch;
    }
    if has_prefix("application/cloudevents") {
        ContentMode::Structured
    } else {
        ContentMode::Binary
    }
}

/// Whether a structured or batched content type is the JSON format in UTF-8.
fn is_json_format(content_type: &str) -> bool {
    MediaType::parse(content_type)
        .is_some_and(|media_type| media_type.is_json() && !media_type.has_foreign_charset())
}
