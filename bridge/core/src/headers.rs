//! The headers of a message: ordered, several values per name, and safe for binary values.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;

use crate::packed::{self, Cursor};
use crate::{Text, text};

/// What the names of the headers begin with that say why a message is a dead letter.
pub const DEAD_LETTER_PREFIX: &str = "hybridge-dead-letter-";

/// The header with the routes that a message came through, oldest first, separated by commas.
pub const HOPS: &str = "hybridge-via";

/// One header. Kafka allows a null value, which is not the same as an empty one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The name as the source spelled it.
    pub name: Text,
    /// The value, any bytes; `None` is a null value.
    pub value: Option<Bytes>,
}

/// Headers in the order in which they came. A clone shares them; a change copies them, so whoever
/// adds many collects them first.
///
/// They are one block: for each header the name behind its length, then 0 for a null value, or the
/// length of the value plus 1 and the value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Bytes);

impl Headers {
    /// No headers; does not allocate.
    pub const fn new() -> Self {
        Self(Bytes::new())
    }

    /// The block that [`as_block`](Self::as_block) gave. Where it is not well formed, the headers end.
    pub fn from_block(block: Bytes) -> Self {
        Self(block)
    }

    /// All of them as one block, to be kept and read back by [`from_block`](Self::from_block).
    pub fn as_block(&self) -> &Bytes {
        &self.0
    }

    /// Adds one to the end of a block that is being made for [`from_block`](Self::from_block).
    pub fn append(block: &mut Vec<u8>, name: &str, value: Option<&[u8]>) {
        packed::put(block, name.as_bytes());
        match value {
            None => block.push(0),
            Some(value) => {
                packed::put_len(block, value.len() + 1);
                block.extend_from_slice(value);
            }
        }
    }

    /// Shows each of them, in order, without taking part in their memory.
    pub fn each(&self, mut show: impl FnMut(&str, Option<&[u8]>)) {
        for place in self.places() {
            show(text::checked(&self.0[place.name]), place.value.map(|value| &self.0[value]));
        }
    }

    /// All of them, in order; they share the memory of the block.
    pub fn iter(&self) -> impl Iterator<Item = Header> + '_ {
        self.places().map(|place| self.header(place))
    }

    /// How many there are, a repeated name counted each time.
    pub fn len(&self) -> usize {
        self.places().count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first non-null value of `name`, compared exactly.
    pub fn get(&self, name: &str) -> Option<Bytes> {
        self.find(|other| other == name.as_bytes())
    }

    /// The first non-null value of `name`, compared without regard to ASCII case.
    pub fn get_ignore_case(&self, name: &str) -> Option<Bytes> {
        self.find(|other| other.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// The first non-null value of `name`, borrowed: of a header that is spelled so, else of one with other letters' case.
    pub fn get_ref(&self, name: &str) -> Option<&[u8]> {
        let named = |is_name: fn(&[u8], &[u8]) -> bool| {
            let places = self
                .places()
                .filter(move |place| is_name(&self.0[place.name.clone()], name.as_bytes()));
            places.into_iter().find_map(|place| place.value).map(|value| &self.0[value])
        };
        named(|one, other| one == other)
            .or_else(|| named(|one, other| one.eq_ignore_ascii_case(other)))
    }

    /// Adds one at the end, also when the name is there already.
    pub fn push(&mut self, name: Text, value: Option<Bytes>) {
        self.replace(self.0.len(), &[Header { name, value }], &[]);
    }

    /// Replaces the first of this name in its place and removes the others; adds it if there is none.
    pub fn set(&mut self, name: Text, value: Option<Bytes>) {
        let own = |place: &Place| self.0[place.name.clone()] == **name.as_bytes();
        let same: Vec<Range<usize>> =
            self.places().filter(own).map(|place| place.start..place.end).collect();
        let at = same.first().map_or(self.0.len(), |first| first.start);
        self.replace(at, &[Header { name, value }], &same);
    }

    /// Removes all of this name and says whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let own = |place: &Place| self.0[place.name.clone()] == *name.as_bytes();
        let same: Vec<Range<usize>> =
            self.places().filter(own).map(|place| place.start..place.end).collect();
        self.replace(0, &[], &same);
        !same.is_empty()
    }

    /// Bytes that they hold: names, values, and what separates them.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// Puts `added` at `at`, between two headers, and leaves out `removed`, ascending and not before `at` if
    /// something is added.
    fn replace(&mut self, at: usize, added: &[Header], removed: &[Range<usize>]) {
        if added.is_empty() && removed.is_empty() {
            return;
        }
        let room = |header: &Header| {
            header.name.as_bytes().len() + header.value.as_ref().map_or(0, Bytes::len) + 20
        };
        let mut block = Vec::with_capacity(self.0.len() + added.iter().map(room).sum::<usize>());
        block.extend_from_slice(&self.0[..at]);
        added.iter().for_each(|header| put(&mut block, header));
        let mut kept = at;
        for gone in removed {
            block.extend_from_slice(&self.0[kept..gone.start]);
            kept = gone.end;
        }
        block.extend_from_slice(&self.0[kept..]);
        self.0 = block.into();
    }

    fn places(&self) -> Places<'_> {
        Places(Cursor::new(&self.0))
    }

    fn find(&self, is_wanted: impl Fn(&[u8]) -> bool) -> Option<Bytes> {
        let mut wanted = self.places().filter(|place| is_wanted(&self.0[place.name.clone()]));
        wanted.find_map(|place| place.value).map(|value| self.0.slice(value))
    }

    fn header(&self, place: Place) -> Header {
        let name = Text::from_utf8(self.0.slice(place.name)).unwrap_or_default();
        Header { name, value: place.value.map(|value| self.0.slice(value)) }
    }
}

/// Where a header is in its block.
struct Place {
    start: usize,
    end: usize,
    name: Range<usize>,
    value: Option<Range<usize>>,
}

struct Places<'a>(Cursor<'a>);

impl Iterator for Places<'_> {
    type Item = Place;

    fn next(&mut self) -> Option<Place> {
        let start = self.0.at;
        let name = self.0.piece()?;
        let value = match self.0.len()? {
            0 => None,
            len => Some(self.0.take(len - 1)?),
        };
        Some(Place { start, end: self.0.at, name, value })
    }
}

fn put(block: &mut Vec<u8>, header: &Header) {
    Headers::append(block, &header.name, header.value.as_deref());
}

impl FromIterator<Header> for Headers {
    fn from_iter<I: IntoIterator<Item = Header>>(headers: I) -> Self {
        let mut block = Vec::new();
        headers.into_iter().for_each(|header| put(&mut block, &header));
        Self(block.into())
    }
}

/// Shows names and the sizes of values, never content: this may reach a log.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.places().map(|place| {
            (text::checked(&self.0[place.name]), place.value.map(|value| value.len()))
        });
        f.debug_map().entries(shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn set_keeps_the_place_and_removes_repeats() {
        let mut headers = Headers::new();
        for (name, value) in [("a", "1"), ("b", "2"), ("a", "3"), ("c", "4")] {
            headers.push(name.into(), Some(Bytes::from_static(value.as_bytes())));
        }
        let before = headers.clone();
        headers.set("a".into(), None);
        let all: Vec<Header> = headers.iter().collect();
        assert_eq!(all.iter().map(|header| header.name.as_str()).collect::<String>(), "abc");
        assert_eq!(all[0].value, None);
        assert_eq!(before.len(), 4, "a clone is not changed by a later set");
        assert!(headers.remove("b") && !headers.remove("b"));
    }

    proptest! {
        /// Against a plain list of headers.
        #[test]
        fn they_are_a_list(
            changes in prop::collection::vec(
                (0..3, "[a-bA-B]{1,2}", prop::option::of(prop::collection::vec(any::<u8>(), 0..200))),
                0..20,
            ),
        ) {
            let mut headers = Headers::new();
            let mut model: Vec<Header> = Vec::new();
            for (change, name, value) in changes {
                let (name, value) = (Text::from(name), value.map(Bytes::from));
                match change {
                    0 => {
                        headers.push(name.clone(), value.clone());
                        model.push(Header { name: name.clone(), value });
                    }
                    1 => {
                        headers.set(name.clone(), value.clone());
                        let at = model.iter().position(|header| header.name == name);
                        let at = at.unwrap_or(model.len());
                        model.retain(|header| header.name != name);
                        model.insert(at, Header { name: name.clone(), value });
                    }
                    _ => {
                        let before = model.len();
                        model.retain(|header| header.name != name);
                        prop_assert_eq!(headers.remove(&name), model.len() < before);
                    }
                }
                prop_assert_eq!(headers.iter().collect::<Vec<_>>(), model.clone());
                prop_assert_eq!((headers.len(), headers.is_empty()), (model.len(), model.is_empty()));
                let exact = model.iter().filter(|header| header.name == name);
                prop_assert_eq!(headers.get(&name), exact.clone().find_map(|header| header.value.clone()));
                let alike = |header: &&Header| header.name.eq_ignore_ascii_case(&name);
                let alike = model.iter().filter(alike).find_map(|header| header.value.clone());
                let either = headers.get(&name).or_else(|| alike.clone());
                prop_assert_eq!(headers.get_ref(&name), either.as_deref());
                prop_assert_eq!(headers.get_ignore_case(&name), alike);
            }
            prop_assert_eq!(&Headers::from_block(headers.as_block().clone()), &headers);
        }

        #[test]
        fn any_bytes_end_without_a_panic(junk in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut headers = Headers::from_block(junk.into());
            for header in headers.clone().iter() {
                let _ = (headers.get(&header.name), headers.remove(&header.name));
                headers.set(header.name, header.value);
            }
        }
    }
}
