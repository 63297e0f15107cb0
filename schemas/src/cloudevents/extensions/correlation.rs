//! Correlation: an event that is made because of another says so.

use hybridge_core::{Attributes, Text, Value};

/// Sets what an event has from the one that caused it: its flow, where it has one, and that it is the cause. An event
/// that is only handed on keeps what it has.
pub fn derive(cause: &Attributes, event: &mut Attributes) {
    if let Some(flow) = cause.get("correlationid") {
        event.set(Text::from_static("correlationid"), flow);
    }
    if let Some(id) = cause.text("id") {
        event.set(Text::from_static("causationid"), Value::from(id));
    }
}
