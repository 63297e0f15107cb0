//! Publishes to an exchange.

mod order;
mod publisher;
mod window;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hybridge_config::Ordering;
use hybridge_config::connector::amqp::{ConnectionConfig, SinkConfig};
use hybridge_core::{Error, ErrorKind, Message, Receipt};
use tokio::time::Instant;

use self::order::Rounds;
use self::publisher::Publisher;
use super::encode::Encoder;

/// How long a `send` waits for a broker that has blocked publishing before it says so.
const BLOCKED_FOR: Duration = Duration::from_secs(5);

/// A target that messages are published to.
///
/// A message is confirmed when the broker has confirmed it and has not returned it. In an ordered route a key's next message
/// is published after the one before it was confirmed: a broker refuses and returns single messages, and those behind would
/// overtake. What is not confirmed within `timeout` ends the connection, so that nothing of it is published later.
pub struct Sink {
    name: String,
    endpoint: Arc<ConnectionConfig>,
    config: SinkConfig,
    encoder: Encoder,
    ordering: Ordering,
    timeout: Duration,
    publisher: RefCell<Option<Rc<Publisher>>>,
    /// Held while a connection is made, so that lanes share one.
    connecting: tokio::sync::Mutex<()>,
    /// The broker blocked us when a connection ended: the next one is tried before it gets messages.
    was_blocked: std::cell::Cell<bool>,
}

impl Sink {
    /// A sink for this target of this route, which keeps order as `ordering` says.
    ///
    /// # Errors
    /// [`Fatal`](ErrorKind::Fatal) when its connection was not resolved.
    pub fn new(
        config: &SinkConfig,
        route: &str,
        target: &str,
        ordering: Ordering,
    ) -> Result<Self, Error> {
        let endpoint = config.endpoint.clone().ok_or_else(|| {
            let what = format!("the connection `{}` is not there", config.connection);
            Error::new(ErrorKind::Fatal, what)
        })?;
        Ok(Self {
            name: format!("{route}/{target}"),
            endpoint,
            config: config.clone(),
            encoder: Encoder::new(config, route, target),
            ordering,
            timeout: config.timeout.get(),
            publisher: RefCell::default(),
            connecting: tokio::sync::Mutex::new(()),
            was_blocked: std::cell::Cell::new(false),
        })
    }

    /// The connection that there is, or a new one.
    async fn publisher(&self) -> Result<Rc<Publisher>, Error> {
        let live = || self.publisher.borrow().clone().filter(|publisher| publisher.is_live());
        if let Some(publisher) = live() {
            return Ok(publisher);
        }
        let _alone = self.connecting.lock().await;
        if let Some(publisher) = live() {
            return Ok(publisher);
        }
        let publisher = Publisher::connect(&self.endpoint, &self.config, &self.name).await?;
        let publisher = Rc::new(publisher);
        self.publisher.replace(Some(publisher.clone()));
        Ok(publisher)
    }

    /// A connection on which the broker takes messages.
    async fn ready(&self, until: Instant) -> Result<Rc<Publisher>, Error> {
        let publisher = self.publisher().await?;
        let until = until.min(Instant::now() + BLOCKED_FOR);
        if self.was_blocked.get() {
            publisher.feel(until).await?;
            self.was_blocked.set(false);
        }
        publisher.unblocked(until).await?;
        Ok(publisher)
    }

    async fn publish(
        &self,
        publisher: &Publisher,
        batch: &[Message],
        until: Instant,
    ) -> Vec<Result<Receipt, Error>> {
        let mut rounds = Rounds::new(self.ordering, batch);
        let encoded = |index: usize| self.encoder.encode(&batch[index], publisher.frame_max());
        while let Some(round) = rounds.next() {
            let mut publishes = Vec::with_capacity(round.len());
            for index in round {
                match encoded(index) {
                    Ok(publish) => publishes.push((index, publish)),
                    Err(error) => rounds.set(index, Err(error)),
                }
            }
            for window in window::windows(&publishes) {
                if let Err(error) = publisher.send(window, until, &mut rounds).await {
                    self.was_blocked.set(self.was_blocked.get() || publisher.is_blocked());
                    return rounds.into_results(&error);
                }
            }
        }
        rounds
            .into_results(&Error::new(ErrorKind::Held, "an earlier message of its key was refused"))
    }
}

#[async_trait(?Send)]
impl hybridge_core::Sink for Sink {
    /// Connects, looks for the exchange, and asks with an empty message for nobody whether publishing is blocked.
    async fn probe(&self) -> Result<(), Error> {
        let publisher = self.publisher().await?;
        publisher.check(&self.config).await?;
        publisher.feel(Instant::now() + BLOCKED_FOR).await
    }

    async fn send(&self, batch: &[Message]) -> Vec<Result<Receipt, Error>> {
        let until = Instant::now() + self.timeout;
        match self.ready(until).await {
            Ok(publisher) => self.publish(&publisher, batch, until).await,
            Err(error) => vec![Err(error); batch.len()],
        }
    }

    /// The next `send` connects; certificates may have been renewed.
    async fn recover(&self) -> Result<(), Error> {
        self.publisher().await.map(|_| ())
    }

    async fn close(&self) {
        let publisher = self.publisher.borrow_mut().take();
        if let Some(publisher) = publisher {
            publisher.close().await;
        }
    }
}
