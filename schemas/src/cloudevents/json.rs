//! The JSON format: one event as an object, a batch as an array (`formats/json-format.md`).
//!
//! Data whose `datacontenttype` is JSON (or absent) is the member `data` as it was written: no
//! number, member or white space inside it changes. Data of another type is a JSON string, and
//! bytes that are no text are `data_base64`. White space around the value of `data` is not part of
//! the data.

mod decode;
mod encode;

pub use decode::{MOST_EVENTS, decode, decode_batch, has_required};
pub use encode::{encode, encode_batch, write};
