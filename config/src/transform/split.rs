//! `split`: one message with a list becomes many.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error};

use crate::Field;

/// Makes a message of each element of a list in the data, in order: the element is its data, and everything else is as it
/// was, but that `#` and the place of the element follow the `id` of an event. The message is settled when all of them
/// are; one without elements is settled as filtered.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SplitConfig {
    /// Where the list is. Default: it is all of the data.
    #[serde(deserialize_with = "data")]
    #[schemars(extend("format" = "hybridge-data"))]
    pub list: Field,
    /// Most elements; a message with more is a permanent fault.
    #[schemars(range(min = 1, max = 100_000))]
    pub most: u32,
}

impl Default for SplitConfig {
    fn default() -> Self {
        Self { list: Field::Data(Vec::new()), most: 1000 }
    }
}

/// A field in the data.
pub(crate) fn data<'de, D: Deserializer<'de>>(from: D) -> Result<Field, D::Error> {
    let field = Field::deserialize(from)?;
    check_data(&field).map_err(D::Error::custom)?;
    Ok(field)
}

/// Whether a field is in the data; otherwise what is to be said of it.
pub(crate) fn check_data(field: &Field) -> Result<(), &'static str> {
    match field {
        Field::Data(_) => Ok(()),
        _ => Err("is not in the data"),
    }
}
