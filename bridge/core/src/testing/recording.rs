//! A sink that remembers what it got and answers as scripted.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Notify;

use super::text;
use crate::sync::{Mutex, lock};
use crate::{Error, ErrorKind, Message, Receipt, Sink};

/// What a scripted sink does with one message.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Writes it.
    Written,
    /// Refuses it with this kind.
    Refused(ErrorKind),
    /// Answers nothing until [`RecordingSink::release`], then writes it.
    Hang,
    /// Gives no result for it, nor for what comes after it in its batch.
    Nothing,
    /// Panics.
    Panic,
}

/// Which messages of a batch are held when an earlier one is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// None.
    None,
    /// Those with the same key; what has no key counts as one key.
    Key,
    /// All.
    Total,
}

/// A target for tests. A clone is the same target; it answers `Written` unless told.
#[derive(Clone)]
pub struct RecordingSink(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    order: Order,
    released: Notify,
}

type Decide = Box<dyn FnMut(&Message) -> Answer + Send>;

#[derive(Default)]
struct State {
    decide: Option<Decide>,
    calls: VecDeque<Answer>,
    hanging: usize,
    releases: u64,
    written: Vec<Message>,
    attempts: Vec<Message>,
    batches: Vec<usize>,
    sending: usize,
    most_sending: usize,
    probe: Option<Error>,
    probe_takes: Duration,
    probes: usize,
    recovers: usize,
    closed: bool,
}

impl Default for RecordingSink {
    fn default() -> Self {
        Self::new(Order::Key)
    }
}

impl RecordingSink {
    /// A target that keeps this order.
    pub fn new(order: Order) -> Self {
        let state = Mutex::new(State::default());
        Self(Arc::new(Inner { state, order, released: Notify::new() }))
    }

    /// Asks this for every message that is attempted; what is queued by `answer_call` goes first.
    pub fn answer(&self, decide: impl FnMut(&Message) -> Answer + Send + 'static) {
        self.change(|state| state.decide = Some(Box::new(decide)));
    }

    /// Gives every message of the next call that has no answer yet this answer.
    pub fn answer_call(&self, answer: Answer) {
        self.change(|state| state.calls.push_back(answer));
    }

    /// Ends what hangs now.
    pub fn release(&self) {
        self.change(|state| state.releases += 1);
        self.0.released.notify_waiters();
    }

    /// What probes answer from now on.
    pub fn answer_probe(&self, error: Option<Error>) {
        self.change(|state| state.probe = error);
    }

    /// Probes take so long from now on.
    pub fn slow_probe(&self, takes: Duration) {
        self.change(|state| state.probe_takes = takes);
    }

    /// What was confirmed, in order.
    pub fn written(&self) -> Vec<Message> {
        self.look(|state| state.written.clone())
    }

    /// Key and body of what was confirmed, in order.
    pub fn texts(&self) -> Vec<(String, String)> {
        self.look(|state| state.written.iter().map(text).collect())
    }

    /// Every attempt, also those that were refused, in order.
    pub fn attempts(&self) -> Vec<Message> {
        self.look(|state| state.attempts.clone())
    }

    /// The size of the batch of each call.
    pub fn batches(&self) -> Vec<usize> {
        self.look(|state| state.batches.clone())
    }

    /// Calls of `send` that have not returned.
    pub fn sending(&self) -> usize {
        self.look(|state| state.sending)
    }

    /// The most calls that were open at a time.
    pub fn most_sending(&self) -> usize {
        self.look(|state| state.most_sending)
    }

    /// Calls that hang now.
    pub fn hanging(&self) -> usize {
        self.look(|state| state.hanging)
    }

    /// Calls of `probe`.
    pub fn probes(&self) -> usize {
        self.look(|state| state.probes)
    }

    /// Calls of `recover`.
    pub fn recovers(&self) -> usize {
        self.look(|state| state.recovers)
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.look(|state| state.closed)
    }

    fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&lock(&self.0.state))
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut lock(&self.0.state))
    }

    fn decide(&self, call: Option<&Answer>, message: &Message) -> Answer {
        if let Some(answer) = call {
            return answer.clone();
        }
        // Taken out for the call, so that a decision may look at the sink.
        let decide = self.change(|state| state.decide.take());
        let Some(mut decide) = decide else { return Answer::Written };
        let answer = decide(message);
        self.change(|state| {
            state.decide.get_or_insert(decide);
        });
        answer
    }

    async fn hang(&self) {
        let before = self.change(|state| {
            state.hanging += 1;
            state.releases
        });
        loop {
            let mut released = std::pin::pin!(self.0.released.notified());
            released.as_mut().enable();
            if self.look(|state| state.releases > before) {
                break;
            }
            released.await;
        }
        self.change(|state| state.hanging -= 1);
    }

    #[allow(clippy::panic, reason = "a panic is one of the answers that a test can ask for")]
    async fn send_one(
        &self,
        call: Option<&Answer>,
        message: &Message,
    ) -> Option<Result<Receipt, Error>> {
        self.change(|state| state.attempts.push(message.clone()));
        match self.decide(call, message) {
            Answer::Written => {}
            Answer::Refused(kind) => return Some(Err(Error::new(kind, "refused as scripted"))),
            Answer::Hang => self.hang().await,
            Answer::Nothing => return None,
            Answer::Panic => panic!("a scripted panic"),
        }
        Some(Ok(self.change(|state| {
            state.written.push(message.clone());
            Receipt::Written(Some(state.written.len() as u64 - 1))
        })))
    }
}

#[async_trait(?Send)]
impl Sink for RecordingSink {
    async fn probe(&self) -> Result<(), Error> {
        let takes = self.change(|state| {
            state.probes += 1;
            state.probe_takes
        });
        tokio::time::sleep(takes).await;
        self.look(|state| state.probe.clone()).map_or(Ok(()), Err)
    }

    async fn send(&self, batch: &[Message]) -> Vec<Result<Receipt, Error>> {
        let call = self.change(|state| {
            state.batches.push(batch.len());
            state.sending += 1;
            state.most_sending = state.most_sending.max(state.sending);
            state.calls.pop_front()
        });
        let _sending = Sending(self);
        let mut refused: HashSet<Option<&Bytes>> = HashSet::new();
        let mut results = Vec::with_capacity(batch.len());
        for message in batch {
            let held = match self.0.order {
                Order::None => false,
                Order::Key => refused.contains(&message.key.as_ref()),
                Order::Total => !refused.is_empty(),
            };
            let result = if held {
                Some(Err(Error::new(ErrorKind::Held, "an earlier message was refused")))
            } else {
                self.send_one(call.as_ref(), message).await
            };
            let Some(result) = result else { break };
            if result.is_err() {
                refused.insert(message.key.as_ref());
            }
            results.push(result);
        }
        // A target answers later than it is asked.
        tokio::task::yield_now().await;
        results
    }

    async fn recover(&self) -> Result<(), Error> {
        self.change(|state| state.recovers += 1);
        Ok(())
    }

    async fn close(&self) {
        self.change(|state| state.closed = true);
    }
}

/// Counts a call of `send` out, also when it panics.
struct Sending<'a>(&'a RecordingSink);

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.sending -= 1);
    }
}
