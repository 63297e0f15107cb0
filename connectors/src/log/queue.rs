//! What waits for the log thread, bounded in bytes.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::engine::Request;
use super::error::WriteError;
use super::view::lock;

/// Cost of a request beside its bytes, so that the number of waiting requests is bounded too.
const OVERHEAD: usize = 256;

/// The queue between appenders and the log thread.
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    room: Arc<Semaphore>,
    size: u32,
}

#[derive(Default)]
struct Waiting {
    requests: Vec<(Request, OwnedSemaphorePermit)>,
    closed: bool,
}

/// Everything that waited, and the room that it takes up until the second part is dropped.
pub(crate) type Group = (Vec<Request>, Vec<OwnedSemaphorePermit>);

impl Queue {
    pub(crate) fn new(bytes: usize) -> Self {
        let size = u32::try_from(bytes.max(OVERHEAD)).unwrap_or(u32::MAX >> 4).min(u32::MAX >> 4);
        Self {
            waiting: Mutex::default(),
            arrived: Condvar::new(),
            room: Arc::new(Semaphore::new(size as usize)),
            size,
        }
    }

    /// Waits for room for a request of `bytes`; one that is larger than the queue waits for all of it.
    pub(crate) async fn room(&self, bytes: usize) -> Result<OwnedSemaphorePermit, WriteError> {
        let wanted =
            u32::try_from(bytes.saturating_add(OVERHEAD)).unwrap_or(u32::MAX).min(self.size);
        self.room.clone().acquire_many_owned(wanted).await.map_err(|_| WriteError::Closed)
    }

    /// Hands a request over.
    pub(crate) fn push(
        &self,
        request: Request,
        room: OwnedSemaphorePermit,
    ) -> Result<(), WriteError> {
        let mut waiting = lock(&self.waiting);
        if waiting.closed {
            return Err(WriteError::Closed);
        }
        waiting.requests.push((request, room));
        let first = waiting.requests.len() == 1;
        drop(waiting);
        if first {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Takes no more requests; what waits is still taken out.
    pub(crate) fn close(&self) {
        lock(&self.waiting).closed = true;
        self.room.close();
        self.arrived.notify_one();
    }

    /// Waits, at most `limit`, for requests and takes all; `None` when the queue is closed and empty.
    pub(crate) fn take(&self, limit: Duration) -> Option<Group> {
        let idle = |waiting: &mut Waiting| waiting.requests.is_empty() && !waiting.closed;
        let (mut waiting, _) = self
            .arrived
            .wait_timeout_while(lock(&self.waiting), limit, idle)
            .unwrap_or_else(PoisonError::into_inner);
        if waiting.closed && waiting.requests.is_empty() {
            return None;
        }
        Some(std::mem::take(&mut waiting.requests).into_iter().unzip())
    }
}
