//! Tests for one value and no other, found by a look-up.

use std::net::IpAddr;

use hybridge_config::pattern::{Number, Test};

use super::{
    event::Kind,
    keys::{Full, Keys},
    paths::{Field, NONE},
};

/// The exact tests of all rules by their field and value. A value of an event meets at most one.
#[derive(Default)]
pub(super) struct Exact {
    keys: Keys,
}

const TEXT: u32 = 0;
const NUMBER: u32 = 1;
const OTHER_NUMBER: u32 = 2;
const WORD: u32 = 3;

impl Exact {
    /// The number of a test, if it is an exact one.
    pub(super) fn insert(&mut self, field: Field, test: &Test) -> Option<Result<u32, Full>> {
        let (kind, bytes): (u32, &[u8]) = match test {
            Test::Text(text) => (TEXT, text.as_bytes()),
            Test::Number(Number::Value(value)) => (NUMBER, &value.to_bits().to_le_bytes()),
            Test::Number(Number::Text(text)) => (OTHER_NUMBER, text.as_bytes()),
            Test::Boolean(true) => (WORD, b"t"),
            Test::Boolean(false) => (WORD, b"f"),
            Test::Null => (WORD, b"n"),
            _ => return None,
        };
        let Some(owner) = owner(field, kind) else { return Some(Err(Full)) };
        Some(self.keys.insert(owner, bytes))
    }

    /// The test that holds for a value, or [`NONE`].
    #[inline]
    pub(super) fn find(&self, field: Field, kind: Kind, bytes: &[u8]) -> u32 {
        let found = match kind {
            Kind::Text => self.keys.find(field << 2 | TEXT, bytes),
            Kind::Number(value) => {
                self.keys.find(field << 2 | NUMBER, &value.to_bits().to_le_bytes())
            }
            Kind::OtherNumber => self.keys.find(field << 2 | OTHER_NUMBER, bytes),
            Kind::Boolean(true) => self.keys.find(field << 2 | WORD, b"t"),
            Kind::Boolean(false) => self.keys.find(field << 2 | WORD, b"f"),
            Kind::Null => self.keys.find(field << 2 | WORD, b"n"),
            Kind::Binary => None,
        };
        found.unwrap_or(NONE)
    }

    /// The test of a number.
    pub(super) fn test(&self, number: u32) -> Test {
        let bytes = self.keys.text(number);
        let text = || String::from_utf8_lossy(bytes).into_owned().into_boxed_str();
        match (self.keys.owner(number) & 3, bytes) {
            (TEXT, _) => Test::Text(text()),
            (NUMBER, bytes) => {
                let bits = bytes.first_chunk().map_or(0, |bits| u64::from_le_bytes(*bits));
                Test::Number(Number::Value(f64::from_bits(bits)))
            }
            (OTHER_NUMBER, _) => Test::Number(Number::Text(text())),
            (_, b"t") => Test::Boolean(true),
            (_, b"f") => Test::Boolean(false),
            _ => Test::Null,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn shrink(&mut self) {
        self.keys.shrink();
    }

    pub(super) fn memory(&self) -> usize {
        self.keys.memory()
    }
}

fn owner(field: Field, kind: u32) -> Option<u32> {
    (field < 1 << 29).then_some(field << 2 | kind)
}

/// An address as a number, those of IPv4 apart from those of IPv6.
pub(super) fn number(address: IpAddr) -> (bool, u128) {
    match address {
        IpAddr::V4(address) => (false, u128::from(address.to_bits())),
        IpAddr::V6(address) => (true, address.to_bits()),
    }
}
