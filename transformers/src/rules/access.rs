//! By which property of a value a test is found.

use std::collections::HashMap;

use hybridge_config::pattern::{Bound, Range, Test, Wildcard};

use super::{
    case,
    exact::number,
    keys::{Full, Keys},
    paths::Field,
    ranges::key,
};

/// How a test is found from the value of its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Way {
    /// By the exact test that holds for the value.
    Exact,
    /// By the value without case.
    Folded,
    /// By what the value begins with.
    Prefix,
    /// By what the value ends with, kept backwards.
    Suffix,
    /// By what the value without case begins with.
    FoldedPrefix,
    /// By what the value without case ends with.
    FoldedSuffix,
    /// By a text anywhere in the value.
    Piece,
    /// By a range of addresses.
    Addresses,
    /// By a range of numbers.
    Numbers,
    /// By any value at all.
    Present,
}

/// The ways that are not exact in the order of their numbers, for the keys of [`Accesses`].
const COUNT: u32 = 10;

/// The way to a test, and the number of what must be seen there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Access {
    pub(super) field: Field,
    pub(super) way: Way,
    pub(super) key: u32,
}

/// What must be seen, by number; the exact tests have numbers of their own.
#[derive(Default)]
pub(super) struct Accesses {
    pub(super) keys: Keys,
    /// In how many wildcards of a field each piece stands: rare ones make few candidates.
    pieces: HashMap<(Field, Place, Box<str>), u32>,
}

/// Where a piece of a wildcard must stand.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    First,
    Middle,
    Last,
}

impl Accesses {
    /// Counts the pieces of a wildcard; to be called for all of them before [`of`](Self::of).
    pub(super) fn count(&mut self, field: Field, test: &Test) {
        let Test::Wildcard(wildcard) = test else { return };
        for (place, piece) in pieces(wildcard) {
            *self.pieces.entry((field, place, piece.into())).or_default() += 1;
        }
    }

    /// The way to a test that is not exact; `None` for one that holds where there is no value.
    pub(super) fn of(&mut self, field: Field, test: &Test) -> Result<Option<Access>, Full> {
        let (way, bytes): (Way, Vec<u8>) = match test {
            Test::Prefix(text) => (Way::Prefix, text.as_bytes().to_vec()),
            Test::Suffix(text) => (Way::Suffix, backwards(text)),
            Test::IgnoreCase(text) => (Way::Folded, folded(text)),
            Test::PrefixIgnoreCase(text) => (Way::FoldedPrefix, folded(text)),
            Test::SuffixIgnoreCase(text) => {
                let mut bytes = folded(text);
                bytes.reverse();
                (Way::FoldedSuffix, bytes)
            }
            Test::Wildcard(wildcard) => self.wildcard(field, wildcard),
            Test::Range(range) => match interval(range) {
                (low, high) if low <= high => {
                    (Way::Numbers, [low.to_le_bytes(), high.to_le_bytes()].concat())
                }
                _ => (Way::Present, Vec::new()),
            },
            Test::Address(address) => {
                let (is_v6, number) = number(*address);
                (Way::Addresses, addresses(is_v6, number, number))
            }
            Test::Cidr(block) => {
                let (is_v6, first) = number(block.first());
                (Way::Addresses, addresses(is_v6, first, number(block.last()).1))
            }
            Test::AnythingBut(_) | Test::Exists => (Way::Present, Vec::new()),
            Test::Text(_) | Test::Number(_) | Test::Boolean(_) | Test::Null | Test::Absent => {
                return Ok(None);
            }
        };
        let is_vague = bytes.is_empty() && way != Way::Folded;
        let way = if is_vague { Way::Present } else { way };
        let owner = field.checked_mul(COUNT).ok_or(Full)? + way as u32;
        Ok(Some(Access { field, way, key: self.keys.insert(owner, &bytes)? }))
    }

    /// The piece that the fewest wildcards have; of those the longest.
    fn wildcard(&self, field: Field, wildcard: &Wildcard) -> (Way, Vec<u8>) {
        let rarity = |(place, piece): &(Place, &str)| {
            let count = self.pieces.get(&(field, *place, Box::from(*piece)));
            (count.copied().unwrap_or(0), usize::MAX - piece.len())
        };
        match pieces(wildcard).min_by_key(rarity) {
            Some((Place::First, piece)) => (Way::Prefix, piece.as_bytes().to_vec()),
            Some((Place::Middle, piece)) => (Way::Piece, piece.as_bytes().to_vec()),
            Some((Place::Last, piece)) => (Way::Suffix, backwards(piece)),
            None => (Way::Present, Vec::new()),
        }
    }

    /// Forgets what only the making of the table needed.
    pub(super) fn forget_pieces(&mut self) {
        self.pieces = HashMap::new();
    }
}

fn pieces(wildcard: &Wildcard) -> impl Iterator<Item = (Place, &str)> {
    let last = wildcard.pieces().len() - 1;
    wildcard.pieces().iter().enumerate().filter(|(_, piece)| !piece.is_empty()).map(
        move |(index, piece)| match index {
            0 => (Place::First, &**piece),
            index if index == last => (Place::Last, &**piece),
            _ => (Place::Middle, &**piece),
        },
    )
}

fn folded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    case::fold(text.as_bytes(), &mut bytes);
    bytes
}

fn backwards(text: &str) -> Vec<u8> {
    text.bytes().rev().collect()
}

fn addresses(is_v6: bool, first: u128, last: u128) -> Vec<u8> {
    let mut bytes = vec![u8::from(is_v6)];
    bytes.extend(first.to_le_bytes());
    bytes.extend(last.to_le_bytes());
    bytes
}

/// The first and last number of a range, as keys.
fn interval(range: &Range) -> (i64, i64) {
    let low = |Bound { value, included }| key(value) + i64::from(!included);
    let high = |Bound { value, included }| key(value) - i64::from(!included);
    (range.low.map_or(i64::MIN, low), range.high.map_or(i64::MAX, high))
}

/// The range of numbers that a key was made of.
pub(super) fn number_range(bytes: &[u8]) -> (i64, i64) {
    let low = bytes.first_chunk().map_or(0, |low| i64::from_le_bytes(*low));
    let high = bytes.last_chunk().map_or(0, |high| i64::from_le_bytes(*high));
    (low, high)
}

/// The range of addresses that a key was made of, and whether they are those of IPv6.
pub(super) fn address_range(bytes: &[u8]) -> (bool, (u128, u128)) {
    let [is_v6, bytes @ ..] = bytes else { return (false, (1, 0)) };
    let low = bytes.first_chunk().map_or(0, |low| u128::from_le_bytes(*low));
    let high = bytes.last_chunk().map_or(0, |high| u128::from_le_bytes(*high));
    (*is_v6 == 1, (low, high))
}
