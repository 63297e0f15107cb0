//! The source while it is connected.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hybridge_core::{
    Assignment, Budget, Delivery, Error, ErrorKind, Event, Message, Origin, Outcome, Permit, Phase,
    Place, Share, Tag,
};
use metrics::Counter;
use tokio::time::Instant;

use super::session::{Before, Session, Shared};
use crate::nats::api::ConsumerInfo;
use crate::nats::headers;
use crate::nats::pull::{self, Notice};
use crate::nats::source::flight::{Entry, Flight};
use crate::nats::wire::Incoming;

/// Deliveries that are given out together.
const BATCH: usize = 1024;
/// A connection that cannot be replaced for so long is an error of the route.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(300);
/// How often the consumer is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// The longest delay with which an abandoned message comes again.
const MOST_DELAY: Duration = Duration::from_secs(30);

pub(super) struct Open {
    plan: Shared,
    share: Share,
    cap: u64,
    uncommitted: usize,
    assignment: Assignment,
    place: Arc<Place>,
    announced: bool,
    state: State,
    before: Before,
    flight: Flight,
    /// What is to be said about messages once there is a connection.
    owed: Vec<(Bytes, Bytes)>,
    ack_wait: Duration,
    max_deliver: i64,
    /// When the server is next asked for more time, looked at and checked.
    tick: Instant,
    looked: Instant,
    pending: Option<u64>,
    /// Why the session cannot go on, once what came before is given out.
    failure: Option<Error>,
    stopped: bool,
    flushing: Flushing,
    releasing: Option<Assignment>,
    given_up: Counter,
    again: Counter,
}

enum State {
    Up(Box<Session>),
    Opening(Pin<Box<dyn Future<Output = Result<Session, Error>>>>),
}

/// How far a flush has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flushing {
    No,
    Wanted,
    /// The server was asked, and answers behind everything that was sent before.
    Asked,
}

/// What ended the waiting.
enum Woken {
    Read(Result<(), Error>),
    Memory,
    Time,
}

impl Open {
    pub(super) async fn connect(
        plan: Shared,
        budget: Budget,
        uncommitted: usize,
    ) -> Result<Self, Error> {
        let (share, cap) = (budget.share(), budget.cap());
        let session = Session::establish(&plan, share.clone(), cap, None).await?;
        let place = Arc::new(plan.place(&session.created));
        let now = Instant::now();
        let labels = [("route", plan.route.clone()), ("stream", plan.stream.clone())];
        let mut open = Self {
            assignment: Assignment::new(place.clone()),
            place,
            announced: false,
            before: Before { created: session.created.clone(), floor: 0 },
            flight: Flight::default(),
            owed: Vec::new(),
            ack_wait: session.ack_wait(),
            max_deliver: -1,
            tick: now,
            looked: now,
            pending: None,
            failure: None,
            stopped: false,
            flushing: Flushing::No,
            releasing: None,
            given_up: metrics::counter!("hybridge_nats_given_up_total", &labels),
            again: metrics::counter!("hybridge_nats_repeated_in_flight_total", &labels),
            plan,
            share,
            cap,
            uncommitted,
            state: State::Opening(Box::pin(std::future::pending())),
        };
        open.begin(session);
        Ok(open)
    }

    /// Goes on with a new session.
    fn begin(&mut self, session: Session) {
        self.ack_wait = session.ack_wait();
        self.know(&session.info);
        self.tick = Instant::now() + self.ack_wait / 3;
        let mut session = Box::new(session);
        for (reply, said) in self.owed.drain(..) {
            session.connection.publish(&reply, b"", b"", &said);
        }
        if self.flushing == Flushing::Asked {
            self.flushing = Flushing::Wanted;
        }
        self.state = State::Up(session);
    }

    fn know(&mut self, info: &ConsumerInfo) {
        self.before.floor = self.before.floor.max(info.ack_floor.stream_seq);
        self.max_deliver = info.config.max_deliver;
        self.pending = Some(info.num_pending);
    }

    /// The contract of [`hybridge_core::Source::next`].
    pub(super) async fn next(&mut self) -> Result<Event, Error> {
        loop {
            if let Some(event) = self.notice() {
                return Ok(event);
            }
            let session = match &mut self.state {
                State::Up(session) => session,
                State::Opening(opening) => {
                    let session = opening.await?;
                    tracing::info!(stream = self.plan.stream, "connected again");
                    self.begin(session);
                    continue;
                }
            };
            let is_reading = !self.stopped && self.assignment.is_live();
            let room = self.uncommitted.saturating_sub(self.flight.len()) as u64;
            let mut is_short = false;
            let released = self.share.released();
            while is_reading && room > 0 && session.pull.is_short() && !is_short {
                is_short = !session.pull.ask(&mut session.connection, room);
            }
            let deliveries = self.take();
            if !deliveries.is_empty() {
                return Ok(Event::Deliveries(deliveries));
            }
            if let Some(error) = self.failure.take() {
                self.reopen(&error)?;
                continue;
            }
            let woken = self.wait(is_short.then_some(released)).await;
            self.woken(woken)?;
        }
    }

    async fn wait(&mut self, released: Option<impl Future<Output = ()>>) -> Woken {
        let State::Up(session) = &mut self.state else { return Woken::Time };
        let has_released = released.is_some();
        let released = async {
            match released {
                Some(released) => released.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            read = session.connection.read_on() => Woken::Read(read),
            () = released, if has_released => Woken::Memory,
            () = tokio::time::sleep_until(self.tick.min(self.looked + LOOK)) => Woken::Time,
        }
    }

    fn woken(&mut self, woken: Woken) -> Result<(), Error> {
        match woken {
            Woken::Memory | Woken::Read(Ok(())) => Ok(()),
            Woken::Read(Err(error)) => self.reopen(&error),
            Woken::Time => self.on_time(),
        }
    }

    /// Asks for more time for what is in flight, looks at the consumer, and notices when the server is silent.
    fn on_time(&mut self) -> Result<(), Error> {
        let now = Instant::now();
        let State::Up(session) = &mut self.state else { return Ok(()) };
        if now >= self.tick {
            let connection = &mut session.connection;
            let age = self.ack_wait / 6;
            self.flight.touch(age, now, |reply| connection.publish(reply, b"", b"", b"+WPI"));
            self.tick = now + self.ack_wait / 3;
        }
        if now >= self.looked + LOOK {
            self.looked = now;
            session.ask_info(&self.plan);
        }
        if !self.stopped && session.pull.silent_at().is_some_and(|at| at <= now) {
            let silent = Error::new(ErrorKind::Disconnected, "the consumer is silent");
            return self.reopen(&silent);
        }
        Ok(())
    }

    /// Takes everything that has arrived. An error is kept until what came before it is given out.
    fn take(&mut self) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        let now = Instant::now();
        while deliveries.len() < BATCH && self.failure.is_none() {
            let State::Up(session) = &mut self.state else { break };
            match session.connection.take() {
                Ok(None) => break,
                Ok(Some(incoming)) if incoming.sid == session.pull.sid => {
                    deliveries.extend(self.pulled(incoming, now));
                }
                Ok(Some(incoming)) => self.heard(&incoming),
                Err(error) => self.failure = Some(error),
            }
        }
        deliveries
    }

    /// A message, or what the server says about a request for some.
    fn pulled(&mut self, incoming: Incoming, now: Instant) -> Option<Delivery> {
        let Some(status) = incoming.status() else { return self.deliver(incoming, now) };
        let State::Up(session) = &mut self.state else { return None };
        if let Notice::Gone(why) = session.pull.heard(&incoming, status) {
            let what = format!("the consumer `{}`: {why}", self.plan.durable);
            self.failure = Some(Error::transient(what));
        }
        None
    }

    /// What is no message of the stream.
    fn heard(&mut self, incoming: &Incoming) {
        let State::Up(session) = &self.state else { return };
        if incoming.sid == session.answers {
            self.answered(incoming);
        } else if incoming.sid == session.advisories {
            self.given_up.increment(1);
            let advisory = String::from_utf8_lossy(&incoming.payload);
            let consumer = &self.plan.durable;
            tracing::error!(consumer, %advisory, "the server gave a message up: it stays in the stream");
        }
    }

    /// How the consumer is.
    fn answered(&mut self, incoming: &Incoming) {
        if incoming.status() == Some(503) {
            return;
        }
        let gone: serde_json::Value = serde_json::from_slice(&incoming.payload).unwrap_or_default();
        if gone.get("error").is_some() {
            let what = format!("the consumer `{}` is not there any more", self.plan.durable);
            self.failure = Some(Error::transient(what));
        } else if let Ok(info) = serde_json::from_value(gone) {
            self.know(&info);
        }
    }

    /// Makes a delivery of a message; none of one that is in flight already, or that came after we stopped.
    fn deliver(&mut self, incoming: Incoming, now: Instant) -> Option<Delivery> {
        let State::Up(session) = &mut self.state else { return None };
        let reply = incoming.reply.clone()?;
        let place = pull::Place::parse(&reply)?;
        self.pending = Some(place.pending);
        if self.flight.again(place.stream_seq, &reply, now) {
            self.again.increment(1);
            session.pull.answered(0, now);
            return None;
        }
        if self.stopped || !self.assignment.is_live() {
            session.connection.publish(&reply, b"", b"", b"-NAK");
            return None;
        }
        let message = message(incoming, place, &self.place);
        let permit = session.pull.answered(message.size() as u64, now)?;
        let fault = self.is_last_but_one(place.delivered).then(|| {
            Error::rejected(format!(
                "delivered {} times, and the server gives it up after {}",
                place.delivered, self.max_deliver
            ))
        });
        let number = self.flight.insert(reply, place.stream_seq, place.delivered, now);
        let tag = Tag { assignment: self.assignment.id(), number };
        Some(self.delivery(tag, message, permit, fault))
    }

    fn delivery(
        &self,
        tag: Tag,
        message: Message,
        permit: Permit,
        fault: Option<Error>,
    ) -> Delivery {
        Delivery {
            tag,
            message,
            assignment: self.assignment.clone(),
            deadline: None,
            permit,
            fault,
        }
    }

    /// Whether the server would give a message up that is delivered once more than it may be.
    fn is_last_but_one(&self, delivered: u64) -> bool {
        let most = u64::try_from(self.max_deliver).unwrap_or(0);
        most > 0 && delivered + 1 >= most
    }

    /// Begins to replace the connection; what is in flight goes on.
    fn reopen(&mut self, error: &Error) -> Result<(), Error> {
        let is_denied = matches!(&self.state, State::Up(up) if up.connection.is_denied());
        if is_denied || error.kind() == ErrorKind::Fatal {
            return Err(error.clone());
        }
        tracing::warn!(stream = self.plan.stream, %error, "connecting again");
        let (plan, share, cap) = (self.plan.clone(), self.share.clone(), self.cap);
        let before = self.before.clone();
        let until = Instant::now() + PATIENCE.max(plan.endpoint.timeout() * 2);
        let opening = async move {
            loop {
                let opened = Session::establish(&plan, share.clone(), cap, Some(&before)).await;
                let error = match opened {
                    Ok(session) => return Ok(session),
                    Err(error) => error,
                };
                if error.kind() == ErrorKind::Fatal || Instant::now() >= until {
                    return Err(error);
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        if let State::Up(session) =
            std::mem::replace(&mut self.state, State::Opening(Box::pin(opening)))
        {
            session.connection.abandon();
        }
        Ok(())
    }

    pub(super) fn settle(&mut self, settled: &[(Tag, Outcome)]) {
        for (tag, outcome) in settled {
            if tag.assignment != self.assignment.id() {
                continue;
            }
            let Some(entry) = self.flight.take(tag.number) else { continue };
            if self.assignment.phase() == Phase::Over {
                continue;
            }
            match outcome.is_resolved() {
                true => self.say(entry.reply, Bytes::from_static(b"+ACK")),
                false => {
                    let delay = delay(&entry);
                    let said = format!("-NAK {{\"delay\": {}}}", delay.as_nanos());
                    self.say(entry.reply, said.into());
                }
            }
        }
    }

    fn say(&mut self, reply: Bytes, said: Bytes) {
        match &mut self.state {
            State::Up(session) => session.connection.publish(&reply, b"", b"", &said),
            State::Opening(_) => self.owed.push((reply, said)),
        }
    }

    /// What there is to say without waiting.
    fn notice(&mut self) -> Option<Event> {
        if !std::mem::replace(&mut self.announced, true) {
            return Some(Event::Assigned(vec![self.assignment.clone()]));
        }
        let State::Up(session) = &mut self.state else { return None };
        match self.flushing {
            Flushing::No => return None,
            Flushing::Wanted => {
                session.connection.ask();
                self.flushing = Flushing::Asked;
                return None;
            }
            Flushing::Asked if !session.connection.is_answered() => return None,
            Flushing::Asked => self.flushing = Flushing::No,
        }
        match self.releasing.take() {
            None => Some(Event::Flushed),
            Some(assignment) => {
                assignment.end();
                Some(Event::Released(assignment))
            }
        }
    }

    pub(super) fn flush(&mut self) {
        self.flushing = Flushing::Wanted;
    }

    pub(super) fn release(&mut self, assignment: &Assignment) {
        self.releasing = Some(assignment.clone());
        self.flushing = Flushing::Wanted;
    }

    pub(super) fn stop(&mut self) {
        self.stopped = true;
        if let State::Up(session) = &mut self.state {
            let sid = session.pull.sid;
            session.connection.unsubscribe(sid);
        }
    }

    pub(super) fn lag(&self) -> Option<u64> {
        self.pending
    }

    pub(super) async fn close(self) {
        self.assignment.end();
        if let State::Up(session) = self.state {
            session.connection.close().await;
        }
    }
}

/// How long an abandoned message stays away: so that nobody runs in circles with it.
fn delay(entry: &Entry) -> Duration {
    let doublings = u32::try_from(entry.delivered.saturating_sub(1)).unwrap_or(u32::MAX).min(10);
    Duration::from_secs(1).saturating_mul(1 << doublings).min(MOST_DELAY)
}

/// The message, under the subject as its key where no other is written in it.
pub(in crate::nats::source) fn message(
    incoming: Incoming,
    place: pull::Place,
    of: &Arc<Place>,
) -> Message {
    let mut message = Message {
        key: Some(incoming.subject),
        payload: Some(incoming.payload),
        time: Some(place.time / 1_000_000),
        origin: Origin { place: of.clone(), offset: place.stream_seq, child: 0 },
        ..Message::default()
    };
    if !incoming.headers.is_empty() {
        headers::decode(&incoming.headers, &mut message);
    }
    message
}
