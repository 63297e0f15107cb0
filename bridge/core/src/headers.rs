//! The headers of a message: ordered, several values per name, and safe for binary values.

use std::sync::Arc;

use bytes::Bytes;

use crate::Text;

/// What the names of the headers begin with that say why a message is a dead letter.
pub const DEAD_LETTER_PREFIX: &str = "hybridge-dead-letter-";

/// One header. Kafka allows a null value, which is not the same as an empty one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The name as the source spelled it.
    pub name: Text,
    /// The value, any bytes; `None` is a null value.
    pub value: Option<Bytes>,
}

/// Headers in the order in which they came. A clone shares them; a change copies them first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Option<Arc<Vec<Header>>>);

impl Headers {
    /// No headers; does not allocate.
    pub const fn new() -> Self {
        Self(None)
    }

    /// All of them, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Header> {
        self.as_slice().iter()
    }

    /// All of them, in order.
    pub fn as_slice(&self) -> &[Header] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }

    /// How many there are, a repeated name counted each time.
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// The first non-null value of `name`, compared exactly.
    pub fn get(&self, name: &str) -> Option<&Bytes> {
        self.iter().find(|header| header.name == *name).and_then(|header| header.value.as_ref())
    }

    /// The first non-null value of `name`, compared without regard to ASCII case.
    pub fn get_ignore_case(&self, name: &str) -> Option<&Bytes> {
        self.iter()
            .find(|header| header.name.as_bytes().eq_ignore_ascii_case(name.as_bytes()))
            .and_then(|header| header.value.as_ref())
    }

    /// Adds one at the end, also when the name is there already.
    pub fn push(&mut self, name: Text, value: Option<Bytes>) {
        self.vec().push(Header { name, value });
    }

    /// Replaces the first of this name in its place and removes the others; adds it if there is none.
    pub fn set(&mut self, name: Text, value: Option<Bytes>) {
        let headers = self.vec();
        let Some(first) = headers.iter().position(|header| header.name == name) else {
            headers.push(Header { name, value });
            return;
        };
        headers[first].value = value;
        let mut index = 0;
        headers.retain(|header| {
            index += 1;
            index - 1 <= first || header.name != name
        });
    }

    /// Removes all of this name and says whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        if !self.iter().any(|header| header.name == *name) {
            return false;
        }
        self.vec().retain(|header| header.name != *name);
        true
    }

    /// Bytes that the headers hold: names and values.
    pub fn size(&self) -> usize {
        self.iter()
            .map(|header| {
                header.name.as_bytes().len() + header.value.as_ref().map_or(0, Bytes::len)
            })
            .sum()
    }

    fn vec(&mut self) -> &mut Vec<Header> {
        Arc::make_mut(self.0.get_or_insert_with(Arc::default))
    }
}

impl FromIterator<Header> for Headers {
    fn from_iter<I: IntoIterator<Item = Header>>(headers: I) -> Self {
        let headers: Vec<Header> = headers.into_iter().collect();
        if headers.is_empty() { Self(None) } else { Self(Some(Arc::new(headers))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_keeps_the_place_and_removes_repeats() {
        let mut headers = Headers::new();
        for (name, value) in [("a", "1"), ("b", "2"), ("a", "3"), ("c", "4")] {
            headers.push(name.into(), Some(Bytes::from_static(value.as_bytes())));
        }
        let before = headers.clone();
        headers.set("a".into(), None);
        let names: Vec<&str> = headers.iter().map(|header| header.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(headers.as_slice()[0].value, None);
        assert_eq!(before.len(), 4, "a clone is not changed by a later set");
        assert!(headers.remove("b") && !headers.remove("b"));
    }
}
