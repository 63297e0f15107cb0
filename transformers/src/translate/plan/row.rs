//! One row of a dialect: a place of the event, and what is held there.

use std::borrow::Cow;

use super::super::pattern::{Known, Pattern};
use super::super::table::Holds;
use super::super::value::{Given, Raw, give};
use super::Values;

pub(super) struct CompiledRow {
    pub(super) at: &'static str,
    pub(super) place: Place,
    pub(super) held: Held,
    /// Words of its field that only other clouds have.
    pub(super) foreign: Vec<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Source,
    Subject,
    Extension(&'static str),
    Payload,
    Headers,
    /// The slot of a path of the data.
    Data(usize),
}

/// When a pattern has to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// It is there and fits, read and written.
    Both,
    /// It fits where it is there.
    Fit,
    /// It is written; what is read may be anything.
    Written,
}

pub(super) fn pattern(text: &str, field: impl Fn(&str) -> Option<usize>, need: Need) -> Held {
    Held::Pattern { pattern: Pattern::new(text, field), need }
}

pub(super) enum Held {
    Field(usize, Holds),
    Pattern { pattern: Pattern, need: Need },
    Derived(Pattern),
    Fixed(&'static str),
    Absent,
}

impl CompiledRow {
    /// Whether a place holds what the row would write there, where that follows from the fields.
    pub(super) fn agrees<'e>(
        &self,
        raw: Raw<'e>,
        values: &Values<'e>,
        known: &dyn Fn(Known) -> Option<Cow<'e, str>>,
    ) -> bool {
        match &self.held {
            Held::Fixed(text) => match raw {
                Raw::Json(raw) => raw == text.as_bytes(),
                Raw::Text(raw) => raw == *text,
                Raw::Bytes(_) => true,
            },
            Held::Derived(pattern) | Held::Pattern { pattern, .. } => {
                let known = |which| known(which);
                let text = raw.text();
                let may_be_other = matches!(self.held, Held::Pattern { need: Need::Written, .. });
                let is_same = pattern.is(
                    text.as_deref().unwrap_or_default(),
                    |field| values.text(field),
                    known,
                );
                is_same.map_or(may_be_other, |is_same| is_same && text.is_some())
            }
            Held::Field(..) | Held::Absent => true,
        }
    }

    pub(super) fn fill<'v, 'k>(
        &self,
        values: &'v Values<'_>,
        known: &dyn Fn(Known) -> Option<Cow<'k, str>>,
    ) -> Option<Given<'v>> {
        match &self.held {
            Held::Field(field, holds) => {
                let value = values.get(*field)?;
                // Most rows have no such words: their values are not looked at.
                let is_foreign = !self.foreign.is_empty()
                    && value.as_text().is_some_and(|text| self.foreign.contains(&text));
                if is_foreign { None } else { give(*holds, value) }
            }
            Held::Pattern { pattern, .. } | Held::Derived(pattern) => {
                let known = |which| known(which);
                let filled = pattern.fill(|field| values.text(field), known)?;
                Some(Given::Text(filled.into()))
            }
            Held::Fixed(_) | Held::Absent => None,
        }
    }

    /// Appends what the place is to hold as JSON; appends nothing where something is missing.
    pub(super) fn write<'k>(
        &self,
        values: &Values<'_>,
        known: &dyn Fn(Known) -> Option<Cow<'k, str>>,
        out: &mut Vec<u8>,
    ) -> bool {
        match &self.held {
            Held::Pattern { pattern, .. } | Held::Derived(pattern) => {
                let known = |which| known(which);
                pattern.write(out, |field| values.text(field), known)
            }
            Held::Fixed(text) => {
                out.extend_from_slice(text.as_bytes());
                true
            }
            Held::Absent => false,
            Held::Field(..) => {
                let given = self.fill(values, known);
                given.map(|given| given.write(out)).is_some()
            }
        }
    }

    pub(super) fn can_fill<'k>(
        &self,
        values: &Values<'_>,
        known: &dyn Fn(Known) -> Option<Cow<'k, str>>,
    ) -> bool {
        match &self.held {
            Held::Pattern { pattern, .. } | Held::Derived(pattern) => {
                let known = |which| known(which);
                pattern.can_fill(|field| values.text(field), known)
            }
            Held::Field(..) | Held::Fixed(_) | Held::Absent => self.fill(values, known).is_some(),
        }
    }

    pub(super) fn is_needed(&self) -> bool {
        matches!(self.held, Held::Pattern { need: Need::Both | Need::Written, .. })
    }

    /// Whether a field has its place here.
    pub(super) fn has(&self, field: usize) -> bool {
        match &self.held {
            Held::Field(other, _) => *other == field,
            Held::Pattern { pattern, .. } => pattern.fields().any(|other| other == field),
            Held::Derived(_) | Held::Fixed(_) | Held::Absent => false,
        }
    }

    /// Shows every field that has to do with the place.
    pub(super) fn each_field(&self, mut show: impl FnMut(usize)) {
        match &self.held {
            Held::Field(field, _) => show(*field),
            Held::Pattern { pattern, .. } | Held::Derived(pattern) => {
                pattern.fields().for_each(show)
            }
            Held::Fixed(_) | Held::Absent => {}
        }
    }

    /// Notes which fields have a place here.
    pub(super) fn mark(&self, carried: &mut [bool]) {
        let mut note = |field: usize| {
            if let Some(place) = carried.get_mut(field) {
                *place = true;
            }
        };
        match &self.held {
            Held::Field(field, _) => note(*field),
            Held::Pattern { pattern, .. } => pattern.fields().for_each(note),
            Held::Derived(_) | Held::Fixed(_) | Held::Absent => {}
        }
    }
}
