//! What data looks like: CloudEvents formats and protocol bindings, and JSON text read and changed in place.
//!
//! Nothing here does input or output, and nothing here panics on bytes that came from outside.

pub mod cloudevents;
pub mod json;
pub mod media_type;
pub mod rfc3339;
pub mod uri;
