//! What is written while the client waits for the cluster goes to it together.
//!
//! The client has one request for each partition under way when it writes exactly once. What it holds beyond that it asks
//! for without sleeping as soon as its linger is over, a whole core of it, until the cluster has answered. So nothing is
//! given to it before it has answered, and batches are as large as what came in the meantime.

use std::cell::Cell;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// No one waits longer for others: a partition without a leader must not hold up the rest.
const LONGEST: Duration = Duration::from_millis(20);

/// The sends of one client.
#[derive(Default)]
pub(super) struct Waves {
    under_way: Cell<usize>,
    is_closed: Cell<bool>,
    over: Notify,
}

/// One send's part of a wave; it ends when this is dropped.
pub(super) struct Part<'a>(&'a Waves);

impl Waves {
    /// Waits until a wave can be joined. Cancel-safe.
    pub(super) async fn join(&self) -> Part<'_> {
        let until = Instant::now() + LONGEST;
        while self.is_closed.get() && timeout_at(until, self.over.notified()).await.is_ok() {}
        self.under_way.set(self.under_way.get() + 1);
        Part(self)
    }
}

impl Part<'_> {
    /// Everything is given to the client: who comes after those that wait already is of the next wave.
    pub(super) async fn given(&self) {
        tokio::task::yield_now().await;
        self.0.is_closed.set(true);
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        let left = self.0.under_way.get().saturating_sub(1);
        self.0.under_way.set(left);
        if left == 0 {
            self.0.is_closed.set(false);
            self.0.over.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_waits_goes_together_when_all_before_are_over() {
        let waves = Waves::default();
        let (one, two) = (waves.join().await, waves.join().await);
        one.given().await;
        let mut three = std::pin::pin!(waves.join());
        let mut four = std::pin::pin!(waves.join());
        assert!(poll!(&mut three).is_pending() && poll!(&mut four).is_pending());
        drop(one);
        assert!(poll!(&mut three).is_pending());
        drop(two);
        let three = three.await;
        let four = four.await;
        three.given().await;
        drop(three);
        let started = Instant::now();
        drop(waves.join().await);
        assert_eq!(started.elapsed(), LONGEST, "no longer than that");
        drop(four);
        let started = Instant::now();
        drop(waves.join().await);
        assert_eq!(started.elapsed(), Duration::ZERO);
    }
}
