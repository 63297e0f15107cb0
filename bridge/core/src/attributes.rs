//! The context attributes of a CloudEvent, with the types of its type system.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;

use crate::packed::{self, Cursor};
use crate::{Text, text};

/// The value of one attribute: the type system of CloudEvents 1.0, section "Type System".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number of 32 bits.
    Integer(i32),
    /// Text without control characters.
    String(Text),
    /// Any bytes; base64 in text forms.
    Binary(Bytes),
    /// An absolute URI.
    Uri(Text),
    /// A URI or a relative reference.
    UriRef(Text),
    /// RFC 3339, as it was written: the offset is kept.
    Timestamp(Text),
}

/// A value that borrows: of one that is being decoded, or in the block of its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the same as those of Value")]
pub enum ValueRef<'a> {
    Boolean(bool),
    Integer(i32),
    String(&'a str),
    Binary(&'a [u8]),
    Uri(&'a str),
    UriRef(&'a str),
    Timestamp(&'a str),
}

impl<'a> ValueRef<'a> {
    /// The text, if this is one of the types whose value is text.
    pub const fn as_text(self) -> Option<&'a str> {
        match self {
            Self::String(text) | Self::Uri(text) | Self::UriRef(text) | Self::Timestamp(text) => {
                Some(text)
            }
            Self::Boolean(_) | Self::Integer(_) | Self::Binary(_) => None,
        }
    }

    const fn kind(self) -> u8 {
        match self {
            Self::Boolean(_) => BOOLEAN,
            Self::Integer(_) => INTEGER,
            Self::String(_) => STRING,
            Self::Binary(_) => BINARY,
            Self::Uri(_) => URI,
            Self::UriRef(_) => URI_REF,
            Self::Timestamp(_) => TIMESTAMP,
        }
    }
}

impl Value {
    /// The same, borrowed.
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Boolean(on) => ValueRef::Boolean(*on),
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::String(text) => ValueRef::String(text),
            Self::Binary(bytes) => ValueRef::Binary(bytes),
            Self::Uri(text) => ValueRef::Uri(text),
            Self::UriRef(text) => ValueRef::UriRef(text),
            Self::Timestamp(text) => ValueRef::Timestamp(text),
        }
    }

    /// The text, if this is one of the types whose value is text.
    pub fn as_text(&self) -> Option<&Text> {
        match self {
            Self::String(text) | Self::Uri(text) | Self::UriRef(text) | Self::Timestamp(text) => {
                Some(text)
            }
            Self::Boolean(_) | Self::Integer(_) | Self::Binary(_) => None,
        }
    }

    /// The text, if this is one of the types whose value is text.
    pub fn into_text(self) -> Option<Text> {
        match self {
            Self::String(text) | Self::Uri(text) | Self::UriRef(text) | Self::Timestamp(text) => {
                Some(text)
            }
            Self::Boolean(_) | Self::Integer(_) | Self::Binary(_) => None,
        }
    }
}

const BOOLEAN: u8 = 0;
const INTEGER: u8 = 1;
const STRING: u8 = 2;
const BINARY: u8 = 3;
const URI: u8 = 4;
const URI_REF: u8 = 5;
const TIMESTAMP: u8 = 6;

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<Text> for Value {
    fn from(text: Text) -> Self {
        Self::String(text)
    }
}

/// The context attributes of an event, in the order in which they were set; empty for a message
/// that is not a CloudEvent. `specversion` is one of them. A clone shares them; a change copies
/// them, so whoever sets many collects them first.
///
/// They are one block: for each attribute a byte for the type, the name and the value, both
/// behind their lengths.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attributes(Bytes);

impl Attributes {
    /// No attributes: not an event. Does not allocate.
    pub const fn new() -> Self {
        Self(Bytes::new())
    }

    /// The block that [`as_block`](Self::as_block) gave. Where it is not well formed, the attributes end.
    pub fn from_block(block: Bytes) -> Self {
        Self(block)
    }

    /// All of them as one block, to be kept and read back by [`from_block`](Self::from_block).
    pub fn as_block(&self) -> &Bytes {
        &self.0
    }

    /// All of them, in order; names and values share the memory of the block.
    pub fn iter(&self) -> impl Iterator<Item = (Text, Value)> + '_ {
        self.places().map(|place| (self.text_at(place.name.clone()), self.value(&place)))
    }

    /// All of them, in order, borrowed.
    pub fn iter_ref(&self) -> impl Iterator<Item = (&str, ValueRef<'_>)> + '_ {
        self.places()
            .map(|place| (text::checked(&self.0[place.name.clone()]), self.value_ref(&place)))
    }

    /// Whether the message is not an event.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places().count()
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<Value> {
        self.find(name).map(|place| self.value(&place))
    }

    /// The value of `name`, borrowed.
    pub fn get_ref(&self, name: &str) -> Option<ValueRef<'_>> {
        self.find(name).map(|place| self.value_ref(&place))
    }

    /// Whether there is one of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The value of `name` where its type is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        let place = self.find(name)?;
        let is_text = matches!(place.kind, STRING | URI | URI_REF | TIMESTAMP);
        is_text.then(|| text::checked(&self.0[place.value]))
    }

    /// Sets `name`; keeps its place when it is there already.
    pub fn set(&mut self, name: Text, value: Value) {
        let (from, to) = match self.find(&name) {
            Some(place) => (place.start, place.value.end),
            None => (self.0.len(), self.0.len()),
        };
        let added = name.as_bytes().len() + 24 + value.as_text().map_or(8, |text| text.len());
        let mut block = Vec::with_capacity(self.0.len() + added);
        block.extend_from_slice(&self.0[..from]);
        put(&mut block, &name, value.as_ref());
        block.extend_from_slice(&self.0[to..]);
        self.0 = block.into();
    }

    /// Removes `name` and returns its value.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let place = self.find(name)?;
        let value = self.value(&place);
        self.0 = [&self.0[..place.start], &self.0[place.value.end..]].concat().into();
        Some(value)
    }

    /// Bytes that they hold: names, values, and what separates them.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    fn places(&self) -> Places<'_> {
        Places(Cursor::new(&self.0))
    }

    fn find(&self, name: &str) -> Option<Place> {
        self.places().find(|place| self.0[place.name.clone()] == *name.as_bytes())
    }

    fn text_at(&self, range: Range<usize>) -> Text {
        Text::from_utf8(self.0.slice(range)).unwrap_or_default()
    }

    fn value_ref(&self, place: &Place) -> ValueRef<'_> {
        let raw = &self.0[place.value.clone()];
        match place.kind {
            BOOLEAN => ValueRef::Boolean(raw.first() == Some(&1)),
            INTEGER => ValueRef::Integer(integer(raw)),
            STRING => ValueRef::String(text::checked(raw)),
            URI => ValueRef::Uri(text::checked(raw)),
            URI_REF => ValueRef::UriRef(text::checked(raw)),
            TIMESTAMP => ValueRef::Timestamp(text::checked(raw)),
            _ => ValueRef::Binary(raw),
        }
    }

    fn value(&self, place: &Place) -> Value {
        let raw = &self.0[place.value.clone()];
        let text = || self.text_at(place.value.clone());
        match place.kind {
            BOOLEAN => Value::Boolean(raw.first() == Some(&1)),
            INTEGER => Value::Integer(integer(raw)),
            STRING => Value::String(text()),
            URI => Value::Uri(text()),
            URI_REF => Value::UriRef(text()),
            TIMESTAMP => Value::Timestamp(text()),
            _ => Value::Binary(self.0.slice(place.value.clone())),
        }
    }
}

/// Where an attribute is in its block.
struct Place {
    start: usize,
    kind: u8,
    name: Range<usize>,
    value: Range<usize>,
}

struct Places<'a>(Cursor<'a>);

impl Iterator for Places<'_> {
    type Item = Place;

    fn next(&mut self) -> Option<Place> {
        let start = self.0.at;
        let kind = self.0.byte().filter(|kind| *kind <= TIMESTAMP)?;
        Some(Place { start, kind, name: self.0.piece()?, value: self.0.piece()? })
    }
}

fn integer(raw: &[u8]) -> i32 {
    raw.first_chunk().map_or(0, |raw| i32::from_le_bytes(*raw))
}

fn put(block: &mut Vec<u8>, name: &str, value: ValueRef<'_>) {
    block.push(value.kind());
    packed::put(block, name.as_bytes());
    match value {
        ValueRef::Boolean(on) => packed::put(block, &[u8::from(on)]),
        ValueRef::Integer(number) => packed::put(block, &number.to_le_bytes()),
        ValueRef::Binary(bytes) => packed::put(block, bytes),
        ValueRef::String(text)
        | ValueRef::Uri(text)
        | ValueRef::UriRef(text)
        | ValueRef::Timestamp(text) => packed::put(block, text.as_bytes()),
    }
}

impl FromIterator<(Text, Value)> for Attributes {
    /// Takes the pairs as they are: names must be unique.
    fn from_iter<I: IntoIterator<Item = (Text, Value)>>(pairs: I) -> Self {
        let mut block = Vec::new();
        pairs.into_iter().for_each(|(name, value)| append(&mut block, &name, value.as_ref()));
        Self(block.into())
    }
}

impl<'a> FromIterator<(&'a str, ValueRef<'a>)> for Attributes {
    /// Takes the pairs as they are: names must be unique.
    fn from_iter<I: IntoIterator<Item = (&'a str, ValueRef<'a>)>>(pairs: I) -> Self {
        let mut block = Vec::new();
        pairs.into_iter().for_each(|(name, value)| append(&mut block, name, value));
        Self(block.into())
    }
}

/// Most events fit into the room that the first attribute makes, so that their block is allocated once.
fn append(block: &mut Vec<u8>, name: &str, value: ValueRef<'_>) {
    if block.is_empty() {
        block.reserve(TYPICAL);
    }
    put(block, name, value);
}

/// Bytes that the block of a usual event has.
const TYPICAL: usize = 256;

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let text = || "\\PC{0,200}".prop_map(Text::from);
        prop_oneof![
            any::<bool>().prop_map(Value::Boolean),
            any::<i32>().prop_map(Value::Integer),
            prop::collection::vec(any::<u8>(), 0..300).prop_map(|raw| Value::Binary(raw.into())),
            text().prop_map(Value::String),
            text().prop_map(Value::Uri),
            text().prop_map(Value::UriRef),
            text().prop_map(Value::Timestamp),
        ]
    }

    proptest! {
        /// Against a plain list of pairs.
        #[test]
        fn they_are_an_ordered_map(
            changes in prop::collection::vec(("[a-d]{1,2}", prop::option::of(value())), 0..20),
        ) {
            let mut attributes = Attributes::new();
            let mut model: Vec<(Text, Value)> = Vec::new();
            for (name, value) in changes {
                let at = model.iter().position(|(other, _)| *other == *name);
                match (value, at) {
                    (Some(value), Some(at)) => {
                        attributes.set(name.as_str().into(), value.clone());
                        model[at].1 = value;
                    }
                    (Some(value), None) => {
                        attributes.set(name.as_str().into(), value.clone());
                        model.push((name.as_str().into(), value));
                    }
                    (None, at) => {
                        let removed = at.map(|at| model.remove(at).1);
                        prop_assert_eq!(attributes.remove(&name), removed);
                    }
                }
                prop_assert_eq!(attributes.iter().collect::<Vec<_>>(), model.clone());
                prop_assert_eq!(attributes.len(), model.len());
                let borrowed = model.iter().map(|(name, value)| (name.as_str(), value.as_ref()));
                prop_assert!(attributes.iter_ref().eq(borrowed.clone()));
                prop_assert_eq!(&borrowed.collect::<Attributes>(), &attributes);
                let found = model.iter().find(|(other, _)| *other == *name);
                let found = found.map(|(_, value)| value.clone());
                prop_assert_eq!(attributes.get(&name), found.clone());
                prop_assert_eq!(attributes.get_ref(&name), found.as_ref().map(Value::as_ref));
                prop_assert_eq!(attributes.text(&name), found.as_ref().and_then(Value::as_text).map(Text::as_str));
            }
            let block = attributes.as_block().clone();
            prop_assert_eq!(&Attributes::from_block(block), &attributes);
            prop_assert_eq!(model.into_iter().collect::<Attributes>(), attributes);
        }

        #[test]
        fn any_bytes_end_without_a_panic(junk in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut attributes = Attributes::from_block(junk.into());
            let all: Vec<_> = attributes.iter().collect();
            prop_assert_eq!(all.len(), attributes.len());
            for (name, value) in all {
                let _ = (attributes.get(&name), attributes.text(&name).is_some());
                let _ = attributes.remove(&name);
                attributes.set(name, value);
            }
        }
    }
}
