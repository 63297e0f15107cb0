//! Reading a partition: large pieces of a segment, checked and cut into records.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use hybridge_core::Message;

use super::disk::File;
use super::frame::{self, Fault, Head};
use super::index::{Damage, Summary};
use super::segment::{Found, Scan};
use super::view::{Place, View};

/// Offsets that hold no record although they once may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The first offset that is missing.
    pub from: u64,
    /// The offset of the next record that may be there.
    pub to: u64,
    /// Why they are missing.
    pub cause: Cause,
}

/// Why records are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Retention removed them.
    Removed,
    /// Their bytes are damaged; they are kept aside.
    Damaged,
}

/// Where a reader is.
#[derive(Clone)]
pub(crate) struct Cursor {
    /// The offset of the next record to read.
    pub(crate) offset: u64,
    spot: Option<Spot>,
}

#[derive(Clone)]
struct Spot {
    base: u64,
    file: Arc<dyn File>,
    at: u64,
}

impl Cursor {
    pub(crate) fn at(offset: u64) -> Self {
        Self { offset, spot: None }
    }

    /// Bytes that are left of the segment that it is in; `None` when it will go on in another one.
    pub(crate) fn available(&self, view: &View) -> Option<u64> {
        let spot = self.spot.as_ref()?;
        match view.locate(self.offset) {
            Place::Segment(segment, _) if segment.base == spot.base => {
                segment.end.checked_sub(spot.at).filter(|left| *left > 0)
            }
            _ => None,
        }
    }
}

/// What one step of reading gave.
pub(crate) enum Step {
    Records(Chunk),
    Gap(Gap),
    /// The next record alone needs this many bytes.
    TooSmall(usize),
    /// There is nothing to read yet.
    End,
    /// The bytes are not in memory: the step must be made where it may block.
    Cold,
}

/// Records that were read in one piece and share its memory.
#[derive(Debug)]
pub struct Chunk {
    bytes: Vec<u8>,
    heads: Vec<(usize, Head)>,
}

/// One record.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its position in the partition.
    pub offset: u64,
    /// When it was appended, in milliseconds since 1970-01-01T00:00:00Z.
    pub appended: i64,
    /// What was appended; the origin is not set.
    pub message: Message,
}

struct Guarded<G> {
    bytes: Vec<u8>,
    _guard: G,
}

impl<G> AsRef<[u8]> for Guarded<G> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Chunk {
    /// How many records it holds; never none.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether it holds no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Bytes of memory that the chunk holds until its last record is dropped.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The records in order. Their keys, values and payloads are slices of the chunk, which lives, with `guard`, until
    /// the last of them is dropped.
    pub fn into_records<G: Send + 'static>(self, guard: G) -> impl Iterator<Item = Record> {
        let shared = Bytes::from_owner(Guarded { bytes: self.bytes, _guard: guard });
        self.heads.into_iter().map(move |(at, head)| Record {
            offset: head.offset,
            appended: head.appended,
            message: head.message(&shared.slice(at..at + head.total as usize)),
        })
    }
}

/// Reads on from `cursor`, at most `max` bytes, and moves it behind what was read. With `cached` it never waits for the
/// disk and says [`Step::Cold`] instead.
pub(crate) fn step(view: &View, cursor: &mut Cursor, max: usize, cached: bool) -> io::Result<Step> {
    loop {
        let (segment, open) = match view.locate(cursor.offset) {
            Place::End => return Ok(Step::End),
            Place::Segment(segment, open) => (segment, open),
            Place::Hole { next, removed } => {
                let gap = Gap { from: cursor.offset, to: next, cause: Cause::Removed };
                *cursor = Cursor::at(next);
                if removed {
                    return Ok(Step::Gap(gap));
                }
                continue;
            }
        };
        if cursor.spot.as_ref().is_none_or(|spot| spot.base != segment.base) {
            if cached {
                return Ok(Step::Cold);
            }
            let Some(spot) = enter(view, &segment, open, cursor.offset)? else { continue };
            cursor.spot = Some(spot);
        }
        return read(view, cursor, &segment, max, cached);
    }
}

/// Finds the cursor's place in a segment; `None` when the segment was removed meanwhile.
fn enter(
    view: &View,
    segment: &Summary,
    open: Option<Arc<dyn File>>,
    offset: u64,
) -> io::Result<Option<Spot>> {
    let file = match open.map_or_else(|| view.open(segment.base), Ok) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !view.holds(segment.base) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let at = view.position_of(&*file, segment, offset)?;
    Ok(Some(Spot { base: segment.base, file, at }))
}

fn read(
    view: &View,
    cursor: &mut Cursor,
    segment: &Summary,
    max: usize,
    cached: bool,
) -> io::Result<Step> {
    let Some(spot) = &mut cursor.spot else { return Ok(Step::Cold) };
    let left = usize::try_from(segment.end.saturating_sub(spot.at)).unwrap_or(usize::MAX);
    let mut bytes = vec![0; left.min(max)];
    let filled = if cached {
        let Some(filled) = spot.file.read_cached_at(&mut bytes, spot.at)? else {
            return Ok(Step::Cold);
        };
        filled
    } else {
        spot.file.read_at(&mut bytes, spot.at)?
    };
    let whole = filled == bytes.len();
    bytes.truncate(filled);

    let seed = view.identity(segment.base).seed();
    let mut heads = Vec::new();
    let mut at = 0;
    let mut expected = cursor.offset;
    let fault = loop {
        match frame::parse(bytes.get(at..).unwrap_or_default(), seed) {
            Ok(head) if head.offset == expected => {
                heads.push((at, head));
                at += head.total as usize;
                expected += 1;
            }
            Ok(_) => break Fault::Damaged,
            Err(fault) => break fault,
        }
    };
    if !heads.is_empty() {
        spot.at += at as u64;
        cursor.offset = expected;
        bytes.truncate(at);
        return Ok(Step::Records(Chunk { bytes, heads }));
    }
    match fault {
        Fault::Incomplete(needed) if whole && needed <= left && needed > max => {
            Ok(Step::TooSmall(needed))
        }
        _ if cached => Ok(Step::Cold),
        _ => skip(view, cursor, segment),
    }
}

/// Moves behind bytes that are no record.
fn skip(view: &View, cursor: &mut Cursor, segment: &Summary) -> io::Result<Step> {
    let Some(spot) = &mut cursor.spot else { return Ok(Step::Cold) };
    let from = cursor.offset;
    let seed = view.identity(segment.base).seed();
    let mut scan = Scan::new(&*spot.file, seed, spot.at..segment.end, from..segment.next);
    let (start, mut len) = (spot.at, segment.end.saturating_sub(spot.at));
    let mut to = segment.next;
    while let Some(found) = scan.next()? {
        match found {
            Found::Record { at, head } => {
                len = at - start;
                to = head.offset;
                break;
            }
            Found::Damage { .. } | Found::Tail { .. } => {}
        }
    }
    if to == segment.next {
        cursor.spot = None;
    } else {
        spot.at = start + len;
    }
    cursor.offset = to;
    if to == from {
        // It was whole after all; the next step reads it.
        return Ok(Step::TooSmall(frame::HEAD));
    }
    // Without bytes it was counted when the place was looked for.
    if len > 0 {
        let file = view.open(segment.base)?;
        view.quarantine(&*file, segment.base, Damage { at: start, len, from, to });
    }
    Ok(Step::Gap(Gap { from, to, cause: Cause::Damaged }))
}
