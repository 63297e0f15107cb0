//! Events that are posted to us.

mod gather;

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hybridge_config::connector::http::SourceConfig;
use hybridge_core::{
    Assignment, Budget, Delivery, Error, ErrorKind, Event, Message, Origin, Outcome, Permit, Place,
    Tag, Text,
};
use tokio::sync::oneshot;
use tokio::time::Instant;

use self::gather::Gather;
use super::answer::Settled;
use super::endpoint::{Arrival, Endpoint, Messages};
use super::ferry::{Landing, Told};
use super::servers::{Attachment, Servers};

/// Requests that one `next` gives at most; a batch is whatever is waiting.
const DRAINED: usize = 256;
/// How long `close` waits until the callers have been told.
const GOODBYE: Duration = Duration::from_secs(1);

/// A source of posted events. Every event keeps its caller waiting until it is settled.
///
/// It has one assignment for as long as it lives. Its deliveries have a deadline, and it can
/// reject. There is nothing to flush: an answer is given by `settle`.
pub struct Source {
    config: SourceConfig,
    route: String,
    instance: Text,
    servers: Servers,
    running: Option<Running>,
}

struct Running {
    endpoint: Arc<Endpoint>,
    attachment: Option<Attachment>,
    landing: Landing,
    /// Arrivals that are not given out yet.
    drained: Vec<Arrival>,
    gather: Gather,
    /// Requests that are given out and not settled.
    open: usize,
    /// The number of a delivery and when it was given out, to see how long it takes.
    timed: Option<(u64, Instant)>,
    assignment: Assignment,
    /// The number and offset of the next delivery.
    next: u64,
    /// Who waits for which delivery.
    waiting: HashMap<u64, Caller>,
    /// What is settled and not told yet: it is told at the next poll, which the route makes when
    /// no lane has anything more to settle.
    told: Vec<Told>,
    /// What is to be said before the next deliveries.
    events: VecDeque<Event>,
}

/// Who waits for a delivery. Dropped without an answer, the caller gets 503.
enum Caller {
    Alone(oneshot::Sender<Settled>),
    InBatch(Rc<Batch>, usize),
}

/// A batch that is answered once all of it is settled.
struct Batch(RefCell<Open>);

struct Open {
    outcomes: Vec<Outcome>,
    left: usize,
    reply: Option<oneshot::Sender<Settled>>,
}

impl Source {
    /// A source that listens where `config` says once it is connected, for this route;
    /// `instance` names this process in the origin of its messages.
    pub fn new(config: &SourceConfig, route: &str, instance: Text, servers: Servers) -> Self {
        Self { config: config.clone(), route: route.to_owned(), instance, servers, running: None }
    }

    /// Where it listens; `None` before it is connected and after it is closed.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        let running = self.running.as_ref()?;
        running.attachment.as_ref().map(|attachment| attachment.address)
    }

    fn place(&self) -> Place {
        Place {
            connector: Text::from_static("http"),
            cluster: self.instance.clone(),
            topic: Text::from(format!("{}{}", self.config.listen, self.config.path)),
            incarnation: Text::from(uuid::Uuid::new_v4().simple().to_string()),
            partition: 0,
        }
    }
}

#[async_trait(?Send)]
impl hybridge_core::Source for Source {
    async fn connect(&mut self, budget: Budget) -> Result<(), Error> {
        let (endpoint, landing) = Endpoint::new(&self.config, &self.route, budget.share())?;
        let endpoint = Arc::new(endpoint);
        let attachment = self.servers.attach(&self.config, endpoint.clone()).await?;
        let assignment = Assignment::new(Arc::new(self.place()));
        self.running = Some(Running {
            endpoint,
            attachment: Some(attachment),
            landing,
            drained: Vec::new(),
            gather: Gather::default(),
            open: 0,
            timed: None,
            told: Vec::new(),
            events: VecDeque::from([Event::Assigned(vec![assignment.clone()])]),
            assignment,
            next: 0,
            waiting: HashMap::new(),
        });
        Ok(())
    }

    async fn next(&mut self) -> Result<Event, Error> {
        let Some(running) = &mut self.running else {
            return Err(Error::new(ErrorKind::Fatal, "http source is not connected"));
        };
        running.landing.tell(&mut running.told);
        if let Some(event) = running.events.pop_front() {
            return Ok(event);
        }
        running.gather().await;
        Ok(Event::Deliveries(running.deliver()))
    }

    fn settle(&mut self, settled: &[(Tag, Outcome)]) {
        let Some(running) = &mut self.running else { return };
        for (tag, outcome) in settled {
            if tag.assignment != running.assignment.id() {
                continue;
            }
            if let Some((_, given)) = running.timed.take_if(|(number, _)| *number == tag.number) {
                running.gather.answered(given.elapsed());
            }
            if let Some(caller) = running.waiting.remove(&tag.number)
                && let Some(told) = caller.settle(*outcome)
            {
                running.told.push(told);
                running.open -= 1;
            }
        }
        if running.told.len() >= DRAINED {
            running.landing.tell(&mut running.told);
        }
    }

    fn flush(&mut self) {
        if let Some(running) = &mut self.running {
            running.events.push_back(Event::Flushed);
        }
    }

    fn release(&mut self, assignment: &Assignment) {
        if let Some(running) = &mut self.running {
            running.events.push_back(Event::Released(assignment.clone()));
        }
    }

    fn stop(&mut self) {
        if let Some(running) = &mut self.running {
            running.stop();
        }
    }

    fn can_reject(&self) -> bool {
        true
    }

    fn lag(&self) -> Option<u64> {
        self.running
            .as_ref()
            .map(|running| (running.drained.len() + running.landing.waiting()) as u64)
    }

    async fn close(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        running.landing.tell(&mut running.told);
        running.stop();
        running.assignment.end();
        running.waiting.clear();
        let quiet = tokio::time::timeout(GOODBYE, running.endpoint.quiet()).await;
        if quiet.is_err() {
            tracing::warn!(route = self.route, "http source closed while requests were open");
        }
        if let Some(attachment) = running.attachment.take() {
            attachment.detach(GOODBYE).await;
        }
    }
}

impl Running {
    /// Waits for arrivals that are to be given out. Cancel-safe.
    async fn gather(&mut self) {
        if self.drained.is_empty() {
            self.landing.land(&mut self.drained, DRAINED).await;
        }
        while let Some(until) = self.gather.holds(self.drained.len(), self.open) {
            let more = self.landing.land(&mut self.drained, DRAINED);
            let _ = tokio::time::timeout_at(until, more).await;
        }
    }

    /// What was drained, as deliveries.
    fn deliver(&mut self) -> Vec<Delivery> {
        let mut drained = std::mem::take(&mut self.drained);
        self.open += drained.len();
        self.gather.given_out(self.open);
        self.timed.get_or_insert_with(|| (self.next, Instant::now()));
        let mut deliveries = Vec::with_capacity(drained.len());
        for Arrival { messages, mut permit, deadline, reply } in drained.drain(..) {
            match messages {
                Messages::One(message) => {
                    let caller = Caller::Alone(reply);
                    deliveries.push(self.delivery(message, permit, deadline, caller));
                }
                Messages::Many(messages) => {
                    let batch = Rc::new(Batch::new(messages.len(), reply));
                    for (index, message) in messages.into_iter().enumerate() {
                        let permit = permit.split(message.size() as u64);
                        let caller = Caller::InBatch(batch.clone(), index);
                        deliveries.push(self.delivery(message, permit, deadline, caller));
                    }
                }
            }
        }
        self.drained = drained;
        deliveries
    }

    fn delivery(
        &mut self,
        mut message: Message,
        permit: Permit,
        deadline: Instant,
        caller: Caller,
    ) -> Delivery {
        let number = self.next;
        self.next += 1;
        self.waiting.insert(number, caller);
        let place = self.assignment.place().clone();
        message.origin = Origin { place, offset: number, child: 0 };
        Delivery {
            tag: Tag { assignment: self.assignment.id(), number },
            message,
            assignment: self.assignment.clone(),
            deadline: Some(deadline),
            permit,
            fault: None,
        }
    }

    /// What is open goes on; what waits to be handed out is told to come again.
    fn stop(&mut self) {
        self.endpoint.stop();
        self.landing.close();
        self.drained.clear();
    }
}

impl Caller {
    /// The answer that this makes complete.
    fn settle(self, outcome: Outcome) -> Option<Told> {
        match self {
            Self::Alone(reply) => Some((reply, Settled::One(outcome))),
            Self::InBatch(batch, index) => batch.settle(index, outcome),
        }
    }
}

impl Batch {
    fn new(events: usize, reply: oneshot::Sender<Settled>) -> Self {
        let outcomes = vec![Outcome::Abandoned; events];
        Self(RefCell::new(Open { outcomes, left: events, reply: Some(reply) }))
    }

    fn settle(&self, index: usize, outcome: Outcome) -> Option<Told> {
        let mut open = self.0.borrow_mut();
        if let Some(slot) = open.outcomes.get_mut(index) {
            *slot = outcome;
        }
        open.left = open.left.saturating_sub(1);
        if open.left > 0 {
            return None;
        }
        let reply = open.reply.take()?;
        Some((reply, Settled::Many(std::mem::take(&mut open.outcomes))))
    }
}

#[cfg(test)]
mod tests;
