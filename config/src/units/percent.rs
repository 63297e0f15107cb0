//! A share of a whole.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{UnitError, split, text};

const HELP: &str = "a share is written with `%`, from `0%` to `100%`, with at most two decimals";

/// A share from `0%` to `100%`, kept in hundredths of a percent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u32);

impl Percent {
    /// So many whole percent; more than 100 is 100.
    pub const fn new(percent: u32) -> Self {
        Self(if percent > 100 { 10_000 } else { percent * 100 })
    }

    /// The share as a number from 0 to 1.
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }
}

impl FromStr for Percent {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split(text);
        if number.is_empty() {
            return Err(UnitError::new("not a share", HELP));
        }
        if unit.is_empty() {
            let help = format!("{HELP}; did you mean `{number}%`?");
            return Err(UnitError::new("a share without `%`", help));
        }
        if unit != "%" {
            return Err(UnitError::new("not a share", HELP));
        }
        let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
        let hundredths = match (whole.parse::<u32>(), decimals.parse::<u32>(), decimals.len()) {
            (Ok(whole), Ok(tenths), 1) => whole.checked_mul(100).map(|w| w + tenths * 10),
            (Ok(whole), Ok(hundredths), 2) => whole.checked_mul(100).map(|w| w + hundredths),
            _ => None,
        };
        match hundredths {
            Some(hundredths) if hundredths <= 10_000 => Ok(Self(hundredths)),
            _ => Err(UnitError::new("not a share of a whole", HELP)),
        }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.0 % 100 {
            0 => write!(f, "{}%", self.0 / 100),
            rest => write!(f, "{}.{rest:02}%", self.0 / 100),
        }
    }
}

impl fmt::Debug for Percent {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        text::deserialize(from, "a share such as `20%`")
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl JsonSchema for Percent {
    fn schema_name() -> Cow<'static, str> {
        "Percent".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "hybridge-percent",
            "description": "A share from `0%` to `100%`.",
            "pattern": r"^\s*[0-9]+(\.[0-9]{1,2})?\s*%$",
        })
    }
}
