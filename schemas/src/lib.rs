//! What data looks like: CloudEvents formats and protocol bindings, JSON text read and changed in
//! place, and templates over the fields of a message.
//!
//! Nothing here does input or output, and nothing here panics on bytes that came from outside.

pub mod cel;
pub mod cloudevents;
pub mod eventbridge;
pub mod json;
pub mod media_type;
pub mod rfc3339;
pub mod template;
pub mod uri;
