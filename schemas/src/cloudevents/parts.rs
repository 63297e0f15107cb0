//! The attributes of an event while it is decoded: names and values as a format has them, not yet checked together.

use std::borrow::Cow;

use hybridge_core::{Attributes, ValueRef};

use super::upgrade::{Encoding, upgrade};
use super::{DecodeError, Mode, attribute};

/// The value of one attribute.
pub(super) enum Raw<'a> {
    Boolean(bool),
    Integer(i32),
    Binary(&'a [u8]),
    /// Text of a format that does not say which; the name of the attribute does.
    Text(Cow<'a, str>),
    Uri(&'a str),
    UriRef(&'a str),
    Timestamp(Cow<'a, str>),
}

impl Raw<'_> {
    fn typed(&self, name: &str) -> ValueRef<'_> {
        match self {
            Self::Boolean(on) => ValueRef::Boolean(*on),
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Binary(bytes) => ValueRef::Binary(bytes),
            Self::Text(text) => attribute::typed_ref(name, text),
            Self::Uri(text) => ValueRef::Uri(text),
            Self::UriRef(text) => ValueRef::UriRef(text),
            Self::Timestamp(text) => ValueRef::Timestamp(text),
        }
    }
}

/// Attributes in the order in which they came, no name twice.
pub(super) struct Parts<'a>(Vec<(Cow<'a, str>, Raw<'a>)>);

impl<'a> Parts<'a> {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(8))
    }

    /// Checks that a name is one; before its value is looked at.
    pub(super) fn check_name(name: &str) -> Result<(), DecodeError> {
        if attribute::is_name(name) {
            return Ok(());
        }
        Err(DecodeError::attribute(name, "a name has lower-case letters and digits only"))
    }

    /// Adds one whose name was checked.
    pub(super) fn push(&mut self, name: Cow<'a, str>, value: Raw<'a>) -> Result<(), DecodeError> {
        if self.0.iter().any(|(other, _)| *other == name) {
            return Err(DecodeError::attribute(&name, "is there twice"));
        }
        if self.0.len() == attribute::MOST {
            return Err(DecodeError::Shape("too many attributes".into()));
        }
        self.0.push((name, value));
        Ok(())
    }

    /// Takes an attribute out where its text is this one; says whether it was.
    pub(super) fn take_text(&mut self, name: &str, wanted: &str) -> bool {
        let is_it = |(other, raw): &(Cow<'_, str>, Raw<'_>)| {
            other == name && raw.typed(name).as_text() == Some(wanted)
        };
        let place = self.0.iter().position(is_it);
        place.map(|place| self.0.remove(place)).is_some()
    }

    /// The attributes of a sound event of version 1.0, and what one of version 0.3 says of its data.
    pub(super) fn check(&self, mode: Mode) -> Result<(Attributes, Encoding), DecodeError> {
        let pairs = self.0.iter().map(|(name, raw)| (&**name, raw.typed(name)));
        let mut attributes: Attributes = pairs.collect();
        if !self.0.iter().any(|(name, _)| name == "specversion") {
            return Err(DecodeError::Missing("specversion"));
        }
        let encoding = upgrade(&mut attributes)?;
        attribute::check_all(&attributes, mode)?;
        Ok((attributes, encoding))
    }

    /// The version that was written, of an event that was [checked](Self::check).
    pub(super) fn into_version(self) -> Cow<'a, str> {
        let version = self.0.into_iter().find(|(name, _)| name == "specversion");
        match version {
            Some((_, Raw::Text(version))) => version,
            _ => Cow::Borrowed(""),
        }
    }
}
