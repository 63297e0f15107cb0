//! The extensions that the CloudEvents project documents (`extensions/*.md`): what their attributes must be, and what an
//! intermediary does with them.
//!
//! Decoding never refuses an extension; whoever wants them checked asks for [`check`]. Attributes that came through a
//! protocol without types are texts: there the canonical text of a value is one.

pub mod classification;
pub mod correlation;
pub mod dataref;
mod rules;
pub mod sampling;
pub mod sequence;
pub mod trace;

pub use hybridge_config::transform::extensions::Extension;
use hybridge_core::Attributes;

use super::DecodeError;
use crate::rfc3339;

/// Checks the attributes of an extension, if the event has any of them.
///
/// # Errors
/// One of them is not what the extension asks for, or one that it requires is missing.
pub fn check(attributes: &Attributes, extension: Extension) -> Result<(), DecodeError> {
    rules::check(attributes, extension)
}

/// Whether an event is past its `expirytime`, at this moment in milliseconds since 1970. One without, and one whose
/// `expirytime` is no timestamp, is not.
pub fn is_expired(attributes: &Attributes, now: i64) -> bool {
    let expiry = attributes.text("expirytime").and_then(rfc3339::nanos);
    let now = (now.div_euclid(1000), now.rem_euclid(1000) as u32 * 1_000_000);
    expiry.is_some_and(|expiry| expiry <= now)
}

/// What an intermediary may do with an attribute of an event that it hands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freedom {
    /// Change it and remove it.
    Free,
    /// Change it, but not remove it.
    Change,
    /// Add it where it is not there; what is there stays.
    Add,
    /// It should leave it as it is.
    ShouldNot,
    /// It must leave it as it is.
    Never,
}

/// What the extensions say of an attribute.
pub fn freedom(attribute: &str) -> Freedom {
    match attribute {
        "recordedtime" | "bamtxid" | "bampid" | "bamptxid" | "bamptxsid" => Freedom::Never,
        "dataclassification" | "dataregulation" | "datacategory" => Freedom::ShouldNot,
        "expirytime" => Freedom::Change,
        "traceparent" | "tracestate" => Freedom::Add,
        _ => Freedom::Free,
    }
}

#[cfg(test)]
mod tests {
    use hybridge_core::Value;

    use super::*;

    #[test]
    fn expiry_compares_instants_down_to_the_nanosecond() {
        let expired = |text: &str, now: &str| {
            let value = Value::Timestamp(text.into());
            let attributes = [("expirytime".into(), value)].into_iter().collect();
            is_expired(&attributes, rfc3339::millis(now).unwrap())
        };
        assert!(expired("2024-01-01T12:30:00+02:00", "2024-01-01T10:30:00Z"));
        assert!(!expired("2024-01-01T12:30:00+02:00", "2024-01-01T10:29:59.999Z"));
        assert!(!expired("2024-01-01T00:00:00.0005Z", "2024-01-01T00:00:00Z"));
        assert!(!is_expired(&Attributes::new(), i64::MAX));
    }
}
