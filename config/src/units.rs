//! Quantities as an operator writes them: `200ms`, `64MiB`, `1000/s`, `20%`.
//!
//! A bare number is refused with the unit that it may have meant; there is no default unit.

mod bytes;
mod duration;
mod percent;
mod rate;

pub use bytes::ByteSize;
pub use duration::Duration;
pub use percent::Percent;
pub use rate::Rate;

/// Why a text is not a quantity: what is wrong, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}; {help}")]
pub struct UnitError {
    /// What is wrong, without the value.
    pub message: String,
    /// What would be right.
    pub help: String,
}

impl UnitError {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

/// Splits `12.5MiB` into its number and its unit; neither is checked.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim_start())
}

/// Serde and JSON Schema of a quantity, which is a text everywhere.
mod text {
    use std::{fmt, marker::PhantomData, str::FromStr};

    use serde::de::{Deserializer, Error, Visitor};

    use super::UnitError;

    struct Text<T>(PhantomData<T>, &'static str);

    impl<T: FromStr<Err = UnitError>> Visitor<'_> for Text<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str(self.1)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }

        fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
            self.visit_str(&number.to_string())
        }

        fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
            self.visit_str(&number.to_string())
        }

        fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
            self.visit_str(&number.to_string())
        }
    }

    pub(super) fn deserialize<'de, D, T>(from: D, expecting: &'static str) -> Result<T, D::Error>
    where
        D: Deserializer<'de>,
        T: FromStr<Err = UnitError>,
    {
        from.deserialize_any(Text(PhantomData, expecting))
    }
}

#[cfg(test)]
mod tests;
