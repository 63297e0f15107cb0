//! The tree.

use super::Scalar;

/// Where something stands: which of the files, its line and character (both from 1), and its bytes in the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) file: usize,
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Place {
    /// The file as a whole.
    pub(crate) fn whole(file: usize) -> Self {
        Self { file, ..Self::default() }
    }
}

/// Something that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) place: Place,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    /// Where the thing stands that this one repeats.
    pub(crate) first: Option<Place>,
}

impl Finding {
    pub(crate) fn new(place: Place, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { place, message: message.into(), help: Some(help.into()), first: None }
    }
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key of a map and its value. Keys are texts and unique in their map.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    pub(crate) node: Node,
}

impl Node {
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The place of what `path` leads to; where the file does not say it, of the nearest thing around it.
    pub(crate) fn place_of(&self, path: &[&str]) -> Place {
        let mut node = self;
        for step in path {
            let next = match &node.value {
                Value::List(items) => step.parse().ok().and_then(|index: usize| items.get(index)),
                _ => node.get(step),
            };
            match next {
                Some(next) => node = next,
                None => return node.place,
            }
        }
        node.place
    }

    /// Leaves of every scalar only its place.
    pub(crate) fn forget_values(&mut self) {
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(Self::forget_values),
            Value::Map(entries) => entries.iter_mut().for_each(|entry| entry.node.forget_values()),
            Value::Scalar(scalar) => *scalar = Scalar::new(String::new(), true),
        }
    }

    pub(crate) fn is_empty_map(&self) -> bool {
        matches!(&self.value, Value::Map(entries) if entries.is_empty())
    }

    /// What the value is, in words.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Scalar(scalar) => scalar.kind(),
        }
    }
}
