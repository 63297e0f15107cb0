//! One file of a partition: a header, then records in the order of their offsets.
//!
//! The file's name is the offset of its first record, so its records stay readable when the header is damaged. A record
//! belongs to the segment only while its offset lies before the next segment's first: what a failed write or sync may
//! have left behind the acknowledged end is thereby never read.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::disk::File;
use super::frame::{self, Fault, HEAD, Head, MAX_FRAME, u32_at, u64_at};

/// Bytes before the first record.
pub(crate) const HEADER: u64 = 64;
/// The version of the format that this code writes; it reads no later one.
pub(crate) const VERSION: u32 = 1;

const MAGIC: &[u8; 8] = b"HYLOGSEG";
const SCAN_BUFFER: usize = 256 << 10;

/// What a segment belongs to; decides the seed of its checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) incarnation: Uuid,
    pub(crate) partition: u32,
    pub(crate) base: u64,
}

impl Identity {
    /// The seed of every checksum in the segment.
    pub(crate) fn seed(&self) -> u32 {
        let crc = crc32c::crc32c(self.incarnation.as_bytes());
        let crc = crc32c::crc32c_append(crc, &self.partition.to_le_bytes());
        crc32c::crc32c_append(crc, &self.base.to_le_bytes())
    }

    /// The header of the file. `follows` is the offset after the last record before this segment: offsets between it and
    /// the base were never acknowledged, so they are not missed.
    pub(crate) fn header(&self, follows: u64) -> [u8; HEADER as usize] {
        let mut header = [0; HEADER as usize];
        header[0..8].copy_from_slice(MAGIC);
        header[8..12].copy_from_slice(&VERSION.to_le_bytes());
        header[12..16].copy_from_slice(&self.partition.to_le_bytes());
        header[16..32].copy_from_slice(self.incarnation.as_bytes());
        header[32..40].copy_from_slice(&self.base.to_le_bytes());
        header[40..48].copy_from_slice(&follows.to_le_bytes());
        let crc = crc32c::crc32c(&header[..60]);
        header[60..64].copy_from_slice(&crc.to_le_bytes());
        header
    }
}

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) version: u32,
    pub(crate) identity: Identity,
    pub(crate) follows: u64,
}

/// The header of a file, where its checksum is right.
pub(crate) fn read_header(file: &dyn File) -> io::Result<Option<Header>> {
    let mut header = [0; HEADER as usize];
    let len = file.read_at(&mut header, 0)?;
    if len < header.len() || crc32c::crc32c(&header[..60]) != u32_at(&header, 60) {
        return Ok(None);
    }
    if !header.starts_with(MAGIC) {
        return Ok(None);
    }
    let mut incarnation = [0; 16];
    incarnation.copy_from_slice(&header[16..32]);
    let identity = Identity {
        incarnation: Uuid::from_bytes(incarnation),
        partition: u32_at(&header, 12),
        base: u64_at(&header, 32),
    };
    Ok(Some(Header { version: u32_at(&header, 8), identity, follows: u64_at(&header, 40) }))
}

/// The path of the segment that starts at `base`.
pub(crate) fn path(dir: &Path, base: u64) -> PathBuf {
    dir.join(format!("{base:020}.seg"))
}

/// The base offset that a file name stands for.
pub(crate) fn base_of(name: &str) -> Option<u64> {
    name.strip_suffix(".seg").filter(|digits| digits.len() == 20)?.parse().ok()
}

/// What a scan came upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// A valid record at this position of the file.
    Record { at: u64, head: Head },
    /// Bytes that are no record, up to the next one.
    Damage { at: u64, len: u64 },
    /// Bytes that are no record, with no record behind them.
    Tail { at: u64, len: u64 },
}

/// Walks over the records of a segment.
pub(crate) struct Scan<'a> {
    file: &'a dyn File,
    seed: u32,
    /// Where the next record is expected, and where the file is taken to end.
    at: u64,
    end: u64,
    /// Offsets that may still come.
    offsets: Range<u64>,
    window: Window,
}

/// The part of the file that is in memory.
struct Window {
    start: u64,
    bytes: Vec<u8>,
}

impl<'a> Scan<'a> {
    /// Reads from `bytes.start` (a record boundary) to `bytes.end`, expecting `offsets.start` first and nothing from
    /// `offsets.end` on.
    pub(crate) fn new(
        file: &'a dyn File,
        seed: u32,
        bytes: Range<u64>,
        offsets: Range<u64>,
    ) -> Self {
        let window = Window { start: bytes.start, bytes: Vec::new() };
        Self { file, seed, at: bytes.start, end: bytes.end, offsets, window }
    }

    /// Where the last thing that was found ends.
    pub(crate) fn position(&self) -> u64 {
        self.at
    }

    /// The next thing in the file; `None` at its end, or where the next segment's offsets begin.
    pub(crate) fn next(&mut self) -> io::Result<Option<Found>> {
        if self.at >= self.end {
            return Ok(None);
        }
        match self.valid_at(self.at)? {
            Some(head) if head.offset >= self.offsets.end => Ok(None),
            Some(head) => Ok(Some(self.take(head))),
            None => self.resynchronise().map(Some),
        }
    }

    fn take(&mut self, head: Head) -> Found {
        let found = Found::Record { at: self.at, head };
        self.at += u64::from(head.total);
        self.offsets.start = head.offset + 1;
        found
    }

    fn resynchronise(&mut self) -> io::Result<Found> {
        let from = self.at;
        let mut at = from + 1;
        while at + HEAD as u64 <= self.end {
            if let Some(head) = self.valid_at(at)? {
                let lost_at_most = (at - from) / HEAD as u64 + 1;
                let plausible =
                    self.offsets.start..=self.offsets.start.saturating_add(lost_at_most);
                if plausible.contains(&head.offset) && head.offset < self.offsets.end {
                    self.offsets.start = head.offset;
                    self.at = at;
                    return Ok(Found::Damage { at: from, len: at - from });
                }
            }
            at += 1;
        }
        self.at = self.end;
        Ok(Found::Tail { at: from, len: self.end - from })
    }

    /// The valid record at a position, if there is one.
    fn valid_at(&mut self, at: u64) -> io::Result<Option<Head>> {
        let left = self.end - at;
        let mut want = HEAD;
        loop {
            if want as u64 > left {
                return Ok(None);
            }
            let (seed, first) = (self.seed, self.offsets.start);
            let bytes = self.window.load(self.file, at, want, self.end)?;
            // An offset that cannot come is cheaper to see than a wrong checksum.
            let hopeless = match frame::parse_unverified(bytes) {
                Ok(head) => head.offset < first || head.total as usize > MAX_FRAME,
                Err(_) => true,
            };
            if hopeless {
                return Ok(None);
            }
            match frame::parse(bytes, seed) {
                Ok(head) => return Ok(Some(head)),
                Err(Fault::Incomplete(needed)) if needed > want => want = needed,
                Err(_) => return Ok(None),
            }
        }
    }
}

impl Window {
    /// The bytes from `at` on, at least `want` of them where the file has them.
    fn load(&mut self, file: &dyn File, at: u64, want: usize, end: u64) -> io::Result<&[u8]> {
        let have = self.start + self.bytes.len() as u64;
        if at < self.start || at + want as u64 > have {
            let len = (want.max(SCAN_BUFFER) as u64).min(end - at);
            self.bytes.resize(usize::try_from(len).map_err(io::Error::other)?, 0);
            let filled = file.read_at(&mut self.bytes, at)?;
            self.bytes.truncate(filled);
            self.start = at;
        }
        let from = usize::try_from(at - self.start).map_err(io::Error::other)?;
        Ok(self.bytes.get(from..).unwrap_or_default())
    }
}
