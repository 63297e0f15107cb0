//! Subscribes to subjects of core NATS, in a route that says `at_most_once`.
//!
//! The server keeps nothing and waits for nobody: what does not fit into the queue here is dropped and counted, and what
//! is published while there is no connection never comes.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hybridge_config::connector::nats::SourceConfig;
use hybridge_core::{
    Assignment, Budget, Delivery, Error, ErrorKind, Event, Message, Origin, Outcome, Place, Share,
    Tag, Text,
};
use metrics::Counter;
use tokio::time::Instant;

use crate::nats::connection::Connection;
use crate::nats::endpoint::Endpoint;
use crate::nats::headers;
use crate::nats::wire::Incoming;

/// Deliveries that are given out together.
const BATCH: usize = 512;
/// A connection that cannot be replaced for so long is an error of the route.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(300);

/// Reads subjects.
pub(super) struct Source {
    plan: Rc<Plan>,
    open: Option<Open>,
}

struct Plan {
    endpoint: Endpoint,
    cluster: Text,
    subjects: Vec<String>,
    queue: Option<String>,
    pending: usize,
    dropped: Counter,
}

struct Open {
    plan: Rc<Plan>,
    state: State,
    assignment: Assignment,
    announced: bool,
    share: Share,
    /// What came with the answer to the subscriptions.
    early: VecDeque<Incoming>,
    /// What has arrived and has no memory yet.
    queue: VecDeque<Message>,
    queued: usize,
    most: usize,
    number: u64,
    is_dropping: bool,
    stopped: bool,
    flushing: bool,
    releasing: Option<Assignment>,
}

enum State {
    Up(Box<Connection>),
    Opening(Pin<Box<dyn Future<Output = Result<Subscribed, Error>>>>),
}

/// A connection whose subscriptions the server has accepted, and the messages that came meanwhile.
struct Subscribed {
    connection: Box<Connection>,
    early: Vec<Incoming>,
}

impl Source {
    pub(super) fn new(config: &SourceConfig, route: &str) -> Result<Self, Error> {
        let plan = Plan {
            endpoint: Endpoint::new(config.endpoint.as_ref(), route)?,
            cluster: Text::from(config.connection.as_str()),
            subjects: config.subjects.clone(),
            queue: config.queue.clone(),
            pending: config.pending.max(1) as usize,
            dropped: metrics::counter!("hybridge_nats_dropped_total", "route" => route.to_owned()),
        };
        Ok(Self { plan: Rc::new(plan), open: None })
    }
}

impl Plan {
    /// Subjects that may not be subscribed to are an error.
    async fn subscribe(&self) -> Result<Subscribed, Error> {
        let mut connection = Box::new(self.endpoint.open().await?);
        for subject in &self.subjects {
            connection.subscribe(subject, self.queue.as_deref());
        }
        connection.ask();
        let early = connection.answered().await?;
        Ok(Subscribed { connection, early })
    }
}

#[async_trait(?Send)]
impl hybridge_core::Source for Source {
    async fn probe(&self) -> Result<(), Error> {
        // A member of a group for a moment would take messages from the others.
        let connection = match self.plan.queue {
            None => *self.plan.subscribe().await?.connection,
            Some(_) => self.plan.endpoint.open().await?,
        };
        connection.close().await;
        Ok(())
    }

    async fn connect(&mut self, budget: Budget) -> Result<(), Error> {
        let Subscribed { connection, early } = self.plan.subscribe().await?;
        let place = Place {
            connector: Text::from_static("nats"),
            cluster: self.plan.cluster.clone(),
            topic: Text::from(self.plan.subjects.join(",")),
            // Nothing else tells the messages of one run from those of another.
            incarnation: Text::from(uuid::Uuid::new_v4().to_string()),
            partition: 0,
        };
        self.open = Some(Open {
            plan: self.plan.clone(),
            state: State::Up(connection),
            early: early.into(),
            assignment: Assignment::new(Arc::new(place)),
            announced: false,
            share: budget.share(),
            queue: VecDeque::new(),
            queued: 0,
            most: usize::try_from(budget.cap() / 4).unwrap_or(usize::MAX),
            number: 0,
            is_dropping: false,
            stopped: false,
            flushing: false,
            releasing: None,
        });
        Ok(())
    }

    async fn next(&mut self) -> Result<Event, Error> {
        let Some(open) = &mut self.open else {
            return Err(Error::new(ErrorKind::Fatal, "the nats source is not connected"));
        };
        open.next().await
    }

    fn settle(&mut self, _settled: &[(Tag, Outcome)]) {}

    fn flush(&mut self) {
        if let Some(open) = &mut self.open {
            open.flushing = true;
        }
    }

    fn release(&mut self, assignment: &Assignment) {
        if let Some(open) = &mut self.open {
            open.releasing = Some(assignment.clone());
        }
    }

    fn stop(&mut self) {
        if let Some(open) = &mut self.open {
            open.stopped = true;
        }
    }

    async fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        open.assignment.end();
        if let State::Up(connection) = open.state {
            connection.close().await;
        }
    }
}

impl Open {
    async fn next(&mut self) -> Result<Event, Error> {
        loop {
            if let Some(event) = self.notice() {
                return Ok(event);
            }
            let released = self.share.released();
            if let Err(error) = self.take() {
                self.reopen(&error);
            }
            let deliveries = self.deliver();
            if !deliveries.is_empty() {
                return Ok(Event::Deliveries(deliveries));
            }
            let is_short = !self.queue.is_empty();
            let opened = tokio::select! {
                biased;
                progress = progress(&mut self.state) => progress,
                () = released, if is_short => continue,
            };
            match opened {
                Ok(None) => {}
                Ok(Some(Subscribed { connection, early })) => {
                    tracing::warn!("subscribed again; what was published meanwhile is lost");
                    self.state = State::Up(connection);
                    self.early.extend(early);
                }
                Err(error) if matches!(self.state, State::Opening(_)) => return Err(error),
                Err(error) => self.reopen(&error),
            }
        }
    }

    fn notice(&mut self) -> Option<Event> {
        if !std::mem::replace(&mut self.announced, true) {
            return Some(Event::Assigned(vec![self.assignment.clone()]));
        }
        if let Some(assignment) = self.releasing.take() {
            assignment.end();
            return Some(Event::Released(assignment));
        }
        std::mem::take(&mut self.flushing).then_some(Event::Flushed)
    }

    /// Takes what has arrived off the connection, so that the server does not end it, and drops what does not fit.
    fn take(&mut self) -> Result<(), Error> {
        let State::Up(connection) = &mut self.state else { return Ok(()) };
        let mut dropped = 0;
        loop {
            let early = self.early.pop_front();
            let Some(incoming) =
                early.map_or_else(|| connection.take(), |early| Ok(Some(early)))?
            else {
                break;
            };
            let is_full = self.queue.len() >= self.plan.pending || self.queued >= self.most;
            if self.stopped || is_full {
                dropped += u64::from(!self.stopped);
                continue;
            }
            let message = message(incoming, self.number, self.assignment.place());
            self.number += 1;
            self.queued += message.size();
            self.queue.push_back(message);
        }
        if dropped > 0 {
            self.plan.dropped.increment(dropped);
            if !std::mem::replace(&mut self.is_dropping, true) {
                tracing::warn!("messages are dropped: they come faster than they are sent");
            }
        }
        Ok(())
    }

    fn deliver(&mut self) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        while deliveries.len() < BATCH && self.assignment.is_live() {
            let Some(message) = self.queue.front() else {
                self.is_dropping = false;
                break;
            };
            let Some(permit) = self.share.try_take(message.size() as u64) else { break };
            let Some(message) = self.queue.pop_front() else { break };
            self.queued -= message.size();
            deliveries.push(Delivery {
                tag: Tag { assignment: self.assignment.id(), number: message.origin.offset },
                message,
                assignment: self.assignment.clone(),
                deadline: None,
                permit,
                fault: None,
            });
        }
        deliveries
    }

    fn reopen(&mut self, error: &Error) {
        tracing::warn!(%error, "connecting again");
        let plan = self.plan.clone();
        let until = Instant::now() + PATIENCE.max(plan.endpoint.timeout() * 2);
        self.state = State::Opening(Box::pin(async move {
            loop {
                match plan.subscribe().await {
                    Ok(connection) => return Ok(connection),
                    Err(error) if Instant::now() >= until => return Err(error),
                    Err(_) => tokio::time::sleep(PAUSE).await,
                }
            }
        }));
    }
}

/// Waits for the connection, or for a new one. Cancel-safe.
async fn progress(state: &mut State) -> Result<Option<Subscribed>, Error> {
    match state {
        State::Up(connection) => connection.read_on().await.map(|()| None),
        State::Opening(opening) => opening.await.map(Some),
    }
}

fn message(incoming: Incoming, number: u64, place: &Arc<Place>) -> Message {
    let mut message = Message {
        key: Some(incoming.subject),
        payload: Some(incoming.payload),
        origin: Origin { place: place.clone(), offset: number, child: 0 },
        ..Message::default()
    };
    if !incoming.headers.is_empty() {
        headers::decode(&incoming.headers, &mut message);
    }
    message
}
