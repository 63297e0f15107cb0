//! Cases of the Avro format.

use hybridge_schemas::cloudevents::{Mode, avro};
use serde_json::Value as Json;

use crate::{Verdict, check, event, known};

/// A datum is decoded, written and decoded again, or refused.
pub(crate) fn vector(case: &Json) -> Verdict {
    known(case, &["avro_base64", "expect", "invalid"])?;
    let datum = event::base64(&case["avro_base64"]);
    for mode in [Mode::Lenient, Mode::Strict] {
        let decoded = avro::decode(&datum, mode);
        if case["invalid"] == true {
            check(decoded.is_err(), || format!("{mode:?} accepted it"))?;
            continue;
        }
        let message = decoded.map_err(|error| error.to_string())?;
        event::compare(&message, &case["expect"])?;
        let again = avro::encode(&message).map_err(|error| error.to_string())?;
        let again = avro::decode(&again.into(), mode).map_err(|error| error.to_string())?;
        event::compare(&again, &case["expect"])?;
    }
    Ok(())
}
