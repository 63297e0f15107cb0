//! A number of bytes.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{UnitError, split, text};

const HELP: &str =
    "a size needs a unit: `512B`, `64KiB`, `64MiB`, `1GiB`, or `10kB`, `10MB` for powers of ten";
/// Largest first; powers of ten print as powers of two or as bytes, so they come last.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

/// A number of bytes, written as `64MiB`, `1GiB`, `512B` (or `10kB`, `10MB` for powers of ten).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

impl ByteSize {
    /// So many bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// So many times 1,024 x 1,024 bytes.
    pub const fn from_mib(mib: u64) -> Self {
        Self(mib << 20)
    }

    /// The number of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number of bytes as a length in memory; saturates where a pointer is narrower.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split(text);
        if number.is_empty() {
            return Err(UnitError::new("not a size", HELP));
        }
        if unit.is_empty() {
            let help = format!("{HELP}; did you mean `{number}B` or `{number}MiB`?");
            return Err(UnitError::new("a size without a unit", help));
        }
        let Some((_, bytes)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            let near = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
            let help = match near {
                Some((name, _)) => format!("did you mean `{number}{name}`?"),
                None => HELP.to_owned(),
            };
            return Err(UnitError::new("not a unit of size", help));
        };
        let Ok(number) = number.parse::<u64>() else {
            let help = "write a whole number of a smaller unit: `1536MiB`, not `1.5GiB`";
            return Err(UnitError::new("not a whole number", help));
        };
        match number.checked_mul(*bytes) {
            Some(bytes) => Ok(Self(bytes)),
            None => Err(UnitError::new("too large a size", HELP)),
        }
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, unit)| self.0 >= *unit && self.0.is_multiple_of(*unit));
        let (name, unit) = unit.unwrap_or(&("B", 1));
        write!(f, "{}{name}", self.0 / unit)
    }
}

impl fmt::Debug for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        text::deserialize(from, "a size such as `64MiB`")
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl JsonSchema for ByteSize {
    fn schema_name() -> Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "hybridge-bytes",
            "description": "A number of bytes: `512B`, `64KiB`, `64MiB`, `1GiB`; `10kB`, `10MB` for powers of ten.",
            "pattern": r"^\s*[0-9]+\s*(B|KiB|MiB|GiB|TiB|kB|MB|GB|TB)$",
        })
    }
}
