//! The Avro format: one event as a datum of the schema `AvroCloudEvent` (`formats/avro-format.md`, `cloudevents.avsc`).
//!
//! The datum is bare: no file header, no schema fingerprint. There is no batch. The schema is fixed, so it is not read:
//! a record of the attributes, a map of null, boolean, int, string or bytes, and of the data.
//!
//! Data as `bytes` is the payload as it is, whatever its type; that is how JSON is written, since the union of JSON values
//! knows neither whole numbers nor an array of anything but objects. Data as `string` is text, and a JSON string where the
//! type of the data is JSON or is not given. Data as `boolean`, `double`, map or array is a JSON value; a record
//! `AvroCloudEventData` in it is an object.

mod decode;
mod encode;
mod json;

pub use decode::decode;
pub use encode::encode;
