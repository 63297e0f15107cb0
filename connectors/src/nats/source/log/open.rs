//! The source while it is connected.

mod holding;

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use hybridge_core::{
    Assignment, Budget, Delivery, Error, ErrorKind, Event, Outcome, Share, Tag, Watermark,
};
use tokio::time::Instant;

use self::holding::{Held, position};
use super::Plan;
use super::claim::Position;
use super::session::Session;
use crate::nats::lease::{Change, Tenure};
use crate::nats::pull::{self, Notice};
use crate::nats::source::consumer::message;
use crate::nats::wire::Incoming;

/// Deliveries that are given out together.
const BATCH: usize = 1024;
/// How often the position is written while it moves.
const SAVE: Duration = Duration::from_secs(1);
/// Before something that failed is tried again.
const PAUSE: Duration = Duration::from_millis(300);
/// A stream that cannot be read for so long is an error of the route.
const PATIENCE: Duration = Duration::from_secs(10);

type Task<T> = Pin<Box<dyn Future<Output = T>>>;

pub(super) struct Open {
    plan: Rc<Plan>,
    share: Share,
    cap: u64,
    watermark: Watermark,
    tenure: Tenure<Plan>,
    /// While the lease is ours.
    held: Option<Held>,
    session: State,
    /// What is to be said.
    events: Vec<Event>,
    failure: Option<Error>,
    pending: Option<u64>,
    stopped: bool,
    /// The position that must be durable before the flush is over.
    flushing: Option<u64>,
    releasing: Option<Assignment>,
}

enum State {
    None,
    Up(Box<Session>),
    Opening(Task<Result<Session, Error>>),
}

enum Woken {
    Lease(Option<Change<Position>>),
    Opened(Result<Box<Session>, Error>),
    Read(Result<(), Error>),
    Other,
}

impl Open {
    pub(super) async fn connect(
        plan: Rc<Plan>,
        budget: Budget,
        uncommitted: usize,
    ) -> Result<Self, Error> {
        let (share, cap) = (budget.share(), budget.cap());
        let (tenure, change) = Tenure::open(plan.lease.clone(), plan.clone()).await?;
        let mut open = Self {
            plan,
            share,
            cap,
            watermark: Watermark::new(uncommitted),
            tenure,
            held: None,
            session: State::None,
            events: Vec::new(),
            failure: None,
            pending: None,
            stopped: false,
            flushing: None,
            releasing: None,
        };
        if let Some(change) = change {
            open.changed(change);
        }
        Ok(open)
    }

    /// The contract of [`hybridge_core::Source::next`].
    pub(super) async fn next(&mut self) -> Result<Event, Error> {
        loop {
            self.watch();
            if let Some(event) = self.notice() {
                return Ok(event);
            }
            let is_asked = self.flushing.is_some();
            self.tenure.begin(is_asked, || position(self.held.as_ref(), &self.watermark));
            let released = self.share.released();
            let is_short = self.ask();
            let deliveries = self.take();
            if !deliveries.is_empty() {
                return Ok(Event::Deliveries(deliveries));
            }
            if let Some(error) = self.failure.take() {
                self.reopen(&error)?;
                continue;
            }
            let alarm = self.alarm();
            let woken = tokio::select! {
                biased;
                change = self.tenure.progress() => Woken::Lease(change?),
                woken = progress(&mut self.session) => woken,
                () = released, if is_short => Woken::Other,
                () = tokio::time::sleep_until(alarm) => Woken::Other,
            };
            match woken {
                Woken::Lease(Some(change)) => self.changed(change),
                Woken::Opened(session) => self.session = State::Up(session?),
                Woken::Lease(None) | Woken::Read(Ok(())) | Woken::Other => {}
                Woken::Read(Err(error)) => self.reopen(&error)?,
            }
        }
    }

    /// When something must be done, whatever comes.
    fn alarm(&self) -> Instant {
        let mut alarm = self.tenure.alarm().unwrap_or_else(|| Instant::now() + SAVE);
        if let State::Up(session) = &self.session {
            alarm = alarm.min(session.pull.silent_at().unwrap_or(alarm));
        }
        // What is past was dealt with, or cannot be yet.
        alarm.max(Instant::now() + Duration::from_millis(5))
    }

    /// Notices that the lease is over, and that the server is silent.
    fn watch(&mut self) {
        if let Some(change) = self.tenure.watch() {
            self.changed(change);
        }
        let now = Instant::now();
        if let State::Up(session) = &self.session
            && !self.stopped
            && session.pull.silent_at().is_some_and(|at| at <= now)
        {
            self.failure = Some(Error::new(ErrorKind::Disconnected, "the consumer is silent"));
        }
    }

    /// What there is to say without waiting.
    fn notice(&mut self) -> Option<Event> {
        if !self.events.is_empty() {
            return Some(self.events.remove(0));
        }
        let target = self.flushing?;
        if self.held.as_ref().is_some_and(|held| held.saved < target) {
            return None;
        }
        self.flushing = None;
        let Some(assignment) = self.releasing.take() else { return Some(Event::Flushed) };
        assignment.end();
        self.watermark.remove(assignment.id());
        Some(Event::Released(assignment))
    }

    fn open_session(&mut self) {
        let Some(held) = &self.held else { return };
        let (plan, share, cap) = (self.plan.clone(), self.share.clone(), self.cap);
        let (next, created) = (held.next, held.stream.clone());
        let until = Instant::now() + PATIENCE.max(plan.endpoint.timeout() * 2);
        self.session = State::Opening(Box::pin(async move {
            loop {
                let opened = Session::establish(&plan, share.clone(), cap, next, &created).await;
                let error = match opened {
                    Ok(session) => return Ok(session),
                    Err(error) => error,
                };
                if error.kind() == ErrorKind::Fatal || Instant::now() >= until {
                    return Err(error);
                }
                tokio::time::sleep(PAUSE).await;
            }
        }));
    }

    /// Begins to replace the connection; reading goes on behind what was read.
    fn reopen(&mut self, error: &Error) -> Result<(), Error> {
        let is_denied = matches!(&self.session, State::Up(up) if up.connection.is_denied());
        if is_denied || error.kind() == ErrorKind::Fatal {
            return Err(error.clone());
        }
        tracing::warn!(stream = self.plan.stream, %error, "connecting again");
        if let State::Up(session) = std::mem::replace(&mut self.session, State::None) {
            session.connection.abandon();
        }
        if !self.stopped {
            self.open_session();
        }
        Ok(())
    }

    /// Asks for messages; whether only memory was missing for it.
    fn ask(&mut self) -> bool {
        let (Some(held), State::Up(session)) = (&self.held, &mut self.session) else {
            return false;
        };
        if self.stopped || !held.assignment.is_live() {
            return false;
        }
        while session.pull.is_short() && !self.watermark.is_full(held.assignment.id()) {
            if !session.pull.ask(&mut session.connection, u64::MAX) {
                return true;
            }
        }
        false
    }

    /// Takes everything that has arrived. An error is kept until what came before it is given out.
    fn take(&mut self) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        let now = Instant::now();
        while deliveries.len() < BATCH && self.failure.is_none() {
            let State::Up(session) = &mut self.session else { break };
            match session.connection.take() {
                Ok(None) => break,
                Ok(Some(incoming)) if incoming.sid == session.pull.sid => {
                    deliveries.extend(self.pulled(incoming, now));
                }
                Ok(Some(_)) => {}
                Err(error) => self.failure = Some(error),
            }
        }
        deliveries
    }

    fn pulled(&mut self, incoming: Incoming, now: Instant) -> Option<Delivery> {
        let (Some(held), State::Up(session)) = (&mut self.held, &mut self.session) else {
            return None;
        };
        if let Some(status) = incoming.status() {
            if let Notice::Gone(why) = session.pull.heard(&incoming, status) {
                self.failure = Some(Error::transient(format!("the consumer: {why}")));
            }
            return None;
        }
        let place = pull::Place::parse(incoming.reply.as_deref()?)?;
        if place.consumer_seq != session.last + 1 || place.stream_seq < held.next {
            self.failure = Some(Error::transient("the consumer left a message out"));
            return None;
        }
        self.pending = Some(place.pending);
        if self.stopped || !held.assignment.is_live() {
            return None;
        }
        let mut message = message(incoming, place, held.assignment.place());
        if let Some(prefix) = &self.plan.bucket {
            super::as_entry(prefix, &mut message);
        }
        let Some(permit) = session.pull.answered(message.size() as u64, now) else {
            self.failure = Some(Error::transient("the server sent more than it was asked for"));
            return None;
        };
        let tag = self.watermark.register(held.assignment.id(), place.stream_seq)?;
        session.last = place.consumer_seq;
        held.next = place.stream_seq + 1;
        let assignment = held.assignment.clone();
        Some(Delivery { tag, message, assignment, deadline: None, permit, fault: None })
    }

    pub(super) fn settle(&mut self, settled: &[(Tag, Outcome)]) {
        for (tag, outcome) in settled {
            self.watermark.settle(*tag, *outcome);
        }
        self.tenure.save_within(SAVE);
    }

    pub(super) fn flush(&mut self) {
        let held = self.held.as_ref();
        let position = held.and_then(|held| self.watermark.committable(held.assignment.id()));
        self.flushing = Some(position.unwrap_or(0));
    }

    pub(super) fn release(&mut self, assignment: &Assignment) {
        self.flush();
        self.releasing = Some(assignment.clone());
    }

    pub(super) fn stop(&mut self) {
        self.stopped = true;
        self.tenure.stop();
        if let State::Up(session) = &mut self.session {
            let sid = session.pull.sid;
            session.connection.unsubscribe(sid);
        }
    }

    pub(super) fn positions(&self) -> Vec<(Assignment, u64)> {
        self.watermark.positions()
    }

    pub(super) fn lag(&self) -> Option<u64> {
        self.pending
    }

    pub(super) fn waits_for(&self) -> Option<String> {
        self.tenure.waits_for()
    }

    /// Gives the lease back, so that nobody has to wait for its end.
    pub(super) async fn close(mut self) {
        if let State::Up(session) = std::mem::replace(&mut self.session, State::None) {
            session.close().await;
        }
        if let Some(held) = &self.held {
            held.assignment.end();
        }
        self.tenure.release(|| position(self.held.as_ref(), &self.watermark)).await;
    }
}

/// Waits for the connection. Cancel-safe.
async fn progress(session: &mut State) -> Woken {
    match session {
        State::None => std::future::pending().await,
        State::Up(session) => Woken::Read(session.connection.read_on().await),
        State::Opening(opening) => Woken::Opened(opening.await.map(Box::new)),
    }
}
