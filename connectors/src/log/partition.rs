//! The writing side of one partition. Only the log thread has it.
//!
//! Offsets are given out at the write and become final at the sync: after a failed sync the segment is closed at its last
//! durable byte, and the next one starts at the offset that follows the last durable record.

use std::io;
use std::sync::Arc;

use super::disk::{self, File, Mode};
use super::frame::Frames;
use super::index::{self, Entry, Index, Summary};
use super::segment;
use super::view::View;

/// What decides when a segment is full and when a write counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) segment_bytes: u64,
    /// Whether a record counts only once it is synced.
    pub(crate) sync_first: bool,
}

pub(crate) struct Partition {
    pub(crate) view: Arc<View>,
    rules: Rules,
    active: Option<Active>,
    /// The offset of the next record that is written.
    next: u64,
    /// The offset of the next record that will count: everything before is acknowledged.
    settled: u64,
    /// The offset after the last record that counts; behind `settled` where offsets were left out.
    follows: u64,
    last_appended: i64,
}

struct Active {
    file: Arc<dyn File>,
    seed: u32,
    /// What was written; `end` is where the next record goes.
    written: Summary,
    /// What of it is settled.
    settled: Summary,
    synced: u64,
    /// Places noted since the last publication.
    noted: Vec<Entry>,
    named: bool,
    /// A write failed: nothing more is written to it.
    spoilt: bool,
}

impl Partition {
    /// A partition whose next record has offset `next`, the last one before it being in front of `follows`; it writes on in
    /// `last`, where that is a whole segment.
    pub(crate) fn new(
        view: Arc<View>,
        rules: Rules,
        next: u64,
        follows: u64,
        last: Option<(Summary, Index)>,
    ) -> Self {
        let last_appended = view.segments().iter().map(|s| s.last).max().unwrap_or(i64::MIN);
        let mut partition =
            Self { view, rules, active: None, next, settled: next, follows, last_appended };
        if let Some((summary, index)) = last {
            partition.reopen(summary, index);
        }
        partition
    }

    fn reopen(&mut self, summary: Summary, index: Index) {
        let path = segment::path(&self.view.dir, summary.base);
        // Without it the next record starts a new segment, which is as good.
        let Ok(file) = self.view.disk.open(&path, Mode::Write) else { return };
        self.view.publish(&summary, &file, index.entries(), self.next);
        self.active = Some(Active {
            seed: self.view.identity(summary.base).seed(),
            file,
            written: summary,
            settled: summary,
            synced: summary.end,
            noted: Vec::new(),
            named: true,
            spoilt: false,
        });
    }

    pub(crate) fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// The offset that the next record will have.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Everything before this offset is acknowledged.
    pub(crate) fn settled(&self) -> u64 {
        self.settled
    }

    /// Whether something was written that is not synced.
    pub(crate) fn is_dirty(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.synced < active.written.end)
    }

    /// Gives the frames their offsets and writes them; returns the first offset. They count after [`settle`](Self::settle).
    pub(crate) fn write(&mut self, frames: &mut Frames, now: i64) -> io::Result<u64> {
        self.prepare(frames.bytes().len() as u64)?;
        let first = self.next;
        let appended = now.max(self.last_appended);
        let Some(active) = &mut self.active else { return Err(io::ErrorKind::NotFound.into()) };
        frames.stamp(first, appended, active.seed);
        let at = active.written.end;
        if let Err(error) = active.file.write_at(frames.bytes(), at) {
            // What it left would mix with what is written over it, if the power failed before the cut is durable.
            active.spoilt = true;
            if let Err(error) = active.file.truncate(at) {
                tracing::warn!(topic = %self.view.topic, %error, "failed write not cut off");
            }
            return Err(error);
        }
        for (number, start) in frames.starts().iter().enumerate() {
            active.note(Entry { offset: first + number as u64, appended, at: at + *start as u64 });
        }
        self.last_appended = appended;
        self.next = first + frames.count() as u64;
        active.written.next = self.next;
        active.written.end = at + frames.bytes().len() as u64;
        active.written.last = appended;
        Ok(first)
    }

    /// Makes what was written count: syncs it where the rules say so, and shows it to readers.
    ///
    /// # Errors
    /// What the sync reported; everything from [`settled`](Self::settled) on is then lost and was not acknowledged.
    pub(crate) fn settle(&mut self) -> io::Result<()> {
        if self.rules.sync_first {
            return self.sync();
        }
        self.publish();
        Ok(())
    }

    /// Syncs what was written.
    ///
    /// # Errors
    /// What the disk reported; the segment is then closed at the end of what counts.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        let Some(active) = &mut self.active else { return Ok(()) };
        if active.synced == active.written.end {
            return Ok(());
        }
        let end = active.written.end;
        let mut result = active.file.sync_data();
        if result.is_ok() && !active.named {
            result = self.view.disk.sync_dir(&self.view.dir);
        }
        if let Err(error) = result {
            self.close_after_failed_sync(&error);
            return Err(error);
        }
        active.synced = end;
        active.named = true;
        self.publish();
        Ok(())
    }

    fn publish(&mut self) {
        let Some(active) = &mut self.active else { return };
        if active.settled == active.written {
            return;
        }
        active.settled = active.written;
        self.settled = self.next;
        self.follows = self.next;
        self.view.publish(&active.settled, &active.file, &active.noted, self.settled);
        active.noted.clear();
    }

    /// The kernel may have thrown the written pages away, so what was not synced is lost, whatever a later sync says.
    fn close_after_failed_sync(&mut self, error: &io::Error) {
        metrics::counter!("hybridge_log_sync_failures_total").increment(1);
        tracing::error!(
            topic = %self.view.topic, partition = self.view.number, %error,
            "sync failed: the segment is closed and a new one started"
        );
        let Some(active) = self.active.take() else { return };
        self.next = self.settled;
        let settled = active.settled;
        if settled.next == settled.base {
            self.view.discard(settled.base);
            if let Err(error) = self.view.delete(settled.base) {
                self.view.suspect(settled.base);
                tracing::warn!(topic = %self.view.topic, %error, "empty segment not removed");
            }
            return;
        }
        if let Err(error) = active.file.truncate(settled.end) {
            self.view.suspect(settled.base);
            tracing::warn!(topic = %self.view.topic, %error, "unacknowledged records not cut off");
        }
        self.verify(&*active.file, &settled);
        self.save_index(settled.base);
    }

    /// Reads what should be durable once more.
    fn verify(&self, file: &dyn File, settled: &Summary) {
        let identity = self.view.identity(settled.base);
        match index::scan(file, &identity, settled.end, settled.next) {
            Ok(scanned) => {
                for damage in &scanned.damage {
                    self.view.quarantine(file, settled.base, *damage);
                }
            }
            Err(error) => {
                tracing::error!(topic = %self.view.topic, %error, "closed segment cannot be read");
            }
        }
    }

    /// Sees to it that there is an active segment with room for `len` bytes.
    fn prepare(&mut self, len: u64) -> io::Result<()> {
        if let Some(active) = &self.active {
            let full = active.written.end + len > self.rules.segment_bytes
                && active.written.next > active.written.base;
            if !full && !active.spoilt {
                return Ok(());
            }
            self.roll()?;
        }
        self.start()
    }

    /// Seals the active segment, if it has records.
    ///
    /// # Errors
    /// What the sync reported; the segment is closed all the same.
    pub(crate) fn roll(&mut self) -> io::Result<()> {
        self.sync()?;
        let Some(active) = self.active.take() else { return Ok(()) };
        let Summary { base, next, .. } = active.written;
        if next == base {
            self.view.discard(base);
        } else {
            self.save_index(base);
        }
        Ok(())
    }

    fn save_index(&self, base: u64) {
        let Some((summary, mut index)) = self.view.seal(base) else { return };
        index.cut(summary.end);
        let saved = index::save(&*self.view.disk, &self.view.dir, &summary, &index);
        if let Err(error) = saved {
            tracing::debug!(topic = %self.view.topic, %error, "index not saved");
        }
    }

    fn start(&mut self) -> io::Result<()> {
        let base = self.next;
        let file = self.create(base)?;
        let identity = self.view.identity(base);
        let mut result = file.write_at(&identity.header(self.follows), 0);
        if result.is_ok() && self.rules.sync_first {
            // A record that a power cut left without its header would look as if those in front of it had been lost.
            result = file.sync_data();
        }
        if let Err(error) = result {
            let _ = self.view.delete(base);
            return Err(error);
        }
        let empty = Summary::empty(base);
        self.active = Some(Active {
            file,
            seed: identity.seed(),
            written: empty,
            settled: empty,
            synced: 0,
            noted: Vec::new(),
            named: false,
            spoilt: false,
        });
        Ok(())
    }

    /// A file of this name can only hold records that were never acknowledged.
    fn create(&self, base: u64) -> io::Result<Arc<dyn File>> {
        let path = segment::path(&self.view.dir, base);
        match self.view.disk.open(&path, Mode::Create) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                disk::remove_if_present(&*self.view.disk, &path)?;
                self.view.disk.open(&path, Mode::Create)
            }
            other => other,
        }
    }

    /// Starts the next segment at `next` at once and makes it durable, so that offsets before it are never used again.
    pub(crate) fn skip_to(&mut self, next: u64) -> io::Result<()> {
        if next <= self.next || self.view.read_only {
            return Ok(());
        }
        self.roll()?;
        self.next = next;
        self.settled = next;
        self.view.skip_to(next);
        self.start()?;
        self.sync()
    }

    /// Does [`skip_to`](Self::skip_to) and says whether it is durable; if not, it is still so in memory.
    pub(crate) fn skip_to_or_warn(&mut self, next: u64) -> bool {
        let Err(error) = self.skip_to(next) else { return true };
        tracing::warn!(topic = %self.view.topic, %error, next, "first segment after a gap not started");
        false
    }

    /// Removes the sealed segments whose records are all before `offset`.
    pub(crate) fn remove_before(&mut self, offset: u64) -> io::Result<()> {
        for segment in self.view.segments() {
            if segment.next > offset {
                return Ok(());
            }
            self.view.remove_oldest();
            self.view.delete(segment.base)?;
        }
        Ok(())
    }

    /// Removes sealed segments: all that ended before `oldest` or the offset `read`, then the oldest until at most `bytes`
    /// are left.
    pub(crate) fn retain(
        &mut self,
        oldest: Option<i64>,
        bytes: Option<u64>,
        read: u64,
    ) -> io::Result<u64> {
        if let Some(oldest) = oldest
            && let Some(active) = &self.active
            && active.written.next > active.written.base
            && active.written.last < oldest
        {
            self.roll()?;
            self.start()?;
            self.sync()?;
        }
        let segments = self.view.segments();
        // The last durable name must stay: it keeps the offsets.
        let anchor = match self.active.as_ref().filter(|active| active.named) {
            Some(active) => Some(active.written.base),
            None => segments.last().map(|last| last.base),
        };
        let mut total: u64 = segments.iter().map(|segment| segment.end).sum();
        let mut removed = 0;
        for segment in segments {
            let expired = oldest.is_some_and(|oldest| segment.last < oldest);
            let surplus = bytes.is_some_and(|bytes| total > bytes);
            if !(expired || surplus || segment.next <= read) || anchor == Some(segment.base) {
                break;
            }
            self.view.remove_oldest();
            self.view.delete(segment.base)?;
            total -= segment.end;
            removed += 1;
        }
        Ok(removed)
    }
}

impl Active {
    fn note(&mut self, entry: Entry) {
        if self.noted.last().is_none_or(|last| entry.at >= last.at + index::INTERVAL) {
            self.noted.push(entry);
        }
    }
}
