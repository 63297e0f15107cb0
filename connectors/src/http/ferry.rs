//! Carries what arrives from the HTTP runtime to a worker, and answers back, many at a time: to
//! wake another thread costs more than all else that is done for a request.
//!
//! Whoever puts something aboard wakes only the ferry's own task on the HTTP runtime. That lets
//! what is ready there run first, so that everything that came with one look at the sockets goes
//! over together, and wakes the worker once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use super::answer::Settled;
use super::endpoint::Arrival;

/// An answer and where it goes.
pub(super) type Told = (oneshot::Sender<Settled>, Settled);

/// The HTTP runtime's end.
#[derive(Debug)]
pub(super) struct Ferry {
    waiting: Mutex<Waiting>,
    answers: Mutex<Vec<Told>>,
    /// Wakes the ferry's task.
    aboard: Notify,
    /// Wakes the worker.
    landed: Notify,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    arrivals: Vec<Arrival>,
    /// Nothing more goes to the worker; answers still come back.
    closed: bool,
    /// The worker is gone.
    ended: bool,
}

/// Why an arrival was not taken; it is dropped, so its caller is told to come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// As many wait as may.
    Full,
    /// The worker takes no more.
    Closed,
}

/// The worker's end; dropping it closes the ferry.
#[derive(Debug)]
pub(super) struct Landing(Arc<Ferry>);

impl Ferry {
    /// A ferry on which at most `capacity` arrivals wait; its task is [`run`](Self::run).
    pub(super) fn new(capacity: usize) -> (Arc<Self>, Landing) {
        let ferry = Arc::new(Self {
            waiting: Mutex::default(),
            answers: Mutex::default(),
            aboard: Notify::new(),
            landed: Notify::new(),
            capacity,
        });
        (ferry.clone(), Landing(ferry))
    }

    /// Puts an arrival aboard.
    pub(super) fn board(&self, arrival: Arrival) -> Result<(), Refused> {
        let mut waiting = lock(&self.waiting);
        if waiting.closed {
            return Err(Refused::Closed);
        }
        if waiting.arrivals.len() >= self.capacity {
            return Err(Refused::Full);
        }
        let is_first = waiting.arrivals.is_empty();
        waiting.arrivals.push(arrival);
        drop(waiting);
        if is_first {
            self.aboard.notify_one();
        }
        Ok(())
    }

    /// Goes to and fro until the landing is dropped.
    pub(super) async fn run(self: Arc<Self>) {
        loop {
            self.aboard.notified().await;
            let answers = std::mem::take(&mut *lock(&self.answers));
            for (reply, settled) in answers {
                // Whoever went away meanwhile does not hear it.
                drop(reply.send(settled));
            }
            tokio::task::yield_now().await;
            let waiting = lock(&self.waiting);
            if waiting.ended && lock(&self.answers).is_empty() {
                return;
            }
            if !waiting.arrivals.is_empty() {
                self.landed.notify_one();
            }
        }
    }
}

impl Landing {
    /// Waits for arrivals and moves at most `most` to `arrivals`. Never returns once it is closed.
    /// Cancel-safe.
    pub(super) async fn land(&self, arrivals: &mut Vec<Arrival>, most: usize) {
        while !self.take(arrivals, most) {
            self.0.landed.notified().await;
        }
    }

    fn take(&self, arrivals: &mut Vec<Arrival>, most: usize) -> bool {
        let mut waiting = lock(&self.0.waiting);
        let count = waiting.arrivals.len().min(most);
        arrivals.extend(waiting.arrivals.drain(..count));
        count > 0
    }

    /// Sends answers; takes them all out of `answers`.
    pub(super) fn tell(&self, answers: &mut Vec<Told>) {
        if answers.is_empty() {
            return;
        }
        lock(&self.0.answers).append(answers);
        self.0.aboard.notify_one();
    }

    /// Takes no more arrivals, and tells those that wait to come again.
    pub(super) fn close(&self) {
        let mut waiting = lock(&self.0.waiting);
        waiting.closed = true;
        let arrivals = std::mem::take(&mut waiting.arrivals);
        drop(waiting);
        drop(arrivals);
    }

    /// Arrivals that wait.
    pub(super) fn waiting(&self) -> usize {
        lock(&self.0.waiting).arrivals.len()
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.close();
        lock(&self.0.waiting).ended = true;
        self.0.aboard.notify_one();
    }
}

/// What is under these locks is changed in one step, so it is whole also after a panic elsewhere.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
