//! The right to read and settle one partition, stream or queue, for as long as it lasts.

use std::fmt;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::Place;
use crate::sync::atomic::{AtomicU8, Ordering};

/// Names an assignment; never used twice in one process, so that what an earlier assignment of
/// the same partition left behind cannot be taken for the later one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssignmentId(u64);

/// How far the life of an assignment has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Everything may be sent and settled.
    Live,
    /// What is being sent may finish and be settled; nothing is sent anew.
    Revoking,
    /// Nothing may be sent or settled: it belongs to somebody else by now.
    Over,
}

/// One assignment: made by the source at each rebalance, channel or session, shared by every
/// delivery that came from it. A clone is the same assignment.
#[derive(Clone)]
pub struct Assignment(Arc<Inner>);

struct Inner {
    id: AssignmentId,
    place: Arc<Place>,
    phase: AtomicU8,
    changed: Notify,
}

impl Assignment {
    /// A new, live assignment of `place`.
    pub fn new(place: Arc<Place>) -> Self {
        // The model checker's atomics cannot be static, and a counter needs no model.
        use std::sync::atomic::AtomicU64;
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = AssignmentId(NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let phase = AtomicU8::new(Phase::Live as u8);
        Self(Arc::new(Inner { id, place, phase, changed: Notify::new() }))
    }

    /// Its name.
    pub fn id(&self) -> AssignmentId {
        self.0.id
    }

    /// What it is an assignment of.
    pub fn place(&self) -> &Arc<Place> {
        &self.0.place
    }

    /// How far it has come.
    pub fn phase(&self) -> Phase {
        match self.0.phase.load(Ordering::Acquire) {
            0 => Phase::Live,
            1 => Phase::Revoking,
            _ => Phase::Over,
        }
    }

    /// Whether something may be sent for it.
    pub fn is_live(&self) -> bool {
        self.phase() == Phase::Live
    }

    /// From now on nothing is sent anew. A phase never goes back.
    pub fn revoke(&self) {
        self.advance(Phase::Revoking);
    }

    /// From now on nothing is sent or settled. May be called from the client's own thread.
    pub fn end(&self) {
        self.advance(Phase::Over);
    }

    /// Returns once it is no longer live. Cancel-safe.
    pub async fn not_live(&self) {
        loop {
            let mut changed = std::pin::pin!(self.0.changed.notified());
            changed.as_mut().enable();
            if !self.is_live() {
                return;
            }
            changed.await;
        }
    }

    fn advance(&self, phase: Phase) {
        self.0.phase.fetch_max(phase as u8, Ordering::AcqRel);
        self.0.changed.notify_waiters();
    }
}

impl fmt::Debug for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { topic, partition, .. } = &*self.0.place;
        write!(f, "Assignment({} {topic}/{partition} {:?})", self.0.id.0, self.phase())
    }
}
