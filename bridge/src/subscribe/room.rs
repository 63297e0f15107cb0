//! Memory for large events. Each subscriber may hold a small piece of the log; what is larger is
//! taken from one pool of all subscribers.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that a subscriber may read at once without asking.
pub(super) const PIECE: usize = 32 * 1024;
/// Bytes that all large events together may take.
const LARGE: usize = 64 * 1024 * 1024;
/// How many bytes one permit stands for.
const UNIT: usize = 1024;
/// A record is in memory as it was read and as it is written, which base64 makes larger.
const COPIES: usize = 3;

/// The pool. A clone is the same pool.
#[derive(Clone, Debug)]
pub(super) struct Room(Arc<Semaphore>);

/// Part of the pool, while a large event is in memory.
#[derive(Debug)]
pub(super) struct Large {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LARGE / UNIT)))
    }
}

impl Room {
    /// Waits for room for a record of this size. An event larger than the pool has it alone. Only
    /// for whoever holds none: two who hold and wait would wait for each other.
    pub(super) async fn take(&self, bytes: usize) -> Large {
        // The semaphore is never closed.
        Large { _permit: self.0.clone().acquire_many_owned(units(bytes)).await.ok() }
    }

    /// Takes room for a record of this size, if there is.
    pub(super) fn try_take(&self, bytes: usize) -> Option<Large> {
        let permit = self.0.clone().try_acquire_many_owned(units(bytes)).ok()?;
        Some(Large { _permit: Some(permit) })
    }
}

fn units(bytes: usize) -> u32 {
    let units = (bytes.saturating_mul(COPIES) / UNIT).clamp(1, LARGE / UNIT);
    u32::try_from(units).unwrap_or(u32::MAX)
}

/// Bytes that give their room back when the last reference to them is dropped.
pub(super) fn hold(bytes: Vec<u8>, large: Vec<Large>) -> Bytes {
    struct Held {
        bytes: Vec<u8>,
        _large: Vec<Large>,
    }
    impl AsRef<[u8]> for Held {
        fn as_ref(&self) -> &[u8] {
            &self.bytes
        }
    }
    if large.is_empty() {
        return bytes.into();
    }
    Bytes::from_owner(Held { bytes, _large: large })
}
