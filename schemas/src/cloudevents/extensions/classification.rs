//! Data classification: events whose rules are not known are not handed on.

use hybridge_core::Attributes;

use super::super::DecodeError;
use super::{Extension, check};

/// The levels, regulations and categories that this deployment can meet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Known values of `dataclassification`.
    pub levels: Vec<String>,
    /// Known entries of `dataregulation`.
    pub regulations: Vec<String>,
    /// Known values of `datacategory`; `None` for any.
    pub categories: Option<Vec<String>>,
}

impl Policy {
    /// Whether an event may be handed on: it says nothing of its classification, or nothing that is not known.
    ///
    /// # Errors
    /// Something is not known, or the attributes are not those of the extension: the event has to be refused and reported.
    pub fn check(&self, attributes: &Attributes) -> Result<(), DecodeError> {
        check(attributes, Extension::DataClassification)?;
        let Some(level) = attributes.text("dataclassification") else { return Ok(()) };
        let unknown = |name: &str| Err(DecodeError::attribute(name, "is not known to the policy"));
        if !self.levels.iter().any(|known| known == level) {
            return unknown("dataclassification");
        }
        let mut regulations = attributes.text("dataregulation").into_iter().flat_map(entries);
        if !regulations.all(|entry| self.regulations.iter().any(|known| known == entry)) {
            return unknown("dataregulation");
        }
        match (&self.categories, attributes.text("datacategory")) {
            (Some(known), Some(category)) if !known.iter().any(|known| known == category) => {
                unknown("datacategory")
            }
            _ => Ok(()),
        }
    }
}

/// The entries of `dataregulation`, without the spaces around them.
pub fn entries(regulations: &str) -> impl Iterator<Item = &str> {
    regulations.split(',').map(|entry| entry.trim_matches(' '))
}
