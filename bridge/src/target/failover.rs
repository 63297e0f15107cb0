//! Several sinks for one target: the first whose circuit is closed takes the batch.

use std::cell::Cell;
use std::time::Duration;

use async_trait::async_trait;
use hybridge_core::{Error, ErrorKind, Message, Receipt, Sink};
use tokio::time::Instant;

use super::breaker::CircuitBreaker;

/// Sinks in the order of preference, one of them current.
///
/// A batch goes to one sink as a whole, and a lane changes sinks only between its batches, so the
/// order of a key holds. It moves on when the circuit of the current sink is open, and goes back
/// to a preferred one after the dwell time, when that one's circuit would let a batch try. With all
/// circuits open it refuses until the first of them lets one try.
pub(crate) struct Failover {
    sinks: Vec<CircuitBreaker>,
    back_after: Duration,
    current: Cell<usize>,
    /// When the current sink took over.
    since: Cell<Instant>,
}

impl Failover {
    /// At least one sink; goes back to a preferred one `back_after` the change away from it.
    pub fn new(sinks: Vec<CircuitBreaker>, back_after: Duration) -> Self {
        Self { sinks, back_after, current: Cell::new(0), since: Cell::new(Instant::now()) }
    }

    /// The sink for the next batch, or how long all of them refuse.
    fn choose(&self) -> Result<usize, Duration> {
        let current = self.current.get();
        let dwelt = self.since.get().elapsed() >= self.back_after;
        let mut soonest = Duration::MAX;
        for (index, sink) in self.sinks.iter().enumerate() {
            if index < current && !dwelt {
                continue;
            }
            match sink.refuses_for() {
                None => return Ok(index),
                Some(wait) => soonest = soonest.min(wait),
            }
        }
        // The preferred ones too, rather than wait for the dwell time with nothing that works.
        for (index, sink) in self.sinks.iter().take(current).enumerate() {
            match sink.refuses_for() {
                None => return Ok(index),
                Some(wait) => soonest = soonest.min(wait),
            }
        }
        Err(soonest)
    }
}

#[async_trait(?Send)]
impl Sink for Failover {
    async fn probe(&self) -> Result<(), Error> {
        let mut last = Ok(());
        for sink in &self.sinks {
            last = sink.probe().await;
            if last.is_ok() {
                break;
            }
        }
        last
    }

    async fn send(&self, batch: &[Message]) -> Vec<Result<Receipt, Error>> {
        match self.choose() {
            Ok(index) => {
                if index != self.current.get() {
                    tracing::warn!(from = self.current.get(), to = index, "target fails over");
                    self.current.set(index);
                    self.since.set(Instant::now());
                }
                self.sinks[index].send(batch).await
            }
            Err(wait) => {
                let kind = ErrorKind::Throttled(Some(wait));
                let error = Error::new(kind, "every circuit is open after repeated failures");
                batch.iter().map(|_| Err(error.clone())).collect()
            }
        }
    }

    async fn recover(&self) -> Result<(), Error> {
        self.sinks[self.current.get()].recover().await
    }

    async fn close(&self) {
        for sink in &self.sinks {
            sink.close().await;
        }
    }
}

#[cfg(test)]
mod tests;
