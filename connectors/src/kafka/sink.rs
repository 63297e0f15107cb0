//! Writes to topics.
//!
//! All records of a batch are handed to the client together and confirmed by its reports. The client alone tries again,
//! until the deadline that is this sink's time limit: a record is never sent anew while the client still holds it.

mod gate;
mod limits;
mod order;
mod producer;
mod record;
mod reports;
mod verdict;
mod wave;

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hybridge_config::Ordering;
use hybridge_config::connector::kafka::SinkConfig;
use hybridge_core::{Error, ErrorKind, Message, Receipt};
use tokio::sync::Mutex;
use tokio::time::Instant;

use self::limits::Limits;
use self::order::Held;
use self::producer::{Factory, Full, Producer};
use self::record::Records;
use self::reports::Slot;
use self::verdict::Verdict;
use self::wave::Waves;

/// How long a record may take to be confirmed where the configuration does not say.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long the client may report later than it should.
const GRACE: Duration = Duration::from_secs(5);
/// How long the sink waits before it asks a full client again.
const FULL: Duration = Duration::from_millis(5);

/// Writes to the topics of one target.
pub struct Sink {
    factory: Factory,
    records: Records,
    ordering: Ordering,
    timeout: Duration,
    producer: RefCell<Option<Arc<Producer>>>,
    waves: Waves,
    /// What topics take. Nobody asks where order does not count.
    limits: Limits,
    learning: Mutex<()>,
    /// Sends one record at a time: for those of which a whole batch was too large.
    alone: RefCell<Option<Arc<Producer>>>,
}

impl Sink {
    /// A sink that keeps order as `ordering` says. Opens no connection.
    ///
    /// # Errors
    /// [`Fatal`](ErrorKind::Fatal) when the connection is not there, or no topic can have the name.
    pub fn new(config: &SinkConfig, ordering: Ordering) -> Result<Self, Error> {
        let connection = config.endpoint.clone().ok_or_else(|| {
            Error::new(ErrorKind::Fatal, format!("no connection `{}`", config.connection))
        })?;
        let timeout = config.timeout.map_or(TIMEOUT, |timeout| timeout.get());
        Ok(Self {
            factory: Factory::new(config, connection, timeout, ordering),
            records: Records::new(config)?,
            ordering,
            timeout,
            producer: RefCell::new(None),
            waves: Waves::default(),
            limits: Limits::default(),
            learning: Mutex::new(()),
            alone: RefCell::new(None),
        })
    }

    fn producer(&self) -> Result<Arc<Producer>, Error> {
        let mut producer = self.producer.borrow_mut();
        if let Some(producer) = &*producer {
            return Ok(producer.clone());
        }
        let made = Arc::new(self.factory.make(self.limits.least())?);
        *producer = Some(made.clone());
        Ok(made)
    }

    /// Where only another client can log in, one is made: it asks for a token and reads certificates. What other lanes have
    /// given to the old one is reported by the old one.
    async fn log_in_anew(&self) {
        for client in [&self.producer, &self.alone] {
            let was_refused =
                client.borrow().as_ref().is_some_and(|client| client.voice().was_refused());
            if was_refused {
                let old = client.borrow_mut().take();
                drop_aside(old).await;
            }
        }
    }

    fn alone(&self) -> Result<Arc<Producer>, Error> {
        let mut alone = self.alone.borrow_mut();
        if let Some(producer) = &*alone {
            return Ok(producer.clone());
        }
        let made = Arc::new(self.factory.make_alone()?);
        *alone = Some(made.clone());
        Ok(made)
    }

    fn is_ordered(&self) -> bool {
        self.ordering != Ordering::None
    }

    /// Asks what topics take that are written to and not known yet.
    async fn learn(&self) {
        if let Some(topic) = self.records.only_topic() {
            self.limits.of(topic);
        }
        if self.limits.unknown().is_empty() {
            return;
        }
        let _one = self.learning.lock().await;
        let topics = self.limits.unknown();
        if topics.is_empty() {
            return;
        }
        let Ok(limits) = self.factory.limits(&topics).await else {
            return self.limits.not_now();
        };
        let is_short = limits.len() < topics.len();
        let mut is_less = false;
        for (topic, limit) in limits {
            is_less |= self.limits.learn(topic, limit);
        }
        if is_short {
            self.limits.not_now();
        }
        // What others have sent with the client that is there stays theirs until it is reported.
        let old = self.producer.borrow_mut().take_if(|_| is_less);
        drop_aside(old).await;
    }

    /// Hands records to the client and waits for its reports.
    async fn write(
        &self,
        producer: &Arc<Producer>,
        batch: &[Message],
        indices: Range<usize>,
        results: &mut [Option<Verdict>],
    ) {
        let part = self.waves.join().await;
        let until = Instant::now() + self.timeout;
        let is_ordered = self.is_ordered();
        let limits = is_ordered.then_some(&self.limits);
        let handing = producer.handing().await;
        let round = handing.round();
        let slot = producer.reports().open(batch.len(), indices.len());
        let _given_up = is_ordered.then(|| GivenUp { producer, slot: &slot, round });
        let mut held = Held::new(self.ordering);
        let mut is_over = false;
        for index in indices {
            let (Some(message), Some(result)) = (batch.get(index), results.get_mut(index)) else {
                slot.not_handed();
                continue;
            };
            let handed = loop {
                if is_over || held.holds(message) || is_ordered && slot.has_failed() {
                    break Err(Full::Refused(Verdict::Held));
                }
                if handing.is_over() {
                    break Err(Full::Queue);
                }
                match self.records.hand(producer, message, slot.of(index), limits) {
                    Err(Full::Queue) if Instant::now() < until => {
                        tokio::time::sleep(FULL).await;
                    }
                    handed => break handed,
                }
            };
            match handed {
                Ok(()) => slot.handed(),
                Err(Full::Queue) => {
                    slot.not_handed();
                    is_over = true;
                    *result = Some(Verdict::Full);
                }
                Err(Full::Refused(verdict)) => {
                    slot.not_handed();
                    held.add(message);
                    *result = Some(verdict);
                }
            }
        }
        drop(handing);
        part.given().await;
        if is_ordered {
            // What the client still holds behind a record that has failed must not be written before it.
            let _ = tokio::time::timeout_at(until, slot.done_or_failed()).await;
        } else {
            let _ = tokio::time::timeout_at(until + self.timeout + GRACE, slot.done()).await;
        }
        if !slot.is_done() {
            producer.take_back(round).await;
        }
        while tokio::time::timeout(GRACE, slot.done()).await.is_err() {
            tracing::error!("the client has not given back what it held, it is taken once more");
            producer.take_back_again().await;
        }
        slot.collect(results);
    }

    /// Records that came back because their batch was too large are sent one by one: so the one that is too large by itself
    /// is found, and what is behind it with the same key is held.
    async fn write_alone(
        &self,
        batch: &[Message],
        results: &mut [Option<Verdict>],
    ) -> Result<(), Error> {
        let mut held = Held::new(self.ordering);
        let producer = self.alone()?;
        for (index, message) in batch.iter().enumerate() {
            let Some(verdict) = results.get_mut(index) else { continue };
            match verdict {
                Some(Verdict::BatchTooLarge) if held.holds(message) => {
                    *verdict = Some(Verdict::Held);
                }
                Some(Verdict::BatchTooLarge) => {
                    *verdict = None;
                    self.write(&producer, batch, index..index + 1, results).await;
                    let verdict = results.get_mut(index);
                    if let Some(Some(verdict @ Verdict::BatchTooLarge)) = verdict {
                        *verdict = Verdict::TooLarge;
                    }
                    if !matches!(results.get(index), Some(Some(Verdict::Written(_)))) {
                        held.add(message);
                    }
                }
                Some(Verdict::Written(_)) => {}
                _ => held.add(message),
            }
        }
        Ok(())
    }
}

#[async_trait(?Send)]
impl hybridge_core::Sink for Sink {
    async fn probe(&self) -> Result<(), Error> {
        let producer = self.producer()?;
        let topic = self.records.only_topic().cloned();
        let limit = self.timeout.min(Duration::from_secs(10));
        // It waits for the cluster, so it must not be done where the route runs.
        let probing = tokio::task::spawn_blocking(move || producer.probe(topic.as_deref(), limit));
        let panicked = |_| producer::Missing::Cluster(Error::transient("the probe panicked"));
        match probing.await.map_err(panicked).and_then(|probed| probed) {
            Err(producer::Missing::Topic(topic)) if self.factory.creates_topics() => {
                self.factory.create_topic(&topic).await
            }
            Err(producer::Missing::Topic(topic)) => Err(missing_topic(&topic)),
            Err(producer::Missing::Cluster(error)) => Err(error),
            Ok(()) => Ok(()),
        }
    }

    async fn send(&self, batch: &[Message]) -> Vec<Result<Receipt, Error>> {
        self.log_in_anew().await;
        if self.is_ordered() {
            self.learn().await;
        }
        let producer = match self.producer() {
            Ok(producer) => producer,
            Err(error) => return vec![Err(error); batch.len()],
        };
        let mut results: Vec<Option<Verdict>> = vec![None; batch.len()];
        self.write(&producer, batch, 0..batch.len(), &mut results).await;
        let is_too_large = |verdict: &Option<Verdict>| *verdict == Some(Verdict::BatchTooLarge);
        let first = results.iter().position(is_too_large).and_then(|index| batch.get(index));
        if let Some(message) = first {
            if let Ok(topic) = self.records.topic(message) {
                self.limits.forget(&topic);
            }
            if let Err(error) = self.write_alone(batch, &mut results).await {
                return vec![Err(error); batch.len()];
            }
        }
        for (message, verdict) in batch.iter().zip(&results) {
            if let Some(Verdict::NoTopic) = verdict
                && self.factory.creates_topics()
                && let Ok(topic) = self.records.topic(message)
                && let Err(error) = self.factory.create_topic(&topic).await
            {
                tracing::warn!(%topic, %error, "the topic cannot be created");
            }
        }
        let voice = producer.voice();
        let told = batch.iter().zip(results);
        told.map(|(message, verdict)| {
            let topic = || self.records.topic(message).unwrap_or_default().into_owned();
            verdict.unwrap_or(Verdict::Held).told(topic, voice)
        })
        .collect()
    }

    /// Only a client that has given up is made anew: it finds the cluster again by itself.
    async fn recover(&self) -> Result<(), Error> {
        for client in [&self.producer, &self.alone] {
            let is_fatal = client.borrow().as_ref().is_some_and(|client| client.has_given_up());
            if is_fatal {
                metrics::counter!("hybridge_kafka_producers_rebuilt_total").increment(1);
                let old = client.borrow_mut().take();
                drop_aside(old).await;
            }
        }
        Ok(())
    }

    async fn close(&self) {
        for client in [&self.producer, &self.alone] {
            let old = client.borrow_mut().take();
            drop_aside(old).await;
        }
    }
}

/// A send that is dropped leaves nothing with the client, which would be written some time, behind what others write.
struct GivenUp<'a> {
    producer: &'a Arc<Producer>,
    slot: &'a Slot<'a>,
    round: u64,
}

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        if self.slot.is_done() {
            return;
        }
        let (producer, round) = (self.producer.clone(), self.round);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { producer.take_back(round).await });
        }
    }
}

/// Dropping a client waits for its threads.
async fn drop_aside(client: impl Send + 'static) {
    let _ = tokio::task::spawn_blocking(move || drop(client)).await;
}

fn missing_topic(topic: &str) -> Error {
    Error::transient(format!(
        "the topic `{topic}` does not exist; create it, or write `create_topics: {{ partitions: 3 }}`"
    ))
}

#[cfg(test)]
mod tests;
