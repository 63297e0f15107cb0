//! A length of time.

use std::{borrow::Cow, fmt, str::FromStr, time};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{UnitError, split, text};

const HELP: &str = "a time needs a unit: `200ms`, `30s`, `1m`, `24h`, `30d`";
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A length of time in whole milliseconds, written as `200ms`, `30s`, `1m`, `24h` or `30d`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(time::Duration);

impl Duration {
    /// So many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(time::Duration::from_millis(millis))
    }

    /// So many seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(time::Duration::from_secs(secs))
    }

    /// The same length as the standard library's type.
    pub const fn get(self) -> time::Duration {
        self.0
    }
}

impl From<Duration> for time::Duration {
    fn from(duration: Duration) -> Self {
        duration.0
    }
}

impl FromStr for Duration {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split(text);
        if number.is_empty() {
            return Err(UnitError::new("not a time", HELP));
        }
        if unit.is_empty() {
            let help = format!("{HELP}; did you mean `{number}s` or `{number}ms`?");
            return Err(UnitError::new("a time without a unit", help));
        }
        let Some((_, millis)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(UnitError::new("not a unit of time", HELP));
        };
        let Ok(number) = number.parse::<u64>() else {
            let help = "write a whole number of a smaller unit: `1500ms`, not `1.5s`";
            return Err(UnitError::new("not a whole number", help));
        };
        match number.checked_mul(*millis) {
            Some(millis) => Ok(Self::from_millis(millis)),
            None => Err(UnitError::new("too long a time", HELP)),
        }
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let millis = self.0.as_millis();
        if millis == 0 {
            return f.write_str("0s");
        }
        let unit = UNITS.iter().find(|(_, unit)| millis.is_multiple_of(u128::from(*unit)));
        let (name, unit) = unit.unwrap_or(&("ms", 1));
        write!(f, "{}{name}", millis / u128::from(*unit))
    }
}

impl fmt::Debug for Duration {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        text::deserialize(from, "a time such as `30s`")
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "hybridge-duration",
            "description": "A length of time: `200ms`, `30s`, `1m`, `24h`, `30d`.",
            "pattern": r"^\s*[0-9]+\s*(ms|s|m|h|d)$",
        })
    }
}
