//! So many of something in a unit of time.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{UnitError, split, text};

const HELP: &str = "a rate is a number per second, minute or hour: `1000/s`, `60/m`, `10/h`";
const UNITS: [(&str, u32); 3] = [("/s", 1), ("/m", 60), ("/h", 3_600)];

/// So many per second, minute or hour, written as `1000/s`, `60/m` or `10/h`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    count: u64,
    seconds: u32,
}

impl Rate {
    /// So many per second.
    pub const fn per_second(count: u64) -> Self {
        Self { count, seconds: 1 }
    }

    /// How many there may be in [`Rate::seconds`].
    pub const fn count(self) -> u64 {
        self.count
    }

    /// The length of the unit of time: 1, 60 or 3,600 seconds.
    pub const fn seconds(self) -> u32 {
        self.seconds
    }
}

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split(text);
        if number.is_empty() {
            return Err(UnitError::new("not a rate", HELP));
        }
        if unit.is_empty() {
            let help = format!("{HELP}; did you mean `{number}/s`?");
            return Err(UnitError::new("a rate without a unit", help));
        }
        let Some((_, seconds)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(UnitError::new("not a unit of rate", HELP));
        };
        match number.parse() {
            Ok(count) => Ok(Self { count, seconds: *seconds }),
            Err(_) => Err(UnitError::new("not a whole number", HELP)),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, seconds)| *seconds == self.seconds);
        write!(f, "{}{}", self.count, unit.map_or("/s", |(name, _)| name))
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        text::deserialize(from, "a rate such as `1000/s`")
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "hybridge-rate",
            "description": "So many per second, minute or hour: `1000/s`, `60/m`, `10/h`.",
            "pattern": r"^\s*[0-9]+\s*/(s|m|h)$",
        })
    }
}
