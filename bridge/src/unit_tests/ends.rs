//! The source and the sinks of a route under test.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use hybridge_config::unit_test::{Answer, AnswerConfig};
use hybridge_config::{Ordering, SinkConfig, SourceConfig};
use hybridge_connectors::{Limits, Local};
use hybridge_core::{
    Assignment, Budget, Delivery, Error, ErrorKind, Event, Message, Outcome, Receipt, Share, Sink,
    Source, Tag, Text,
};
use hybridge_schemas::template::Template;
use hybridge_transformers::Claims;
use tokio::sync::Notify;

use crate::assemble::Ends;
use crate::claims::InMemory;

/// A message that a target took.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub message: Message,
    /// Where it went, by the words of the protocol.
    pub to: BTreeMap<String, String>,
}

/// What happened at the ends of one route.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// For each message of the input how it ended.
    pub outcomes: Vec<Option<Outcome>>,
    /// What each target took, in order.
    pub taken: BTreeMap<String, Vec<Taken>>,
    /// How often something was sent to each target.
    pub attempts: BTreeMap<String, u64>,
    answers: BTreeMap<String, VecDeque<AnswerConfig>>,
    made: BTreeMap<String, usize>,
}

/// The ends of one test.
pub(super) struct TestEnds {
    input: Vec<Message>,
    record: Arc<Mutex<Record>>,
    local: Local,
    instance: Text,
    claims: Arc<InMemory>,
}

impl TestEnds {
    /// A source that gives `input`, and targets that answer as `answers` say.
    pub fn new(
        input: Vec<Message>,
        answers: &BTreeMap<String, Vec<AnswerConfig>>,
        local: Local,
    ) -> Self {
        let answers =
            answers.iter().map(|(name, answers)| (name.clone(), answers.iter().cloned().collect()));
        let record = Record {
            outcomes: vec![None; input.len()],
            answers: answers.collect(),
            ..Record::default()
        };
        let record = Arc::new(Mutex::new(record));
        let instance = Text::from_static("test");
        Self { input, record, local, instance, claims: Arc::default() }
    }

    /// What happened so far.
    pub fn record(&self) -> Arc<Mutex<Record>> {
        self.record.clone()
    }
}

impl Ends for TestEnds {
    fn claims(&self) -> Arc<dyn Claims> {
        self.claims.clone()
    }

    fn instance(&self) -> &Text {
        &self.instance
    }

    fn source(
        &self,
        config: &SourceConfig,
        route: &str,
        limits: Limits,
    ) -> Result<Box<dyn Source>, Error> {
        // Who answers a request can refuse it; the others know by themselves.
        let can_reject = match config {
            SourceConfig::Http(_) => true,
            other => hybridge_connectors::source(other, route, limits, &self.local)?.can_reject(),
        };
        let place = self.input.first().map(|message| message.origin.place.clone());
        Ok(Box::new(Given {
            assignment: Assignment::new(place.unwrap_or_default()),
            input: self.input.clone().into(),
            record: self.record.clone(),
            share: None,
            can_reject,
            assigned: false,
            ended: false,
            flushing: false,
            woken: Notify::new(),
        }))
    }

    fn sink(
        &self,
        config: &SinkConfig,
        _route: &str,
        target: &str,
        ordering: Ordering,
    ) -> Result<Box<dyn Sink>, Error> {
        let mut record = lock(&self.record);
        let index = record.made.entry(target.to_owned()).or_default();
        let script = match *index {
            0 => target.to_owned(),
            index => format!("{target}[{index}]"),
        };
        *index += 1;
        let places = config.places().into_iter().map(|place| Place {
            name: place.name,
            template: Template::compile(&place.template),
            is_name: place.is_name,
        });
        Ok(Box::new(Scripted {
            target: target.to_owned(),
            script,
            places: places.collect(),
            ordering,
            record: self.record.clone(),
        }))
    }
}

/// A source that gives each message of the input once.
struct Given {
    assignment: Assignment,
    input: VecDeque<Message>,
    record: Arc<Mutex<Record>>,
    share: Option<Share>,
    can_reject: bool,
    assigned: bool,
    ended: bool,
    flushing: bool,
    woken: Notify,
}

impl Given {
    /// The messages that there is room for.
    fn deliveries(&mut self) -> Option<Vec<Delivery>> {
        let share = self.share.as_ref()?;
        let mut deliveries = Vec::new();
        while let Some(message) = self.input.front() {
            let Some(permit) = share.try_take(message.size() as u64) else { break };
            let Some(message) = self.input.pop_front() else { break };
            deliveries.push(Delivery {
                tag: Tag { assignment: self.assignment.id(), number: message.origin.offset },
                message,
                assignment: self.assignment.clone(),
                deadline: None,
                permit,
                fault: None,
            });
        }
        (!deliveries.is_empty()).then_some(deliveries)
    }
}

#[async_trait(?Send)]
impl Source for Given {
    async fn connect(&mut self, budget: Budget) -> Result<(), Error> {
        self.share = Some(budget.share());
        Ok(())
    }

    async fn next(&mut self) -> Result<Event, Error> {
        loop {
            if !std::mem::replace(&mut self.assigned, true) {
                return Ok(Event::Assigned(vec![self.assignment.clone()]));
            }
            if std::mem::take(&mut self.flushing) {
                return Ok(Event::Flushed);
            }
            let released = self.share.as_ref().map(Share::released);
            if let Some(deliveries) = self.deliveries() {
                return Ok(Event::Deliveries(deliveries));
            }
            if self.input.is_empty() && !std::mem::replace(&mut self.ended, true) {
                return Ok(Event::End);
            }
            match released {
                Some(released) if !self.input.is_empty() => released.await,
                _ => self.woken.notified().await,
            }
        }
    }

    fn settle(&mut self, settled: &[(Tag, Outcome)]) {
        let mut record = lock(&self.record);
        for (tag, outcome) in settled {
            if let Some(open) = record.outcomes.get_mut(tag.number as usize) {
                *open = Some(*outcome);
            }
        }
    }

    fn flush(&mut self) {
        self.flushing = true;
        self.woken.notify_one();
    }

    fn release(&mut self, _assignment: &Assignment) {}

    fn stop(&mut self) {}

    fn can_reject(&self) -> bool {
        self.can_reject
    }

    async fn close(&mut self) {}
}

/// A part of where a sink writes.
struct Place {
    name: &'static str,
    template: Template,
    is_name: bool,
}

/// A sink that answers as its test says, and then accepts.
struct Scripted {
    /// The target that it is of.
    target: String,
    /// The name that its answers stand under.
    script: String,
    places: Vec<Place>,
    ordering: Ordering,
    record: Arc<Mutex<Record>>,
}

impl Scripted {
    fn write(&self, message: &Message) -> Result<(), Error> {
        let to = self.places_of(message)?;
        let mut record = lock(&self.record);
        *record.attempts.entry(self.script.clone()).or_default() += 1;
        if let Some(kind) = record.next_answer(&self.script).as_ref().and_then(kind) {
            return Err(Error::new(kind, "answered as the test says"));
        }
        let message = message.clone();
        record.taken.entry(self.target.clone()).or_default().push(Taken { message, to });
        Ok(())
    }

    fn places_of(&self, message: &Message) -> Result<BTreeMap<String, String>, Error> {
        let render = |place: &Place| match place.is_name {
            true => place.template.render_name(message),
            false => place.template.render(message),
        };
        self.places
            .iter()
            .map(|place| Ok((place.name.to_owned(), render(place)?.to_string())))
            .collect()
    }

    /// The messages that stay in order with this one.
    fn lane(&self, message: &Message) -> Option<Option<Bytes>> {
        match self.ordering {
            Ordering::None => None,
            Ordering::Key => Some(message.key.clone()),
            Ordering::Total => Some(None),
        }
    }
}

#[async_trait(?Send)]
impl Sink for Scripted {
    async fn probe(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn send(&self, batch: &[Message]) -> Vec<Result<Receipt, Error>> {
        let mut stopped = HashSet::new();
        let mut results = Vec::with_capacity(batch.len());
        for message in batch {
            let lane = self.lane(message);
            if lane.as_ref().is_some_and(|lane| stopped.contains(lane)) {
                results.push(Err(Error::new(ErrorKind::Held, "behind one that failed")));
                continue;
            }
            let result = self.write(message);
            if result.is_err() {
                stopped.extend(lane);
            }
            results.push(result.map(|()| Receipt::Written(None)));
        }
        results
    }
}

impl Record {
    fn next_answer(&mut self, script: &str) -> Option<AnswerConfig> {
        let answers = self.answers.get_mut(script)?;
        let first = answers.front_mut()?;
        let answer = first.clone();
        first.times = first.times.saturating_sub(1);
        if first.times == 0 {
            answers.pop_front();
        }
        Some(answer)
    }
}

/// What an answer means; `None`: the message is taken.
fn kind(answer: &AnswerConfig) -> Option<ErrorKind> {
    let wait = answer.wait.map(|wait| wait.get());
    if let Some(status) = answer.http {
        return verdict(status, wait);
    }
    match answer.answer? {
        Answer::Accepted => None,
        Answer::Transient => Some(ErrorKind::Transient),
        Answer::Throttled => Some(ErrorKind::Throttled(wait)),
        Answer::Disconnected => Some(ErrorKind::Disconnected),
        Answer::Unauthorized => Some(ErrorKind::Unauthorized),
        Answer::Rejected => Some(ErrorKind::Rejected),
    }
}

#[cfg(feature = "http")]
fn verdict(status: u16, wait: Option<std::time::Duration>) -> Option<ErrorKind> {
    hybridge_connectors::http::verdict_of(status, wait)
}

#[cfg(not(feature = "http"))]
fn verdict(_status: u16, _wait: Option<std::time::Duration>) -> Option<ErrorKind> {
    Some(ErrorKind::Transient)
}

pub(super) fn lock(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}
