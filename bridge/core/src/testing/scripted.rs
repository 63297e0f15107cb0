//! The handle and the client that the three scripted brokers have in common.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::referee::Referee;
use crate::sync::{Mutex, lock};
use crate::{
    Assignment, AssignmentId, Budget, Delivery, Error, Event, Message, Outcome, Phase, Share,
    Source, Tag,
};

/// What the shapes differ in.
pub trait Broker: Send + 'static {
    /// A new client came; whatever an earlier one held is over.
    fn connect(&mut self, now: Instant);
    /// Assignments that came or went since the last call.
    fn notice(&mut self, now: Instant) -> Option<Event>;
    /// When `notice` or `front` may change although nobody did anything.
    fn wake_at(&self) -> Option<Instant>;
    /// The assignments that may be read.
    fn readable(&self) -> Vec<Assignment>;
    /// The next message of an assignment that may be read now.
    fn front(&mut self, assignment: AssignmentId, now: Instant) -> Option<Message>;
    /// Takes what `front` showed.
    fn take(&mut self, assignment: AssignmentId, now: Instant) -> Option<Tag>;
    /// Tells the broker how a delivery ended.
    fn settle(&mut self, tag: Tag, outcome: Outcome, now: Instant);
    /// Makes durable what was settled.
    fn commit(&mut self, now: Instant);
    /// The client gives an assignment back.
    fn give_back(&mut self, assignment: &Assignment, now: Instant);
    /// The client ends and gives everything back.
    fn close(&mut self, now: Instant);
    /// Whether there is nothing left to give out.
    fn is_exhausted(&self) -> bool;
    /// What the broker saw that must not be.
    fn violations(&self) -> Vec<String>;
    /// The resolved positions, where the shape has them.
    fn positions(&self) -> Vec<(Assignment, u64)> {
        Vec::new()
    }
}

/// A scripted broker. A clone is the same broker.
pub struct Scripted<B>(Arc<Inner<B>>);

struct Inner<B> {
    state: Mutex<State<B>>,
    changed: Arc<Notify>,
}

struct State<B> {
    broker: B,
    referee: Referee,
    max_batch: usize,
    can_reject: bool,
    ends: bool,
    connect_errors: VecDeque<Error>,
    next_errors: VecDeque<Error>,
    connects: usize,
}

impl<B> Clone for Scripted<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<B: Broker> fmt::Debug for Scripted<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scripted").field("violations", &self.violations()).finish_non_exhaustive()
    }
}

impl<B: Broker> Scripted<B> {
    pub(super) fn with(broker: B) -> Self {
        let state = State {
            broker,
            referee: Referee::default(),
            max_batch: 100,
            can_reject: false,
            ends: false,
            connect_errors: VecDeque::new(),
            next_errors: VecDeque::new(),
            connects: 0,
        };
        Self(Arc::new(Inner { state: Mutex::new(state), changed: Arc::default() }))
    }

    /// A new client. What an earlier client holds is over when this one connects.
    pub fn source(&self) -> Box<dyn Source> {
        Box::new(Client {
            shared: self.clone(),
            budget: None,
            shares: HashMap::new(),
            arrived: VecDeque::new(),
            settled: Vec::new(),
            releasing: VecDeque::new(),
            commit_at: None,
            flushing: false,
            stopped: false,
            ended: false,
        })
    }

    /// At most this many messages in one event; 100 unless told.
    pub fn max_batch(&self, messages: usize) {
        self.change(|state| state.max_batch = messages.max(1));
    }

    /// Clients can reject a message for good.
    pub fn can_reject(&self) {
        self.change(|state| state.can_reject = true);
    }

    /// Clients say `End` once nothing is left to give out.
    pub fn ends(&self) {
        self.change(|state| state.ends = true);
    }

    /// The next `connect` fails so; may be called several times.
    pub fn fail_connect(&self, error: Error) {
        self.change(|state| state.connect_errors.push_back(error));
    }

    /// The next `next` fails so; may be called several times.
    pub fn fail_next(&self, error: Error) {
        self.change(|state| state.next_errors.push_back(error));
    }

    /// How often a client connected with success.
    pub fn connects(&self) -> usize {
        self.look(|state| state.connects)
    }

    /// What no route may do and one did: settled twice, never given out, stale, committed past a
    /// gap or for an assignment that is over. A test ends with `assert!(violations.is_empty())`.
    pub fn violations(&self) -> Vec<String> {
        self.look(|state| {
            let mut violations = state.referee.violations.clone();
            violations.extend(state.broker.violations());
            violations
        })
    }

    /// Every outcome that was settled, in the order of the tags.
    pub fn outcomes(&self) -> Vec<Outcome> {
        self.look(|state| state.referee.outcomes())
    }

    /// Deliveries that were given out and have no outcome.
    pub fn open(&self) -> usize {
        self.look(|state| state.referee.open())
    }

    pub(super) fn broker<T>(&self, look: impl FnOnce(&B) -> T) -> T {
        self.look(|state| look(&state.broker))
    }

    pub(super) fn steer<T>(&self, change: impl FnOnce(&mut B) -> T) -> T {
        self.change(|state| change(&mut state.broker))
    }

    fn look<T>(&self, look: impl FnOnce(&State<B>) -> T) -> T {
        look(&lock(&self.0.state))
    }

    /// Changes the broker and wakes its client.
    fn change<T>(&self, change: impl FnOnce(&mut State<B>) -> T) -> T {
        let result = change(&mut lock(&self.0.state));
        self.0.changed.notify_waiters();
        result
    }
}

struct Client<B> {
    shared: Scripted<B>,
    budget: Option<Budget>,
    shares: HashMap<AssignmentId, Share>,
    /// Taken from the wire and not handed out.
    arrived: VecDeque<Delivery>,
    settled: Vec<(Tag, Outcome)>,
    releasing: VecDeque<Assignment>,
    /// When what was settled is committed, as clients do by themselves.
    commit_at: Option<Instant>,
    flushing: bool,
    stopped: bool,
    ended: bool,
}

/// How long a client waits with a commit for more to commit.
const COMMIT_EVERY: Duration = Duration::from_secs(1);

impl<B: Broker> Client<B> {
    /// What there is to say now; waits for nothing.
    fn say(&mut self) -> Result<Option<Event>, Error> {
        let now = Instant::now();
        let mut guard = lock(&self.shared.0.state);
        let state = &mut *guard;
        if !self.settled.is_empty() {
            self.commit_at.get_or_insert(now + COMMIT_EVERY);
        }
        for (tag, outcome) in self.settled.drain(..) {
            state.broker.settle(tag, outcome, now);
        }
        if self.commit_at.take_if(|at| *at <= now).is_some() {
            state.broker.commit(now);
        }
        if let Some(error) = state.next_errors.pop_front() {
            return Err(error);
        }
        if let Some(event) = state.broker.notice(now) {
            if let Event::Lost(assignment) = &event {
                state.referee.told_lost(assignment);
                self.shares.remove(&assignment.id());
            }
            return Ok(Some(event));
        }
        self.releasing.retain(|assignment| assignment.phase() != Phase::Over);
        if let Some(assignment) = self.releasing.pop_front() {
            state.broker.commit(now);
            state.broker.give_back(&assignment, now);
            state.referee.told_lost(&assignment);
            self.shares.remove(&assignment.id());
            return Ok(Some(Event::Released(assignment)));
        }
        if std::mem::take(&mut self.flushing) {
            state.broker.commit(now);
            return Ok(Some(Event::Flushed));
        }
        self.arrived.retain(|delivery| delivery.assignment.is_live());
        if !self.arrived.is_empty() {
            let room = state.max_batch.min(self.arrived.len());
            let deliveries: Vec<_> = self.arrived.drain(..room).collect();
            for delivery in &deliveries {
                state.referee.given_out(delivery.tag);
            }
            return Ok(Some(Event::Deliveries(deliveries)));
        }
        if state.ends && !self.ended && state.broker.is_exhausted() {
            self.ended = true;
            return Ok(Some(Event::End));
        }
        Ok(None)
    }

    /// Takes messages from the wire against permits, one of each assignment in turn.
    fn take(&mut self) {
        let (Some(budget), false) = (&self.budget, self.stopped) else { return };
        let now = Instant::now();
        let mut state = lock(&self.shared.0.state);
        let mut reading = state.broker.readable();
        while self.arrived.len() < state.max_batch && !reading.is_empty() {
            reading.retain(|assignment| {
                let id = assignment.id();
                let Some(message) = state.broker.front(id, now) else { return false };
                let share = self.shares.entry(id).or_insert_with(|| budget.share());
                let Some(permit) = share.try_take(message.size() as u64) else { return false };
                let Some(tag) = state.broker.take(id, now) else { return false };
                let assignment = assignment.clone();
                self.arrived.push_back(Delivery {
                    tag,
                    message,
                    assignment,
                    deadline: None,
                    permit,
                    fault: None,
                });
                true
            });
        }
    }
}

#[async_trait(?Send)]
impl<B: Broker> Source for Client<B> {
    async fn connect(&mut self, budget: Budget) -> Result<(), Error> {
        self.budget = Some(budget);
        self.shared.change(|state| {
            if let Some(error) = state.connect_errors.pop_front() {
                return Err(error);
            }
            state.connects += 1;
            state.broker.connect(Instant::now());
            Ok(())
        })
    }

    async fn next(&mut self) -> Result<Event, Error> {
        loop {
            let changed = self.shared.0.changed.clone().notified_owned();
            let released = self.shares.values().next().map(Share::released);
            if let Some(event) = self.say()? {
                return Ok(event);
            }
            self.take();
            if !self.arrived.is_empty() {
                // What arrived waits here for another poll, as it does in a real client.
                tokio::task::yield_now().await;
                continue;
            }
            let wake_at = self.shared.look(|state| state.broker.wake_at());
            let wake_at = wake_at.into_iter().chain(self.commit_at).min();
            tokio::select! {
                () = changed => {}
                () = async { match released { Some(released) => released.await, None => std::future::pending().await } } => {}
                () = async { match wake_at { Some(at) => tokio::time::sleep_until(at).await, None => std::future::pending().await } } => {}
            }
        }
    }

    fn settle(&mut self, settled: &[(Tag, Outcome)]) {
        let mut state = lock(&self.shared.0.state);
        let can_reject = state.can_reject;
        for (tag, outcome) in settled {
            if state.referee.settle(*tag, *outcome, can_reject) {
                self.settled.push((*tag, *outcome));
            }
        }
    }

    fn flush(&mut self) {
        self.flushing = true;
    }

    fn release(&mut self, assignment: &Assignment) {
        self.releasing.push_back(assignment.clone());
    }

    fn stop(&mut self) {
        self.stopped = true;
        self.arrived.clear();
    }

    fn can_reject(&self) -> bool {
        self.shared.look(|state| state.can_reject)
    }

    fn position(&self) -> Vec<(Assignment, u64)> {
        self.shared.look(|state| state.broker.positions())
    }

    async fn close(&mut self) {
        let now = Instant::now();
        self.arrived.clear();
        self.shared.change(|state| {
            for (tag, outcome) in self.settled.drain(..) {
                state.broker.settle(tag, outcome, now);
            }
            state.broker.commit(now);
            state.broker.close(now);
        });
    }
}
