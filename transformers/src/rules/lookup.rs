//! From the value of one field to what rules want of it, one structure for each [`Way`].

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use hybridge_config::pattern::address;

use super::{
    access::{Way, address_range, number_range},
    case,
    event::{Kind, Seen, Value},
    exact::number,
    keys::{Full, Keys, Numbers},
    paths::Field,
    ranges::{Ranges, key},
    texts::Texts,
};

/// The targets of one field that are found in one way.
pub(super) struct Lookup {
    pub(super) field: Field,
    finder: Finder,
    targets: Box<[u32]>,
}

enum Finder {
    Exact(Numbers),
    Folded(Texts),
    Prefix(Texts),
    Suffix(Texts),
    FoldedPrefix(Texts),
    FoldedSuffix(Texts),
    Piece(AhoCorasick),
    /// Those of IPv4, then those of IPv6.
    Addresses(Ranges<(bool, u128)>),
    Numbers(Ranges<i64>),
    Present,
}

impl Lookup {
    /// For targets and their keys, in the order of the keys and without a key twice. The texts of keys that are not
    /// exact are in `keys`.
    pub(super) fn new(
        field: Field,
        way: Way,
        found: &[(u32, u32)],
        keys: &Keys,
    ) -> Result<Self, Full> {
        if way == Way::Exact {
            let finder = Finder::Exact(Numbers::new(found));
            return Ok(Self { field, finder, targets: Box::default() });
        }
        if way == Way::Numbers {
            let mut ranges: Vec<_> = found
                .iter()
                .map(|(key, target)| (number_range(keys.text(*key)), *target))
                .collect();
            ranges.sort_unstable();
            let (ranges, targets): (Vec<_>, Vec<_>) = ranges.into_iter().unzip();
            return Ok(Self {
                field,
                finder: Finder::Numbers(Ranges::new(&ranges)),
                targets: targets.into(),
            });
        }
        if way == Way::Addresses {
            let range = |key: u32| {
                let (is_v6, (low, high)) = address_range(keys.text(key));
                ((is_v6, low), (is_v6, high))
            };
            let mut ranges: Vec<_> =
                found.iter().map(|(key, target)| (range(*key), *target)).collect();
            ranges.sort_unstable();
            let (ranges, targets): (Vec<_>, Vec<_>) = ranges.into_iter().unzip();
            return Ok(Self {
                field,
                finder: Finder::Addresses(Ranges::new(&ranges)),
                targets: targets.into(),
            });
        }
        let mut texts: Vec<(&[u8], u32)> =
            found.iter().map(|(key, target)| (keys.text(*key), *target)).collect();
        texts.sort_unstable();
        let (texts, targets): (Vec<_>, Vec<_>) = texts.into_iter().unzip();
        let finder = match way {
            Way::Folded => Finder::Folded(Texts::new(&texts)),
            Way::Prefix => Finder::Prefix(Texts::new(&texts)),
            Way::Suffix => Finder::Suffix(Texts::new(&texts)),
            Way::FoldedPrefix => Finder::FoldedPrefix(Texts::new(&texts)),
            Way::FoldedSuffix => Finder::FoldedSuffix(Texts::new(&texts)),
            Way::Piece => Finder::Piece(automaton(&texts)?),
            Way::Exact | Way::Addresses | Way::Numbers | Way::Present => Finder::Present,
        };
        Ok(Self { field, finder, targets: targets.into() })
    }

    /// Shows the targets of a value; `room` is for another form of it.
    #[inline]
    pub(super) fn each(
        &self,
        value: &Value,
        seen: Seen,
        room: &mut Vec<u8>,
        mut show: impl FnMut(u32),
    ) {
        let mut found = |index: usize| show(self.targets[index]);
        match &self.finder {
            Finder::Exact(numbers) => {
                if let Some(target) = numbers.get(seen.exact(value)) {
                    show(target);
                }
                return;
            }
            Finder::Numbers(ranges) => {
                if let Kind::Number(number) = value.kind {
                    ranges.each(key(number), found);
                }
                return;
            }
            Finder::Present => {
                found(0);
                return;
            }
            _ if value.kind != Kind::Text => return,
            _ => room.clear(),
        }
        let bytes = seen.bytes(value);
        match &self.finder {
            Finder::Folded(texts) => {
                case::fold(bytes, room);
                let len = room.len();
                texts.each(room, |index, text| {
                    if text == len {
                        found(index);
                    }
                });
            }
            Finder::Prefix(texts) => texts.each(bytes, |index, _| found(index)),
            Finder::Suffix(texts) => {
                room.extend(bytes.iter().rev());
                texts.each(room, |index, _| found(index));
            }
            Finder::FoldedPrefix(texts) => {
                case::fold(bytes, room);
                texts.each(room, |index, _| found(index));
            }
            Finder::FoldedSuffix(texts) => {
                case::fold(bytes, room);
                room.reverse();
                texts.each(room, |index, _| found(index));
            }
            Finder::Piece(pieces) => {
                for piece in pieces.find_overlapping_iter(bytes) {
                    found(piece.pattern().as_usize());
                }
            }
            Finder::Addresses(ranges) => {
                if let Some(address) = address(bytes) {
                    ranges.each(number(address), found);
                }
            }
            Finder::Exact(_) | Finder::Numbers(_) | Finder::Present => {}
        }
    }

    pub(super) fn memory(&self) -> usize {
        let finder = match &self.finder {
            Finder::Exact(numbers) => numbers.memory(),
            Finder::Folded(texts)
            | Finder::Prefix(texts)
            | Finder::Suffix(texts)
            | Finder::FoldedPrefix(texts)
            | Finder::FoldedSuffix(texts) => texts.memory(),
            Finder::Piece(pieces) => pieces.memory_usage(),
            Finder::Addresses(ranges) => ranges.memory(),
            Finder::Numbers(ranges) => ranges.memory(),
            Finder::Present => 0,
        };
        size_of::<Self>() + finder + self.targets.len() * size_of::<u32>()
    }
}

/// An automaton whose size is bounded by that of the texts: no subset of states is ever made.
fn automaton(texts: &[&[u8]]) -> Result<AhoCorasick, Full> {
    let kind = AhoCorasickKind::ContiguousNFA;
    AhoCorasick::builder().kind(Some(kind)).build(texts).map_err(|_| Full)
}
