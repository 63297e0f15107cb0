//! CloudEvents 0.3 as 1.0: `schemaurl` became `dataschema`, and `datacontentencoding` became the
//! member `data_base64` of the JSON format.

use hybridge_core::{Attributes, Text, Value};

use super::{DecodeError, SPECVERSION, attribute};

/// What an event of an older version says about its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// The data is what it is.
    Plain,
    /// The data is base64 in a string.
    Base64,
}

/// Turns the attributes of an event of version 0.3 into those of 1.0; leaves all others alone.
pub(super) fn upgrade(attributes: &mut Attributes) -> Result<Encoding, DecodeError> {
    if attributes.text("specversion") != Some("0.3") {
        return Ok(Encoding::Plain);
    }
    attributes.set(attribute::name("specversion"), Value::from(Text::from_static(SPECVERSION)));
    if let Some(schema) = attributes.remove("schemaurl") {
        if attributes.get("dataschema").is_some() {
            let reason = "must not be there beside dataschema";
            return Err(DecodeError::attribute("schemaurl", reason));
        }
        let Some(text) = schema.as_text() else {
            return Err(DecodeError::attribute("schemaurl", "must be a string"));
        };
        attributes.set(attribute::name("dataschema"), Value::Uri(text.clone()));
    }
    match attributes.remove("datacontentencoding") {
        None => Ok(Encoding::Plain),
        Some(value) if value.as_text().is_some_and(|text| text.eq_ignore_ascii_case("base64")) => {
            Ok(Encoding::Base64)
        }
        Some(_) => Err(DecodeError::attribute("datacontentencoding", "must be base64")),
    }
}
