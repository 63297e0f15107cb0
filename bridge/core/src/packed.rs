//! Pieces of bytes in a row, each behind its length: how a message holds its attributes and headers.
//!
//! They are in one block of memory, in the form in which the embedded log has them on disk. So a
//! message costs no allocation for each of them, and what nobody looks at is never taken apart.

use std::ops::Range;

use bytes::Bytes;

/// No length has more bits: five bytes of seven.
const MAX_BITS: u32 = 35;

/// Adds a length: 7 bits a byte, the lowest first, the last byte below 128.
pub(crate) fn put_len(out: &mut Vec<u8>, mut len: usize) {
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
}

/// Adds a piece behind its length.
pub(crate) fn put(out: &mut Vec<u8>, piece: &[u8]) {
    put_len(out, piece.len());
    out.extend_from_slice(piece);
}

/// Reads through a block. Everything ends, without a panic, where the block is not well formed.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    pub(crate) block: &'a Bytes,
    pub(crate) at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(block: &'a Bytes) -> Self {
        Self { block, at: 0 }
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        let byte = *self.block.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    pub(crate) fn len(&mut self) -> Option<usize> {
        let first = self.byte()?;
        let mut len = usize::from(first & 0x7f);
        let (mut last, mut shift) = (first, 7);
        while last >= 0x80 {
            if shift >= MAX_BITS {
                return None;
            }
            last = self.byte()?;
            len |= usize::from(last & 0x7f) << shift;
            shift += 7;
        }
        Some(len)
    }

    /// Where the next `len` bytes are.
    pub(crate) fn take(&mut self, len: usize) -> Option<Range<usize>> {
        let from = self.at;
        self.at = from.checked_add(len).filter(|end| *end <= self.block.len())?;
        Some(from..self.at)
    }

    /// Where the next piece is.
    pub(crate) fn piece(&mut self) -> Option<Range<usize>> {
        let len = self.len()?;
        self.take(len)
    }
}
