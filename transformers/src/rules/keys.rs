//! A table from texts to small numbers, all of whose bytes are in one block.

/// Texts, each under a number of its own kind (`owner`), numbered from 0 in the order in which they came.
#[derive(Default)]
pub(super) struct Keys {
    /// Open addressing with linear probing, at most half full: part of the hash, and the number counted from 1.
    slots: Vec<(u32, u32)>,
    entries: Vec<Entry>,
    bytes: Vec<u8>,
}

struct Entry {
    owner: u32,
    start: u32,
    end: u32,
}

/// There is no room for more: offsets have 32 bits.
#[derive(Debug)]
pub(super) struct Full;

impl Keys {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The number of a text, a new one if it is new.
    pub(super) fn insert(&mut self, owner: u32, text: &[u8]) -> Result<u32, Full> {
        if let Some(id) = self.find(owner, text) {
            return Ok(id);
        }
        let start = u32::try_from(self.bytes.len()).map_err(|_| Full)?;
        let end = u32::try_from(self.bytes.len() + text.len()).map_err(|_| Full)?;
        let id = u32::try_from(self.entries.len()).map_err(|_| Full)?;
        self.bytes.extend_from_slice(text);
        self.entries.push(Entry { owner, start, end });
        if self.slots.len() < self.entries.len() * 2 {
            self.grow();
        } else {
            self.put(hash(owner, text), id);
        }
        Ok(id)
    }

    /// The number of a text.
    #[inline]
    pub(super) fn find(&self, owner: u32, text: &[u8]) -> Option<u32> {
        let hash = hash(owner, text);
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = hash as usize & mask;
        loop {
            let (part, number) = self.slots[at];
            let id = number.checked_sub(1)?;
            if part == high(hash) && self.is(id, owner, text) {
                return Some(id);
            }
            at = (at + 1) & mask;
        }
    }

    /// The text of a number.
    pub(super) fn text(&self, id: u32) -> &[u8] {
        let entry = &self.entries[id as usize];
        &self.bytes[entry.start as usize..entry.end as usize]
    }

    /// The kind of a number.
    pub(super) fn owner(&self, id: u32) -> u32 {
        self.entries[id as usize].owner
    }

    /// Gives back memory that more texts would have needed.
    pub(super) fn shrink(&mut self) {
        self.entries.shrink_to_fit();
        self.bytes.shrink_to_fit();
    }

    pub(super) fn memory(&self) -> usize {
        self.slots.capacity() * size_of::<(u32, u32)>()
            + self.entries.capacity() * size_of::<Entry>()
            + self.bytes.capacity()
    }

    fn is(&self, id: u32, owner: u32, text: &[u8]) -> bool {
        let entry = &self.entries[id as usize];
        entry.owner == owner && &self.bytes[entry.start as usize..entry.end as usize] == text
    }

    fn grow(&mut self) {
        self.slots = vec![(0, 0); (self.entries.len() * 4).next_power_of_two().max(16)];
        for id in 0..self.entries.len() {
            let entry = &self.entries[id];
            let hash = hash(entry.owner, &self.bytes[entry.start as usize..entry.end as usize]);
            self.put(hash, id as u32);
        }
    }

    fn put(&mut self, hash: u64, id: u32) {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while self.slots[at].1 != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = (high(hash), id + 1);
    }
}

fn high(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// Multiplies to 128 bits and folds the halves, eight bytes at a time (the construction of wyhash). The texts of the
/// table are those of the rules, so what an event holds cannot make it slow.
#[inline]
fn hash(owner: u32, text: &[u8]) -> u64 {
    const FIRST: u64 = 0xa076_1d64_78bd_642f;
    const SECOND: u64 = 0xe703_7ed1_a0b4_28db;
    let mut hash = FIRST ^ (u64::from(owner) << 32) ^ text.len() as u64;
    let (words, rest) = text.as_chunks::<8>();
    for word in words {
        hash = fold(hash ^ u64::from_le_bytes(*word), SECOND);
    }
    let mut last = 0;
    for byte in rest {
        last = last << 8 | u64::from(*byte);
    }
    fold(hash ^ last, FIRST)
}

#[inline]
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    product as u64 ^ (product >> 64) as u64
}

/// A table from numbers to numbers, none of them [`u32::MAX`].
pub(super) struct Numbers {
    slots: Box<[(u32, u32)]>,
    shift: u32,
}

const NONE: u32 = u32::MAX;

impl Numbers {
    pub(super) fn new(pairs: &[(u32, u32)]) -> Self {
        let size = (pairs.len() * 2).next_power_of_two().max(2);
        let mut numbers =
            Self { slots: vec![(NONE, NONE); size].into(), shift: 32 - size.trailing_zeros() };
        for (key, value) in pairs {
            let mut at = numbers.start(*key);
            while numbers.slots[at].0 != NONE {
                at = (at + 1) & (size - 1);
            }
            numbers.slots[at] = (*key, *value);
        }
        numbers
    }

    #[inline]
    pub(super) fn get(&self, key: u32) -> Option<u32> {
        let mut at = self.start(key);
        loop {
            let (found, value) = self.slots[at];
            if found == key && key != NONE {
                return Some(value);
            }
            if found == NONE {
                return None;
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.slots.len() * size_of::<(u32, u32)>()
    }

    fn start(&self, key: u32) -> usize {
        (key.wrapping_mul(0x9e37_79b1) >> self.shift) as usize
    }
}
