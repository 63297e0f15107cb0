//! How far a subscriber has come: the next offset of each partition.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The next offset to read for each partition. Written `0:17,1:4`; it is the `id` of a server-sent
/// event and what comes back as `Last-Event-ID`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor(BTreeMap<u32, u64>);

impl Cursor {
    pub(crate) fn get(&self, partition: u32) -> Option<u64> {
        self.0.get(&partition).copied()
    }

    pub(crate) fn set(&mut self, partition: u32, next: u64) {
        self.0.insert(partition, next);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, u64)> {
        self.0.iter().map(|(partition, next)| (*partition, *next))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (partition, next)) in self.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{partition}:{next}")?;
        }
        Ok(())
    }
}

/// Why a text is not a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a cursor is a list of partition:offset, as in `0:17,1:4`")]
pub(crate) struct NotACursor;

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let mut cursor = Self::default();
        for part in text.trim().split(',') {
            let (partition, next) = part.split_once(':').ok_or(NotACursor)?;
            let partition = partition.parse().map_err(|_| NotACursor)?;
            let next = next.parse().map_err(|_| NotACursor)?;
            if cursor.0.insert(partition, next).is_some() {
                return Err(NotACursor);
            }
        }
        Ok(cursor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(positions in prop::collection::btree_map(any::<u32>(), any::<u64>(), 1..9)) {
            let cursor = Cursor(positions);
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn no_text_panics(text in "[0-9:, a+-]{0,12}") {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert!(cursor.iter().count() > 0);
            }
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for text in ["", "0", "0:", ":1", "0:1,", "0:1,0:2", "0:-1", "x:1", "4294967296:1"] {
            assert_eq!(text.parse::<Cursor>(), Err(NotACursor), "{text}");
        }
    }
}
