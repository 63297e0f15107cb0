//! When a target is tried again: back-off with full jitter, and a budget that keeps retries from
//! multiplying the load of a target that is down.

use std::cell::Cell;
use std::time::Duration;

use hybridge_core::ErrorKind;
use tokio::time::Instant;

/// Retries that are always allowed, whatever the ratio: a quiet route must be able to retry.
const RESERVE_PER_SECOND: f64 = 10.0;
/// An unreachable peer answers nothing that could be overloaded: it is tried this often.
const UNREACHABLE: Duration = Duration::from_secs(1);

/// The retry policy of one target, shared by all of its lanes.
///
/// The budget is a bucket: each request that goes through puts in a part of a token, each retry
/// takes a whole one, and a reserve drips in with time. A spent budget means wait, never fail. The
/// reasoning is that of Finagle's and tower's retry budgets: a ratio bounds the extra load by what
/// the target really takes, where a count per request multiplies it.
pub(crate) struct Retry {
    initial: Duration,
    max: Duration,
    ratio: f64,
    tokens: Cell<f64>,
    filled: Cell<Instant>,
    jitter: fn() -> f64,
}

impl Retry {
    /// Back-off from `initial` to `max`; retries at most `ratio` of what succeeds.
    pub fn new(initial: Duration, max: Duration, ratio: f64) -> Self {
        Self {
            initial,
            max,
            ratio,
            tokens: Cell::new(RESERVE_PER_SECOND),
            filled: Cell::new(Instant::now()),
            jitter: fastrand::f64,
        }
    }

    /// The same without chance, for tests: always the upper end of the back-off.
    #[cfg(test)]
    pub fn without_jitter(mut self) -> Self {
        self.jitter = || 1.0;
        self
    }

    /// A request went through.
    pub fn succeeded(&self) {
        self.fill();
        self.tokens.set((self.tokens.get() + self.ratio).min(self.capacity()));
    }

    /// How long to wait before attempt number `attempt` (1 is the first retry) after `worst`, the
    /// kind of error that asks for the longest wait; takes the retry from the budget.
    pub fn wait(&self, attempt: u32, worst: ErrorKind) -> Duration {
        let back_off = match worst {
            ErrorKind::Held => Duration::ZERO,
            ErrorKind::Throttled(Some(wait)) => wait + self.spread(self.initial),
            ErrorKind::Disconnected => self.spread(self.exponential(attempt).min(UNREACHABLE)),
            ErrorKind::Throttled(None)
            | ErrorKind::Transient
            | ErrorKind::Unauthorized
            | ErrorKind::Rejected
            | ErrorKind::Fatal => self.spread(self.exponential(attempt)),
        };
        back_off.max(self.withdraw())
    }

    fn exponential(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(20);
        self.initial.saturating_mul(1 << doublings).min(self.max)
    }

    fn spread(&self, upper: Duration) -> Duration {
        upper.mul_f64((self.jitter)())
    }

    fn capacity(&self) -> f64 {
        RESERVE_PER_SECOND * 10.0
    }

    fn fill(&self) {
        let now = Instant::now();
        let seconds = now.duration_since(self.filled.replace(now)).as_secs_f64();
        let tokens = self.tokens.get() + seconds * RESERVE_PER_SECOND;
        self.tokens.set(tokens.min(self.capacity()));
    }

    /// Takes a token and returns how long it takes until it is there.
    fn withdraw(&self) -> Duration {
        self.fill();
        let left = self.tokens.get() - 1.0;
        self.tokens.set(left);
        if left >= 0.0 {
            return Duration::ZERO;
        }
        Duration::from_secs_f64(-left / RESERVE_PER_SECOND)
    }
}

/// Of two kinds of error, the one that asks for the longer wait.
pub(crate) fn worse(left: ErrorKind, right: ErrorKind) -> ErrorKind {
    if weight(left) >= weight(right) { left } else { right }
}

fn weight(kind: ErrorKind) -> (u8, Duration) {
    match kind {
        ErrorKind::Held => (0, Duration::ZERO),
        ErrorKind::Rejected => (1, Duration::ZERO),
        ErrorKind::Disconnected => (2, Duration::ZERO),
        ErrorKind::Transient => (3, Duration::ZERO),
        ErrorKind::Unauthorized => (4, Duration::ZERO),
        ErrorKind::Throttled(wait) => (5, wait.unwrap_or_default()),
        ErrorKind::Fatal => (6, Duration::ZERO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry() -> Retry {
        Retry::new(Duration::from_millis(100), Duration::from_secs(3), 0.2)
    }

    #[tokio::test(start_paused = true)]
    async fn back_off_doubles_to_its_maximum_and_an_unreachable_peer_is_tried_each_second() {
        let retry = retry().without_jitter();
        let waits: Vec<u128> =
            (1..8).map(|n| retry.wait(n, ErrorKind::Transient).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3000, 3000]);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(retry.wait(9, ErrorKind::Disconnected), UNREACHABLE);
    }

    #[tokio::test(start_paused = true)]
    async fn full_jitter_spreads_over_the_whole_back_off() {
        let retry = retry();
        let mut waits = Vec::new();
        for _ in 0..200 {
            tokio::time::advance(Duration::from_secs(1)).await;
            waits.push(retry.wait(5, ErrorKind::Transient).as_millis());
        }
        assert!(waits.iter().all(|wait| *wait <= 1600));
        assert!(waits.iter().any(|wait| *wait < 400) && waits.iter().any(|wait| *wait > 1200));
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_target_asks_for_is_obeyed() {
        let retry = retry();
        for _ in 0..50 {
            let wait = retry.wait(1, ErrorKind::Throttled(Some(Duration::from_secs(7))));
            assert!(wait >= Duration::from_secs(7), "{wait:?}");
            tokio::time::advance(Duration::from_secs(1)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_spent_budget_means_wait() {
        let retry = Retry::new(Duration::ZERO, Duration::ZERO, 0.2);
        for _ in 0..10 {
            assert_eq!(retry.wait(1, ErrorKind::Transient), Duration::ZERO);
        }
        let wait = retry.wait(1, ErrorKind::Transient);
        assert!(wait > Duration::ZERO && wait <= Duration::from_millis(100), "{wait:?}");
        tokio::time::advance(Duration::from_secs(1)).await;
        for _ in 0..5 {
            retry.succeeded();
        }
        assert_eq!(retry.wait(1, ErrorKind::Transient), Duration::ZERO);
    }
}
