//! The circuit breaker of one sink: stops sending to what does not answer, and lets one batch
//! try whether it does again.

use std::cell::Cell;
use std::time::Duration;

use async_trait::async_trait;
use hybridge_core::{Error, ErrorKind, Message, Receipt, Sink};
use tokio::time::Instant;

/// How long other lanes wait while one tries a half-open circuit.
const PROBE_WAIT: Duration = Duration::from_millis(100);

/// Wraps a sink. Closed, everything passes; after so many failed sends in a row it opens, and
/// every send is refused with [`Throttled`](ErrorKind::Throttled) until its time is over; then the
/// next batch that comes is the probe. Each opening lasts twice as long as the one before.
///
/// A permanent fault of a message says nothing about the sink and never opens a circuit; nor does
/// a sink that answers that it is throttled.
pub(crate) struct CircuitBreaker {
    sink: Box<dyn Sink>,
    failures: u32,
    open: Duration,
    max: Duration,
    state: Cell<State>,
}

#[derive(Clone, Copy)]
enum State {
    /// Failures in a row so far.
    Closed(u32),
    /// Opened so many times in a row; until then.
    Open { times: u32, until: Instant },
    /// One batch is trying.
    HalfOpen { times: u32 },
}

/// What a whole send says about the sink.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Health {
    Up,
    Down,
    /// Only faults of messages, or nothing was attempted.
    Unknown,
}

impl CircuitBreaker {
    /// Opens after `failures` failed sends in a row, first for `open`, at most for `max`.
    pub fn new(sink: Box<dyn Sink>, failures: u32, open: Duration, max: Duration) -> Self {
        let state = Cell::new(State::Closed(0));
        Self { sink, failures: failures.max(1), open, max: max.max(open), state }
    }

    /// How long the circuit will refuse; `None` when a send would be attempted now.
    pub fn refuses_for(&self) -> Option<Duration> {
        match self.state.get() {
            State::Closed(_) => None,
            State::Open { until, .. } => {
                let left = until.saturating_duration_since(Instant::now());
                (!left.is_zero()).then_some(left)
            }
            State::HalfOpen { .. } => Some(PROBE_WAIT),
        }
    }

    fn record(&self, health: Health) {
        let next = match (self.state.get(), health) {
            (_, Health::Up) => State::Closed(0),
            (State::Closed(failed), Health::Down) if failed + 1 < self.failures => {
                State::Closed(failed + 1)
            }
            (State::Closed(_), Health::Down) => self.opened(0),
            (State::HalfOpen { times }, Health::Down) => self.opened(times),
            // Sent before it opened, or a probe that tried nothing: the next batch is the probe.
            (State::Open { times, until }, Health::Down | Health::Unknown) => {
                State::Open { times, until }
            }
            (State::HalfOpen { times }, Health::Unknown) => {
                State::Open { times, until: Instant::now() }
            }
            (closed @ State::Closed(_), Health::Unknown) => closed,
        };
        self.state.set(next);
    }

    fn opened(&self, times: u32) -> State {
        let lasts = self.open.saturating_mul(1 << times.min(20)).min(self.max);
        State::Open { times: times + 1, until: Instant::now() + lasts }
    }
}

fn health(results: &[Result<Receipt, Error>]) -> Health {
    let mut health = Health::Unknown;
    for result in results {
        match result.as_ref().map_err(Error::kind) {
            Ok(_) | Err(ErrorKind::Throttled(_)) => return Health::Up,
            Err(ErrorKind::Rejected | ErrorKind::Held) => {}
            Err(
                ErrorKind::Transient
                | ErrorKind::Disconnected
                | ErrorKind::Unauthorized
                | ErrorKind::Fatal,
            ) => health = Health::Down,
        }
    }
    health
}

#[async_trait(?Send)]
impl Sink for CircuitBreaker {
    async fn probe(&self) -> Result<(), Error> {
        self.sink.probe().await
    }

    async fn send(&self, batch: &[Message]) -> Vec<Result<Receipt, Error>> {
        if let Some(wait) = self.refuses_for() {
            let kind = ErrorKind::Throttled(Some(wait));
            let error = Error::new(kind, "the circuit is open after repeated failures");
            return batch.iter().map(|_| Err(error.clone())).collect();
        }
        if let State::Open { times, .. } = self.state.get() {
            self.state.set(State::HalfOpen { times });
        }
        let results = self.sink.send(batch).await;
        self.record(health(&results));
        results
    }

    async fn recover(&self) -> Result<(), Error> {
        self.sink.recover().await
    }

    async fn close(&self) {
        self.sink.close().await;
    }
}

#[cfg(test)]
mod tests;
