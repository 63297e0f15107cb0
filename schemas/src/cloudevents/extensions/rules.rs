//! What the attributes of each extension must be.

use hybridge_core::{Attributes, ValueRef};

use super::super::DecodeError;
use super::{Extension, classification};
use crate::{rfc3339, uri};

/// What a value must be.
#[derive(Clone, Copy)]
enum Kind {
    /// A String, also an empty one.
    Any,
    /// A String that is not empty.
    Text,
    Boolean,
    True,
    /// An Integer from this on.
    From(i32),
    Timestamp,
    Uri,
    UriRef,
}

const REQUIRED: bool = true;
const OPTIONAL: bool = false;

/// The attributes of an extension: the name, whether it is required where any other of them is there, and what it must
/// be.
const fn attributes_of(extension: Extension) -> &'static [(&'static str, bool, Kind)] {
    match extension {
        Extension::Authcontext => &[
            ("authtype", REQUIRED, Kind::Text),
            ("authid", OPTIONAL, Kind::Any),
            ("authclaims", OPTIONAL, Kind::Any),
        ],
        Extension::Bam => &[
            ("bamtxid", REQUIRED, Kind::Text),
            ("bampid", REQUIRED, Kind::Text),
            ("bamptxid", REQUIRED, Kind::Text),
            ("bamptxsid", REQUIRED, Kind::Text),
            ("bamptxsstatus", OPTIONAL, Kind::Text),
            ("bamptxcompleted", OPTIONAL, Kind::Boolean),
        ],
        Extension::Correlation => {
            &[("correlationid", OPTIONAL, Kind::Text), ("causationid", OPTIONAL, Kind::Text)]
        }
        Extension::DataClassification => &[
            ("dataclassification", REQUIRED, Kind::Text),
            ("dataregulation", OPTIONAL, Kind::Text),
            ("datacategory", OPTIONAL, Kind::Text),
        ],
        Extension::Dataref => &[("dataref", REQUIRED, Kind::UriRef)],
        Extension::Deprecation => &[
            ("deprecated", REQUIRED, Kind::True),
            ("deprecationfrom", OPTIONAL, Kind::Timestamp),
            ("deprecationsunset", OPTIONAL, Kind::Timestamp),
            ("deprecationmigration", OPTIONAL, Kind::Uri),
        ],
        Extension::DistributedTracing => {
            &[("traceparent", REQUIRED, Kind::Text), ("tracestate", OPTIONAL, Kind::Any)]
        }
        Extension::Expirytime => &[("expirytime", REQUIRED, Kind::Timestamp)],
        Extension::Opcua => &[
            ("opcuametadatamajorversion", OPTIONAL, Kind::From(i32::MIN)),
            ("opcuametadataminorversion", OPTIONAL, Kind::From(i32::MIN)),
            ("opcuastatus", OPTIONAL, Kind::From(i32::MIN)),
        ],
        Extension::Partitioning => &[("partitionkey", REQUIRED, Kind::Text)],
        Extension::Recordedtime => &[("recordedtime", REQUIRED, Kind::Timestamp)],
        Extension::Sampledrate => &[("sampledrate", REQUIRED, Kind::From(1))],
        Extension::Sequence => &[("sequence", REQUIRED, Kind::Text)],
        Extension::Severity => {
            &[("severitynumber", REQUIRED, Kind::From(0)), ("severitytext", OPTIONAL, Kind::Text)]
        }
    }
}

pub(super) fn check(attributes: &Attributes, extension: Extension) -> Result<(), DecodeError> {
    let rules = attributes_of(extension);
    let mut missing = None;
    let mut is_used = false;
    for (name, is_required, kind) in rules {
        match attributes.get(name) {
            None if *is_required && missing.is_none() => missing = Some(*name),
            None => {}
            Some(value) => {
                is_used = true;
                if let Some(reason) = fault(value.as_ref(), *kind) {
                    return Err(DecodeError::attribute(name, reason));
                }
            }
        }
    }
    if !is_used {
        return Ok(());
    }
    if let Some(name) = missing {
        return Err(DecodeError::Missing(name));
    }
    match extension {
        Extension::DataClassification => regulations(attributes),
        Extension::Deprecation => deprecation(attributes),
        Extension::Opcua => metadata_version(attributes),
        _ => Ok(()),
    }
}

/// What is wrong with a value.
fn fault(value: ValueRef<'_>, kind: Kind) -> Option<&'static str> {
    let text = value.as_text();
    let (is_sound, reason) = match kind {
        Kind::Any => (text.is_some(), "must be a string"),
        Kind::Text => (text.is_some_and(|text| !text.is_empty()), "must be a string, not empty"),
        Kind::Boolean => (boolean(value).is_some(), "must be a boolean"),
        Kind::True => (boolean(value) == Some(true), "must be true"),
        Kind::From(least) => {
            let is_sound = integer(value).is_some_and(|number| number >= least);
            let reason = match least {
                1 => "must be a whole number above 0",
                0 => "must be a whole number, not negative",
                _ => "must be a whole number of 32 bits",
            };
            (is_sound, reason)
        }
        Kind::Timestamp => (
            text.is_some_and(|text| rfc3339::nanos(text).is_some()),
            "must be an RFC 3339 timestamp",
        ),
        Kind::Uri => (text.is_some_and(uri::is_uri), "must be an absolute URI"),
        Kind::UriRef => (
            text.is_some_and(|text| !text.is_empty() && uri::is_reference(text)),
            "must be a URI reference, not empty",
        ),
    };
    (!is_sound).then_some(reason)
}

fn boolean(value: ValueRef<'_>) -> Option<bool> {
    match value {
        ValueRef::Boolean(on) => Some(on),
        ValueRef::String("true") => Some(true),
        ValueRef::String("false") => Some(false),
        _ => None,
    }
}

/// The Integer of a value, which may be its canonical text.
pub(super) fn integer(value: ValueRef<'_>) -> Option<i32> {
    match value {
        ValueRef::Integer(number) => Some(number),
        ValueRef::String(text) => {
            text.parse().ok().filter(|number: &i32| number.to_string() == text)
        }
        _ => None,
    }
}

/// Entries without spaces in them, and none empty.
fn regulations(attributes: &Attributes) -> Result<(), DecodeError> {
    let Some(text) = attributes.text("dataregulation") else { return Ok(()) };
    let is_entry = |entry: &str| !entry.is_empty() && !entry.contains(char::is_whitespace);
    if classification::entries(text).all(is_entry) {
        return Ok(());
    }
    Err(DecodeError::attribute("dataregulation", "must be names separated by commas"))
}

fn deprecation(attributes: &Attributes) -> Result<(), DecodeError> {
    let instant = |name: &str| attributes.text(name).and_then(rfc3339::nanos);
    match (instant("deprecationfrom"), instant("deprecationsunset")) {
        (Some(from), Some(sunset)) if sunset < from => {
            let reason = "must not be before deprecationfrom";
            Err(DecodeError::attribute("deprecationsunset", reason))
        }
        _ => Ok(()),
    }
}

fn metadata_version(attributes: &Attributes) -> Result<(), DecodeError> {
    for name in ["opcuametadatamajorversion", "opcuametadataminorversion"] {
        if attributes.contains(name) && attributes.contains("dataschema") {
            return Err(DecodeError::attribute(name, "must not be there beside dataschema"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use hybridge_core::Value;

    use super::*;

    fn check_pairs(extension: Extension, pairs: &[(&str, Value)]) -> bool {
        let pairs = pairs.iter().map(|(name, value)| ((*name).into(), value.clone()));
        check(&pairs.collect(), extension).is_ok()
    }

    #[test]
    fn what_is_not_used_is_not_checked() {
        for extension in Extension::ALL {
            assert!(check_pairs(extension, &[("id", Value::from("1"))]));
        }
    }

    #[test]
    fn what_came_without_types_is_read_as_what_it_says() {
        let (rate, severity) = (Extension::Sampledrate, Extension::Severity);
        assert!(check_pairs(rate, &[("sampledrate", Value::from("30"))]));
        for text in ["", "030", "+30", "1.0", "x", "2147483648", "0"] {
            assert!(!check_pairs(rate, &[("sampledrate", Value::from(text))]), "{text}");
        }
        assert!(check_pairs(severity, &[("severitynumber", Value::from("0"))]));
        assert!(!check_pairs(severity, &[("severitytext", Value::from("INFO"))]));
        assert!(check_pairs(Extension::Deprecation, &[("deprecated", Value::from("true"))]));
        assert!(!check_pairs(Extension::Sequence, &[("sequence", Value::Integer(1))]));
    }

    #[test]
    fn attributes_that_belong_together() {
        assert!(!check_pairs(Extension::Bam, &[("bamtxid", Value::from("1"))]));
        let regulation = |text: &str| {
            let pairs =
                [("dataclassification", Value::from("c")), ("dataregulation", Value::from(text))];
            check_pairs(Extension::DataClassification, &pairs)
        };
        assert!(regulation(" GDPR , HIPAA"));
        for text in ["GD PR", "GDPR,,HIPAA", ",", " "] {
            assert!(!regulation(text), "{text:?}");
        }
        let version = ("opcuametadatamajorversion", Value::Integer(1));
        assert!(check_pairs(Extension::Opcua, std::slice::from_ref(&version)));
        let schema = ("dataschema", Value::Uri("https://a.example/s".into()));
        assert!(!check_pairs(Extension::Opcua, &[version, schema]));
    }
}
