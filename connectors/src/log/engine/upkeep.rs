//! What nobody asks for: retention, compaction of the cursors, and the reserve.

use std::io;
use std::time::Duration;

use super::{Engine, RESERVE, write_error};
use crate::log::disk::{self, Mode};
use crate::log::error::WriteError;
use crate::log::frame::Frames;
use crate::log::view::lock;

/// Cursors are rewritten when their topic has grown to this, and to four times what they need.
const CURSOR_BYTES: u64 = 1 << 20;

impl Engine {
    /// Applies retention, rewrites cursors that have grown, and refills the reserve.
    pub(crate) fn tidy(&mut self, now: i64) {
        for (number, partition) in self.partitions.iter_mut().enumerate() {
            if number == self.cursors {
                continue;
            }
            let retention = self.options.of(&partition.view.topic).retention;
            let oldest = retention.age.map(|age| now.saturating_sub(millis(age)));
            let read = match retention.until_read {
                true => {
                    let view = &partition.view;
                    let groups =
                        lock(&self.registry.cursors).of(&view.topic, view.number, view.incarnation);
                    groups.into_iter().map(|(_, cursor)| cursor).min().unwrap_or(0)
                }
                false => 0,
            };
            match partition.retain(oldest, retention.bytes, read) {
                Ok(0) => {}
                Ok(removed) => tracing::debug!(
                    topic = %partition.view.topic, partition = partition.view.number, removed,
                    "retention removed segments"
                ),
                Err(error) => {
                    tracing::warn!(topic = %partition.view.topic, %error, "retention failed");
                }
            }
        }
        if let Err(error) = self.compact_cursors(now) {
            tracing::warn!(%error, "cursors not compacted");
        }
        if !self.reserved {
            self.make_reserve();
        }
    }

    /// Writes all cursors anew into a segment of their own and then removes the segments before it. A crash in between
    /// leaves both, which say the same.
    fn compact_cursors(&mut self, now: i64) -> Result<(), WriteError> {
        let Some(partition) = self.partitions.get_mut(self.cursors) else { return Ok(()) };
        let extent = partition.view.extent();
        let mut frames = Frames::default();
        lock(&self.registry.cursors).records().for_each(|record| frames.push(&record));
        let live = frames.bytes().len() as u64;
        if extent.bytes < CURSOR_BYTES.max(4 * live) {
            return Ok(());
        }
        partition.roll().map_err(write_error)?;
        let first = partition.next();
        if !frames.is_empty() {
            partition.write(&mut frames, now).map_err(write_error)?;
            partition.sync().map_err(write_error)?;
            partition.remove_before(first).map_err(write_error)?;
        }
        Ok(())
    }

    pub(super) fn has_reserve(&self) -> bool {
        let file = self.disk.open(&self.root.join(RESERVE), Mode::Read);
        file.and_then(|file| file.size()).is_ok_and(|len| len == self.options.reserve_bytes)
    }

    /// Takes the reserve from the free space of the disk; topics are written to only while it is there.
    pub(super) fn make_reserve(&mut self) -> bool {
        self.reserved = match self.fill_reserve() {
            Ok(()) => true,
            Err(error) => {
                tracing::debug!(%error, "no room for the reserve");
                let _ = disk::remove_if_present(&*self.disk, &self.root.join(RESERVE));
                false
            }
        };
        self.reserved
    }

    fn fill_reserve(&self) -> io::Result<()> {
        let path = self.root.join(RESERVE);
        disk::remove_if_present(&*self.disk, &path)?;
        let file = self.disk.open(&path, Mode::Create)?;
        let block = vec![0_u8; 64 << 10];
        let mut at = 0;
        while at < self.options.reserve_bytes {
            let len = (self.options.reserve_bytes - at).min(block.len() as u64);
            file.write_at(block.get(..len as usize).unwrap_or_default(), at)?;
            at += len;
        }
        file.sync_data()
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
