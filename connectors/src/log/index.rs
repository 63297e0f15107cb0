//! Where in a segment an offset or a time is to be found, roughly: one entry for some tens of kilobytes.
//!
//! The active segment's index is in memory. A sealed segment has it in a file beside it, together with what a scan of the
//! segment would find (its last offset and its end); the file is only a shortcut and is made anew when it is missing or
//! damaged.

use std::io;
use std::path::{Path, PathBuf};

use super::disk::{self, Disk, File};
use super::frame::{u32_at, u64_at};
use super::segment::{Found, HEADER, Identity, Scan};

const MAGIC: &[u8; 8] = b"HYLOGIDX";
const HEAD: usize = 64;
const ENTRY: usize = 24;
/// Bytes between two entries.
pub(crate) const INTERVAL: u64 = 64 << 10;
const MAX_FILE: usize = 16 << 20;

/// One record's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) offset: u64,
    pub(crate) appended: i64,
    pub(crate) at: u64,
}

/// Places in one segment, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Index {
    entries: Vec<Entry>,
}

/// What is known of a segment without reading its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) base: u64,
    /// The offset that follows its last record.
    pub(crate) next: u64,
    /// Where its last record ends in the file.
    pub(crate) end: u64,
    /// When its last record was appended; the minimum when it has none.
    pub(crate) last: i64,
}

impl Summary {
    /// A segment without records.
    pub(crate) fn empty(base: u64) -> Self {
        Self { base, next: base, end: HEADER, last: i64::MIN }
    }
}

impl Index {
    /// Notes a record, if the last note is far enough behind.
    pub(crate) fn note(&mut self, entry: Entry) {
        if self.entries.last().is_none_or(|last| entry.at >= last.at + INTERVAL) {
            self.entries.push(entry);
        }
    }

    /// All of them.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Where to start to look for an offset.
    pub(crate) fn before_offset(&self, offset: u64) -> Option<Entry> {
        let after = self.entries.partition_point(|entry| entry.offset <= offset);
        self.entries.get(after.checked_sub(1)?).copied()
    }

    /// Where to start to look for the first record appended at `time` or later.
    pub(crate) fn before_time(&self, time: i64) -> Option<Entry> {
        let after = self.entries.partition_point(|entry| entry.appended < time);
        self.entries.get(after.checked_sub(1)?).copied()
    }

    /// Forgets what lies behind the end of the segment.
    pub(crate) fn cut(&mut self, end: u64) {
        self.entries.retain(|entry| entry.at < end);
    }
}

/// The path of the index of the segment that starts at `base`.
pub(crate) fn path(dir: &Path, base: u64) -> PathBuf {
    dir.join(format!("{base:020}.idx"))
}

/// Writes the index of a sealed segment. It is not synced: a torn one is made anew.
pub(crate) fn save(
    disk: &dyn Disk,
    dir: &Path,
    summary: &Summary,
    index: &Index,
) -> io::Result<()> {
    let mut content = vec![0; HEAD];
    content[0..8].copy_from_slice(MAGIC);
    content[12..16].copy_from_slice(&(index.entries.len() as u32).to_le_bytes());
    content[16..24].copy_from_slice(&summary.base.to_le_bytes());
    content[24..32].copy_from_slice(&summary.next.to_le_bytes());
    content[32..40].copy_from_slice(&summary.end.to_le_bytes());
    content[40..48].copy_from_slice(&summary.last.to_le_bytes());
    for entry in &index.entries {
        content.extend_from_slice(&entry.offset.to_le_bytes());
        content.extend_from_slice(&entry.appended.to_le_bytes());
        content.extend_from_slice(&entry.at.to_le_bytes());
    }
    let crc = crc32c::crc32c(&content[12..]);
    content[8..12].copy_from_slice(&crc.to_le_bytes());
    let path = path(dir, summary.base);
    disk::remove_if_present(disk, &path)?;
    disk.open(&path, disk::Mode::Create)?.write_at(&content, 0)
}

/// Reads the index of a sealed segment; `None` when it is missing, damaged or of another segment.
pub(crate) fn load(disk: &dyn Disk, dir: &Path, base: u64) -> Option<(Summary, Index)> {
    let content = disk::read_small(disk, &path(dir, base), MAX_FILE).ok()?;
    let entries = content.get(HEAD..)?;
    let valid = content.starts_with(MAGIC)
        && crc32c::crc32c(&content[12..]) == u32_at(&content, 8)
        && entries.len() == u32_at(&content, 12) as usize * ENTRY
        && u64_at(&content, 16) == base;
    if !valid {
        return None;
    }
    let summary = Summary {
        base,
        next: u64_at(&content, 24),
        end: u64_at(&content, 32),
        last: u64_at(&content, 40).cast_signed(),
    };
    let entry = |raw: &[u8]| Entry {
        offset: u64_at(raw, 0),
        appended: u64_at(raw, 8).cast_signed(),
        at: u64_at(raw, 16),
    };
    Some((summary, Index { entries: entries.chunks_exact(ENTRY).map(entry).collect() }))
}

/// What a scan of a whole segment found.
#[derive(Debug)]
pub(crate) struct Scanned {
    pub(crate) summary: Summary,
    pub(crate) index: Index,
    /// Damage between records: where, how many bytes, how many records.
    pub(crate) damage: Vec<Damage>,
    /// Bytes behind the last record that are none.
    pub(crate) tail: Option<(u64, u64)>,
}

/// Bytes that are no record although records follow them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) at: u64,
    pub(crate) len: u64,
    /// The offsets that are missing because of it.
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// Reads a segment from its start to `end`, taking only offsets before `limit`.
pub(crate) fn scan(
    file: &dyn File,
    identity: &Identity,
    end: u64,
    limit: u64,
) -> io::Result<Scanned> {
    let base = identity.base;
    let mut scanned = Scanned {
        summary: Summary::empty(base),
        index: Index::default(),
        damage: Vec::new(),
        tail: None,
    };
    let mut scan = Scan::new(file, identity.seed(), HEADER..end, base..limit);
    let mut damaged: Option<(u64, u64)> = None;
    while let Some(found) = scan.next()? {
        let (at, head) = match found {
            Found::Record { at, head } => (at, head),
            Found::Damage { at, len } => {
                damaged = Some((at, len));
                continue;
            }
            Found::Tail { at, len } => {
                scanned.tail = Some((at, len));
                continue;
            }
        };
        let summary = &mut scanned.summary;
        if let Some((at, len)) = damaged.take() {
            scanned.damage.push(Damage { at, len, from: summary.next, to: head.offset });
        }
        summary.next = head.offset + 1;
        summary.end = scan.position();
        summary.last = summary.last.max(head.appended);
        scanned.index.note(Entry { offset: head.offset, appended: head.appended, at });
    }
    Ok(scanned)
}
