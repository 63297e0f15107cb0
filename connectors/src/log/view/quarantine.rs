//! Damaged bytes: counted, and kept aside where somebody can look at them.

use std::io;

use super::{View, lock};
use crate::log::disk::{File, Mode};
use crate::log::index::Damage;

const FOLDER: &str = "quarantine";
/// Damaged places of one partition that are remembered; beyond that they are only skipped.
const MAX_PLACES: usize = 1000;
/// The most bytes of one partition that are kept aside.
const MAX_BYTES: u64 = 64 << 20;

impl View {
    /// Damaged places that were found, and the records that they cost.
    pub(crate) fn damaged(&self) -> (usize, u64) {
        let damage = lock(&self.damage);
        (damage.len(), damage.values().map(|place| place.to.saturating_sub(place.from)).sum())
    }

    /// Counts a damaged place and keeps its bytes aside, once.
    pub(crate) fn quarantine(&self, file: &dyn File, base: u64, damage: Damage) {
        let mut known = lock(&self.damage);
        if known.len() >= MAX_PLACES || known.insert((base, damage.at), damage).is_some() {
            return;
        }
        drop(known);
        let records = damage.to.saturating_sub(damage.from);
        metrics::counter!("hybridge_log_damaged_records_total", "topic" => self.topic.to_string())
            .increment(records);
        tracing::error!(
            topic = %self.topic, partition = self.number, segment = base, position = damage.at,
            bytes = damage.len, from = damage.from, to = damage.to,
            "damaged records are skipped and kept aside"
        );
        let name = format!("{base:020}-{}-{}-{}.bad", damage.at, damage.from, damage.to);
        self.keep_aside(file, &name, damage.at, damage.len);
    }

    /// Copies bytes into the quarantine folder of the partition, unless they are there already.
    pub(crate) fn keep_aside(&self, file: &dyn File, name: &str, at: u64, len: u64) {
        if self.read_only {
            return;
        }
        if let Err(error) = self.copy_aside(file, name, at, len) {
            tracing::warn!(topic = %self.topic, name, %error, "bytes could not be kept aside");
        }
    }

    fn copy_aside(&self, file: &dyn File, name: &str, at: u64, len: u64) -> io::Result<()> {
        let dir = self.dir.join(FOLDER);
        self.disk.create_dir(&dir)?;
        let names = self.disk.list(&dir)?;
        let mut room = if names.len() < MAX_PLACES { MAX_BYTES } else { 0 };
        for name in &names {
            let size = self.disk.open(&dir.join(name), Mode::Read)?.size()?;
            room = room.saturating_sub(size);
        }
        if room < len {
            return Err(io::Error::other("the quarantine folder is full"));
        }
        let kept = match self.disk.open(&dir.join(name), Mode::Create) {
            Ok(kept) => kept,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut buffer = vec![0; 64 << 10];
        let mut copied = 0;
        while copied < len {
            let wanted = usize::try_from(len - copied).unwrap_or(usize::MAX).min(buffer.len());
            let piece = buffer.get_mut(..wanted).unwrap_or_default();
            let filled = file.read_at(piece, at + copied)?;
            if filled == 0 {
                break;
            }
            kept.write_at(piece.get(..filled).unwrap_or_default(), copied)?;
            copied += filled as u64;
        }
        Ok(())
    }

    /// Remembers the damaged places that were found before this start.
    pub(crate) fn recall_damage(&self) {
        let Ok(names) = self.disk.list(&self.dir.join(FOLDER)) else { return };
        let known = names.iter().take(MAX_PLACES).filter_map(|name| {
            let mut numbers = name.strip_suffix(".bad")?.split('-').map(str::parse::<u64>);
            let mut number = || numbers.next()?.ok();
            let (base, at, from, to) = (number()?, number()?, number()?, number()?);
            Some(((base, at), Damage { at, len: 0, from, to }))
        });
        lock(&self.damage).extend(known);
    }
}
