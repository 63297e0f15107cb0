//! Nobody hands a client records while what it holds is taken from it.
//!
//! Without that, a record could be taken back and the next one of its key be handed over and written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::{Mutex, OwnedMutexGuard};

/// Where everyone passes who hands records to a client.
#[derive(Default)]
pub(super) struct Gate {
    way: Arc<Mutex<()>>,
    /// How often everything was taken back.
    round: AtomicU64,
    /// Somebody waits to take everything back.
    is_closing: AtomicBool,
}

/// Somebody hands records over.
pub(super) struct Handing<'a> {
    gate: &'a Gate,
    round: u64,
    _way: OwnedMutexGuard<()>,
}

impl Gate {
    /// Waits until records may be handed over. Cancel-safe.
    pub(super) async fn enter(&self) -> Handing<'_> {
        loop {
            let way = self.way.clone().lock_owned().await;
            // Who closes is next: those who wait are served in turn.
            if !self.is_closing.load(Ordering::Relaxed) {
                return Handing { gate: self, round: self.round(), _way: way };
            }
        }
    }

    /// Waits until nobody hands records over, and keeps them off. Nothing where what was handed over in this round is
    /// taken back already, or will be. Not cancel-safe.
    pub(super) async fn close(&self, round: u64) -> Option<OwnedMutexGuard<()>> {
        let (next, order) = (round.wrapping_add(1), Ordering::Relaxed);
        self.round.compare_exchange(round, next, order, order).ok()?;
        self.is_closing.store(true, order);
        let way = self.way.clone().lock_owned().await;
        self.is_closing.store(false, order);
        Some(way)
    }

    /// How often everything was taken back.
    pub(super) fn round(&self) -> u64 {
        self.round.load(Ordering::Relaxed)
    }
}

impl Handing<'_> {
    /// What [`Gate::close`] asks for.
    pub(super) fn round(&self) -> u64 {
        self.round
    }

    /// Somebody waits to take everything back: no more may be handed over.
    pub(super) fn is_over(&self) -> bool {
        self.gate.round() != self.round
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;

    #[tokio::test]
    async fn who_hands_over_stops_and_who_comes_waits() {
        let gate = Gate::default();
        let handing = gate.enter().await;
        let mut early = std::pin::pin!(gate.enter());
        assert!(poll!(&mut early).is_pending());
        let round = handing.round();
        let mut closing = std::pin::pin!(gate.close(round));
        assert!(poll!(&mut closing).is_pending());
        assert!(handing.is_over());
        assert!(gate.close(round).await.is_none(), "once is enough");
        let mut next = std::pin::pin!(gate.enter());
        assert!(poll!(&mut next).is_pending());
        drop(handing);
        assert!(
            poll!(&mut early).is_pending() && poll!(&mut next).is_pending(),
            "who closes is first"
        );
        let closed = closing.await.unwrap();
        assert!(poll!(&mut early).is_pending() && poll!(&mut next).is_pending());
        drop(closed);
        let (next, early) =
            tokio::join!(async { next.await.is_over() }, async { early.await.is_over() });
        assert!(!next && !early);
    }
}
