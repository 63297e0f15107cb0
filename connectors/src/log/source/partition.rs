//! One assigned partition: its reader, its share of the budget and how far it is committed.

use hybridge_core::{Assignment, Error, ErrorKind, Permit, Share};

use crate::log::read::{Chunk, Gap};
use crate::log::store::{Read, Reader};

/// Bytes that are read at once where there are that many and the budget has them: few enough to stay in the processor's
/// cache between the copy out of the kernel and the checksum.
const CHUNK: u64 = 256 << 10;
/// Bytes that may be out and not settled before nothing more is read: what waits longer than one batch before it
/// leaves the processor's cache, and is in the kernel's anyway.
const AHEAD: u64 = 2 << 20;
/// Deliveries that may be out at least, however large they are.
const AHEAD_DELIVERIES: usize = 64;
/// The least that is asked of a scarce budget.
const SMALL: u64 = 4 << 10;

pub(super) struct Partition {
    pub(super) assignment: Assignment,
    pub(super) number: u32,
    /// The cursor that is durable.
    pub(super) committed: u64,
    share: Share,
    reader: Reader,
    /// What is held for a read that has not given anything yet.
    permit: Option<Permit>,
    /// The most that is read at once.
    chunk: u64,
    /// Bytes that the next record alone needs, where that is known.
    needed: u64,
    /// Deliveries that are out and not settled.
    pub(super) out: usize,
}

/// How much to read at once where a route may hold `cap` bytes and has so many partitions: a share that holds nothing gets
/// whatever it asks for, so it must not ask for too much.
pub(super) fn chunk(cap: u64, partitions: u32) -> u64 {
    (cap / 4 / u64::from(partitions.max(1))).clamp(SMALL, CHUNK)
}

/// What a partition gave.
pub(super) enum Found {
    Records(Chunk, Permit),
    Gap(Gap),
}

impl Partition {
    pub(super) fn new(
        assignment: Assignment,
        share: Share,
        reader: Reader,
        number: u32,
        committed: u64,
        chunk: u64,
    ) -> Self {
        Self {
            assignment,
            number,
            committed,
            share,
            reader,
            permit: None,
            chunk,
            needed: 0,
            out: 0,
        }
    }

    /// Whether so much is out that nothing more is read until something of it is settled.
    pub(super) fn is_ahead(&self) -> bool {
        self.out >= AHEAD_DELIVERIES && self.share.held() >= AHEAD
    }

    /// Offsets that are in the log and were not read yet.
    pub(super) fn lag(&self) -> u64 {
        self.reader.behind()
    }

    /// Waits for records, then for budget, and reads. Cancel-safe: the permit and the read that it is for are kept.
    pub(super) async fn next(&mut self) -> Result<Found, Error> {
        loop {
            if self.permit.is_none() {
                self.reader.wait().await;
                self.permit = Some(self.take().await);
            }
            let max = self.permit.as_ref().map_or(0, Permit::bytes);
            let read = self.reader.read(usize::try_from(max).unwrap_or(usize::MAX)).await;
            let permit = self.permit.take();
            match read {
                Ok(Read::Records(chunk)) => {
                    self.needed = 0;
                    if let Some(permit) = permit {
                        return Ok(Found::Records(chunk, permit));
                    }
                }
                Ok(Read::Gap(gap)) => return Ok(Found::Gap(gap)),
                Ok(Read::TooSmall(needed)) => self.needed = needed as u64,
                Ok(Read::End) => {}
                Err(error) => {
                    return Err(Error::with_source(
                        ErrorKind::Disconnected,
                        "cannot read the log",
                        error,
                    ));
                }
            }
        }
    }

    async fn take(&self) -> Permit {
        let there = self.reader.available().unwrap_or(self.chunk);
        let wanted = there.min(self.chunk).max(self.needed);
        let least = wanted.min(SMALL).max(self.needed);
        let mut bytes = wanted;
        loop {
            if let Some(permit) = self.share.try_take(bytes) {
                return permit;
            }
            if bytes <= least {
                return self.share.take(least).await;
            }
            bytes = (bytes / 4).max(least);
        }
    }
}
