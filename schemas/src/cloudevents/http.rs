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

/// The media type of one event in the JSON format, as it is written in `content-type`.
pub const STRUCTURED: &str = "application/cloudevents+json; charset=utf-8";

/// The media type of a batch in the JSON format, as it is written in `content-type`.
pub const BATCH: &str = "application/cloudevents-batch+json; charset=utf-8";
