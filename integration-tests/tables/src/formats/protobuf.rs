//! Cases of the Protobuf format.

use hybridge_core::Message;
use hybridge_schemas::cloudevents::{DecodeError, Mode, protobuf};
use serde_json::Value as Json;

use crate::{Verdict, check, event, known};

/// A message is decoded, written and decoded again.
pub(crate) fn vector(case: &Json) -> Verdict {
    known(case, &["wire_base64", "expect", "invalid"])?;
    let wire = event::base64(&case["wire_base64"]);
    for mode in [Mode::Lenient, Mode::Strict] {
        let decoded = protobuf::decode(&wire, mode);
        if case["invalid"] == true {
            check(decoded.is_err(), || format!("{mode:?} accepted it"))?;
            continue;
        }
        let message = decoded.map_err(|error| error.to_string())?;
        event::compare(&message, &case["expect"])?;
        let again = protobuf::encode(&message).map_err(|error| error.to_string())?;
        let again = protobuf::decode(&again.into(), mode).map_err(|error| error.to_string())?;
        event::compare(&again, &case["expect"])?;
    }
    Ok(())
}

/// Messages of the conformance files and the event or batch of the golden table that they show.
pub(crate) fn golden(case: &Json, golden: &Json) -> Verdict {
    known(
        case,
        &["kind", "message", "wire_base64", "sampleId", "sampleExtensionAttributes", "json"],
    )?;
    let wire = event::base64(&case["wire_base64"]);
    let sample = case["sampleId"].as_str().unwrap_or_default();
    match case["kind"].as_str().unwrap_or_default() {
        "valid_single" => {
            for mode in [Mode::Lenient, Mode::Strict] {
                let message = protobuf::decode(&wire, mode).map_err(|error| error.to_string())?;
                event::compare(&message, &golden["events"][sample])?;
            }
            Ok(())
        }
        "invalid_single" => {
            check(protobuf::decode(&wire, Mode::Strict).is_err(), || "accepted".into())
        }
        "valid_batch" => {
            let batch = batch(&wire).map_err(|error| error.to_string())?;
            let names = golden["batches"][sample].as_array().expect("a golden batch");
            check(batch.len() == names.len(), || format!("{} events", batch.len()))?;
            for (message, name) in batch.iter().zip(names) {
                event::compare(message, &golden["events"][name.as_str().unwrap()])?;
            }
            Ok(())
        }
        "invalid_batch" => check(batch(&wire).is_err(), || "accepted".into()),
        other => Err(format!("unknown kind {other}").into()),
    }
}

fn batch(wire: &bytes::Bytes) -> Result<Vec<Message>, DecodeError> {
    protobuf::decode_batch(wire, Mode::Strict)?.into_iter().collect()
}
