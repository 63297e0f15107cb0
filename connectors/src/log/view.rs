//! What readers see of a partition: its durable records, and nothing else.
//!
//! The log thread publishes; readers look up where an offset is and read the files on their own.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use uuid::Uuid;

use super::disk::{self, Disk, File, Mode};
use super::index::{self, Damage, Index, Summary};
use super::segment::{self, Found, HEADER, Identity, Scan};

mod quarantine;

/// One partition as its readers see it.
pub(crate) struct View {
    pub(crate) topic: Arc<str>,
    pub(crate) incarnation: Uuid,
    pub(crate) number: u32,
    pub(crate) dir: PathBuf,
    pub(crate) disk: Arc<dyn Disk>,
    /// Whether nothing may be changed on disk.
    pub(crate) read_only: bool,
    shape: Mutex<Shape>,
    next: watch::Sender<u64>,
    damage: Mutex<BTreeMap<(u64, u64), Damage>>,
}

#[derive(Default)]
struct Shape {
    segments: VecDeque<Summary>,
    /// The file and index of the last segment, while it is written to.
    active: Option<(Arc<dyn File>, Index)>,
    next: u64,
    /// Records before this offset were removed.
    removed: u64,
}

/// Where an offset is.
pub(crate) enum Place {
    /// In this segment; the file is given when it is open anyway.
    Segment(Summary, Option<Arc<dyn File>>),
    /// Nowhere: the next record, or the place where it will be, is at this offset. `removed` when there were records.
    Hole { next: u64, removed: bool },
    /// Not yet there.
    End,
}

/// Sizes and ends of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) segments: usize,
    pub(crate) bytes: u64,
    pub(crate) earliest: u64,
    pub(crate) next: u64,
}

impl View {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        topic: Arc<str>,
        incarnation: Uuid,
        number: u32,
        dir: PathBuf,
        read_only: bool,
    ) -> Self {
        let shape = Mutex::new(Shape::default());
        let (next, _) = watch::channel(0);
        let damage = Mutex::default();
        Self { topic, incarnation, number, dir, disk, read_only, shape, next, damage }
    }

    pub(crate) fn identity(&self, base: u64) -> Identity {
        Identity { incarnation: self.incarnation, partition: self.number, base }
    }

    /// Replaces everything that readers see (recovery, compaction).
    pub(crate) fn reset(&self, segments: VecDeque<Summary>, next: u64, removed: u64) {
        *lock(&self.shape) = Shape { segments, active: None, next, removed };
        self.next.send_replace(next);
    }

    /// Makes the records of the active segment visible up to its new end.
    pub(crate) fn publish(
        &self,
        active: &Summary,
        file: &Arc<dyn File>,
        noted: &[index::Entry],
        next: u64,
    ) {
        let mut shape = lock(&self.shape);
        match shape.segments.back_mut() {
            Some(last) if last.base == active.base => *last = *active,
            _ => shape.segments.push_back(*active),
        }
        let (_, index) = shape.active.get_or_insert_with(|| (file.clone(), Index::default()));
        noted.iter().for_each(|entry| index.note(*entry));
        shape.next = next;
        drop(shape);
        self.next.send_replace(next);
    }

    /// The active segment changes no more. Returns its index.
    pub(crate) fn seal(&self, base: u64) -> Option<(Summary, Index)> {
        let mut shape = lock(&self.shape);
        let (_, index) = shape.active.take()?;
        shape.segments.back().filter(|last| last.base == base).map(|last| (*last, index))
    }

    /// The active segment has no records and is given up.
    pub(crate) fn discard(&self, base: u64) {
        let mut shape = lock(&self.shape);
        if shape.segments.back().is_some_and(|last| last.base == base) {
            shape.segments.pop_back();
            shape.active = None;
        }
    }

    /// Offsets before `next` are not used for new records.
    pub(crate) fn skip_to(&self, next: u64) {
        lock(&self.shape).next = next;
        self.next.send_replace(next);
    }

    /// Takes the oldest segment out of sight.
    pub(crate) fn remove_oldest(&self) -> Option<Summary> {
        let mut shape = lock(&self.shape);
        let oldest = shape.segments.pop_front()?;
        if oldest.next > oldest.base {
            shape.removed = oldest.next;
        }
        Some(oldest)
    }

    /// The segments, oldest first.
    pub(crate) fn segments(&self) -> Vec<Summary> {
        lock(&self.shape).segments.iter().copied().collect()
    }

    pub(crate) fn extent(&self) -> Extent {
        let shape = lock(&self.shape);
        Extent {
            segments: shape.segments.len(),
            bytes: shape.segments.iter().map(|segment| segment.end).sum(),
            earliest: shape.segments.front().map_or(shape.next, |first| first.base),
            next: shape.next,
        }
    }

    /// Records at `offset` and later that are not removed; offsets that were never used do not count.
    pub(crate) fn records_from(&self, offset: u64) -> u64 {
        let shape = lock(&self.shape);
        shape
            .segments
            .iter()
            .map(|segment| segment.next.saturating_sub(offset.max(segment.base)))
            .sum()
    }

    /// The offset that the next durable record will have.
    pub(crate) fn next(&self) -> u64 {
        *self.next.borrow()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.next.subscribe()
    }

    /// Where `offset` is.
    pub(crate) fn locate(&self, offset: u64) -> Place {
        let shape = lock(&self.shape);
        if offset >= shape.next {
            return Place::End;
        }
        let after = shape.segments.partition_point(|segment| segment.base <= offset);
        let holder = after.checked_sub(1).and_then(|index| shape.segments.get(index));
        match holder {
            Some(segment) if offset < segment.next => {
                let is_last = after == shape.segments.len();
                let open = shape.active.as_ref().filter(|_| is_last).map(|(file, _)| file.clone());
                Place::Segment(*segment, open)
            }
            _ if offset < shape.removed => Place::Hole { next: shape.removed, removed: true },
            _ => Place::Hole {
                next: shape.segments.get(after).map_or(shape.next, |segment| segment.base),
                removed: false,
            },
        }
    }

    /// Whether the segment that starts at `base` is there.
    pub(crate) fn holds(&self, base: u64) -> bool {
        lock(&self.shape).segments.iter().any(|segment| segment.base == base)
    }

    /// Opens a segment's file for reading.
    pub(crate) fn open(&self, base: u64) -> io::Result<Arc<dyn File>> {
        self.disk.open(&segment::path(&self.dir, base), Mode::Read)
    }

    /// The position in the file of the first record of a segment with this offset or a later one.
    pub(crate) fn position_of(
        &self,
        file: &dyn File,
        segment: &Summary,
        offset: u64,
    ) -> io::Result<u64> {
        if offset <= segment.base {
            return Ok(HEADER);
        }
        let start = self.with_index(segment, |index| index.before_offset(offset))?;
        let (at, from) = start.map_or((HEADER, segment.base), |entry| (entry.at, entry.offset));
        self.walk(file, segment, at, from, |head_offset, _| head_offset >= offset)
    }

    /// The offset of the first record that was appended at `time` or later; the next offset if there is none.
    pub(crate) fn offset_at_time(&self, time: i64) -> io::Result<u64> {
        let Some(segment) = self.segments().into_iter().find(|segment| segment.last >= time) else {
            return Ok(self.next());
        };
        let file = self.open(segment.base)?;
        let start = self.with_index(&segment, |index| index.before_time(time))?;
        let (at, from) = start.map_or((HEADER, segment.base), |entry| (entry.at, entry.offset));
        let mut found = segment.next;
        self.walk(&*file, &segment, at, from, |offset, appended| {
            found = offset;
            appended >= time
        })?;
        Ok(found)
    }

    fn walk(
        &self,
        file: &dyn File,
        segment: &Summary,
        at: u64,
        from: u64,
        mut reached: impl FnMut(u64, i64) -> bool,
    ) -> io::Result<u64> {
        let seed = self.identity(segment.base).seed();
        let mut scan = Scan::new(file, seed, at..segment.end, from..segment.next);
        let mut expected = from;
        let mut damage = None;
        while let Some(found) = scan.next()? {
            let (at, head) = match found {
                Found::Record { at, head } => (at, head),
                Found::Damage { at, len } | Found::Tail { at, len } => {
                    damage = Some((at, len));
                    continue;
                }
            };
            if let Some((at, len)) = damage.take() {
                let lost = Damage { at, len, from: expected, to: head.offset };
                self.quarantine(file, segment.base, lost);
            }
            if reached(head.offset, head.appended) {
                return Ok(at);
            }
            expected = head.offset + 1;
        }
        Ok(segment.end)
    }

    fn with_index<T>(&self, segment: &Summary, look: impl FnOnce(&Index) -> T) -> io::Result<T> {
        let shape = lock(&self.shape);
        let is_last = shape.segments.back().is_some_and(|last| last.base == segment.base);
        if let Some((_, index)) = shape.active.as_ref().filter(|_| is_last) {
            return Ok(look(index));
        }
        drop(shape);
        if let Some((_, index)) = index::load(&*self.disk, &self.dir, segment.base) {
            return Ok(look(&index));
        }
        let file = self.open(segment.base)?;
        let scanned = index::scan(&*file, &self.identity(segment.base), segment.end, segment.next)?;
        Ok(look(&scanned.index))
    }

    /// Notes that a segment shows records that may not be durable although nothing is left to sync. The note matters only
    /// as long as the page cache that it warns of, so it need not be durable either.
    pub(crate) fn suspect(&self, base: u64) {
        match self.disk.open(&self.suspicion(base), Mode::Create) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                tracing::error!(topic = %self.topic, segment = base, %error, "segment not marked as suspect");
            }
        }
    }

    /// Whether [`suspect`](Self::suspect) was called for the segment.
    pub(crate) fn is_suspect(&self, base: u64) -> bool {
        self.disk.open(&self.suspicion(base), Mode::Read).is_ok()
    }

    /// Writes a suspect segment anew, so that a sync says something about it again.
    pub(crate) fn renew(&self, base: u64) -> io::Result<()> {
        let path = segment::path(&self.dir, base);
        let fresh = path.with_extension("tmp");
        disk::remove_if_present(&*self.disk, &fresh)?;
        let old = self.open(base)?;
        let new = self.disk.open(&fresh, Mode::Create)?;
        let mut buffer = vec![0; 256 << 10];
        let mut at = 0;
        loop {
            let filled = old.read_at(&mut buffer, at)?;
            if filled == 0 {
                break;
            }
            new.write_at(buffer.get(..filled).unwrap_or_default(), at)?;
            at += filled as u64;
        }
        new.sync_data()?;
        self.disk.rename(&fresh, &path)?;
        self.disk.sync_dir(&self.dir)?;
        self.disk.remove(&self.suspicion(base))
    }

    fn suspicion(&self, base: u64) -> PathBuf {
        self.dir.join(format!("{base:020}.suspect"))
    }

    /// Removes the files of a segment.
    pub(crate) fn delete(&self, base: u64) -> io::Result<()> {
        disk::remove_if_present(&*self.disk, &self.suspicion(base))?;
        disk::remove_if_present(&*self.disk, &index::path(&self.dir, base))?;
        disk::remove_if_present(&*self.disk, &segment::path(&self.dir, base))
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
