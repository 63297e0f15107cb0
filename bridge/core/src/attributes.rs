//! The context attributes of a CloudEvent, with the types of its type system.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::Text;

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

impl Value {
    /// The text, if this is one of the types whose value is text.
    pub fn as_text(&self) -> Option<&Text> {
        match self {
            Self::String(text) | Self::Uri(text) | Self::UriRef(text) | Self::Timestamp(text) => {
                Some(text)
            }
            Self::Boolean(_) | Self::Integer(_) | Self::Binary(_) => None,
        }
    }

    /// Bytes that the value holds.
    pub fn size(&self) -> usize {
        match self {
            Self::Boolean(_) => 1,
            Self::Integer(_) => 4,
            Self::Binary(bytes) => bytes.len(),
            Self::String(text) | Self::Uri(text) | Self::UriRef(text) | Self::Timestamp(text) => {
                text.as_bytes().len()
            }
        }
    }
}

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
/// that is not a CloudEvent. `specversion` is one of them. A clone shares them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attributes(Option<Arc<Vec<(Text, Value)>>>);

impl Attributes {
    /// No attributes: not an event. Does not allocate.
    pub const fn new() -> Self {
        Self(None)
    }

    /// All of them, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, (Text, Value)> {
        self.as_slice().iter()
    }

    /// All of them, in order.
    pub fn as_slice(&self) -> &[(Text, Value)] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }

    /// Whether the message is not an event.
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.iter().find(|(other, _)| *other == *name).map(|(_, value)| value)
    }

    /// The value of `name` where its type is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_text).map(Text::as_str)
    }

    /// Sets `name`; keeps its place when it is there already.
    pub fn set(&mut self, name: Text, value: Value) {
        let attributes = Arc::make_mut(self.0.get_or_insert_with(Arc::default));
        match attributes.iter_mut().find(|(other, _)| *other == name) {
            Some((_, old)) => *old = value,
            None => attributes.push((name, value)),
        }
    }

    /// Removes `name` and returns its value.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let index = self.iter().position(|(other, _)| *other == *name)?;
        let attributes = Arc::make_mut(self.0.as_mut()?);
        Some(attributes.remove(index).1)
    }

    /// Bytes that names and values hold.
    pub fn size(&self) -> usize {
        self.iter().map(|(name, value)| name.as_bytes().len() + value.size()).sum()
    }
}

impl FromIterator<(Text, Value)> for Attributes {
    /// Takes the pairs as they are: names must be unique.
    fn from_iter<I: IntoIterator<Item = (Text, Value)>>(pairs: I) -> Self {
        let pairs: Vec<(Text, Value)> = pairs.into_iter().collect();
        if pairs.is_empty() { Self(None) } else { Self(Some(Arc::new(pairs))) }
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(name, value)| (name, value))).finish()
    }
}
