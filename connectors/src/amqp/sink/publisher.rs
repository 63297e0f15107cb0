//! One connection that messages are published on.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::stream::{Stream, StreamExt};
use hybridge_config::connector::amqp::{ConnectionConfig, SinkConfig};
use hybridge_core::{Error, ErrorKind, Receipt};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Event};
use tokio::time::Instant;

use super::super::client::{self, Client, NOT_FOUND, PRECONDITION_FAILED};
use super::super::declare;
use super::super::encode::Publish;
use super::order::Rounds;
use super::window::{self, Answer};

/// How often a blocked connection is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A connection for publishing, for as long as it lives.
pub(super) struct Publisher {
    client: Client,
    exchange: ShortString,
    frame_max: usize,
    /// Channels in confirm mode that nobody uses.
    idle: RefCell<Vec<Channel>>,
    /// A channel ended because of one message, and which one is not known: they go one by one until it is found.
    one_by_one: Cell<bool>,
    ended: Cell<bool>,
    events: RefCell<Pin<Box<dyn Stream<Item = Event>>>>,
    /// Why the broker blocks.
    reason: RefCell<Option<String>>,
}

impl Publisher {
    pub(super) async fn connect(
        endpoint: &ConnectionConfig,
        config: &SinkConfig,
        name: &str,
    ) -> Result<Self, Error> {
        let client = Client::connect(endpoint, name).await?;
        let events = Box::pin(client.connection().events_listener());
        let frame_max = client.connection().configuration().frame_max() as usize;
        let publisher = Self {
            client,
            exchange: declare::short(&config.exchange)?,
            frame_max,
            idle: RefCell::default(),
            one_by_one: Cell::new(false),
            ended: Cell::new(false),
            events: RefCell::new(events),
            reason: RefCell::default(),
        };
        if let Some(exchange) = &config.declare {
            let channel = publisher.client.channel().await?;
            let declaring = declare::exchange(&channel, &config.exchange, exchange);
            publisher.client.in_time(declaring).await?;
            publisher.keep(channel).await?;
        }
        Ok(publisher)
    }

    pub(super) fn frame_max(&self) -> usize {
        self.frame_max
    }

    pub(super) fn is_live(&self) -> bool {
        !self.ended.get() && self.client.connection().status().connected()
    }

    /// Whether the broker has blocked publishing, as it does when memory or disk run out.
    pub(super) fn is_blocked(&self) -> bool {
        self.client.connection().status().blocked()
    }

    /// Whether the exchange is there, and, at the default exchange, the queue.
    pub(super) async fn check(&self, config: &SinkConfig) -> Result<(), Error> {
        let channel = self.client.channel().await?;
        self.client.in_time(declare::exchange_exists(&channel, &config.exchange)).await?;
        let queue = config.routing_key.as_ref().and_then(|key| key.literal());
        if let (true, Some(queue)) = (config.exchange.is_empty(), queue) {
            self.client.in_time(declare::queue_exists(&channel, queue)).await?;
        }
        Ok(())
    }

    /// Returns once the broker takes messages.
    pub(super) async fn unblocked(&self, until: Instant) -> Result<(), Error> {
        while self.is_blocked() {
            if Instant::now() >= until {
                return Err(self.blocked());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Publishes an empty message that no queue gets. A broker says only to who publishes that it is blocked, and what is
    /// published until it says so stays on its way; of this one nobody minds.
    pub(super) async fn feel(&self, until: Instant) -> Result<(), Error> {
        let channel = self.channel().await?;
        let key = ShortString::from(format!("hybridge.nobody.{}", uuid::Uuid::new_v4()));
        let options = BasicPublishOptions::default();
        let properties = BasicProperties::default();
        let feeling =
            async { channel.basic_publish("".into(), key, options, &[], properties).await?.await };
        match tokio::time::timeout_at(until, feeling).await {
            Ok(Ok(_)) => {
                self.idle.borrow_mut().push(channel);
                Ok(())
            }
            // Who may not publish to the default exchange is not blocked for that.
            Ok(Err(error)) if client::is_of_channel(&error) => Ok(()),
            Ok(Err(error)) => Err(self.end(client::failed("publishing ended", error))),
            Err(_) => Err(self.end(self.blocked())),
        }
    }

    /// Publishes a window and notes what became of each message. An error is of the whole connection, or of the channel and
    /// what was on its way there.
    pub(super) async fn send(
        &self,
        window: &[(usize, Publish)],
        until: Instant,
        rounds: &mut Rounds,
    ) -> Result<(), Error> {
        if self.one_by_one.get() {
            for one in window.chunks(1) {
                self.send_together(one, until, rounds).await?;
            }
            return Ok(());
        }
        self.send_together(window, until, rounds).await
    }

    async fn send_together(
        &self,
        window: &[(usize, Publish)],
        until: Instant,
        rounds: &mut Rounds,
    ) -> Result<(), Error> {
        let channel = match tokio::time::timeout_at(until, self.channel()).await {
            Ok(channel) => channel?,
            Err(_) => return Err(self.end(self.late())),
        };
        let publishing = window::publish(&channel, &self.exchange, window);
        match tokio::time::timeout_at(until, publishing).await {
            Ok(Ok(answers)) => {
                self.idle.borrow_mut().push(channel);
                for ((index, publish), answer) in window.iter().zip(answers) {
                    rounds.set(*index, self.result(publish, answer));
                }
                Ok(())
            }
            Ok(Err(error)) if client::is_of_channel(&error) => self.refused(window, error, rounds),
            Ok(Err(error)) => Err(self.end(client::failed("publishing ended", error))),
            Err(_) => Err(self.end(self.late())),
        }
    }

    fn result(&self, publish: &Publish, answer: Answer) -> Result<Receipt, Error> {
        let (exchange, key) = (self.exchange.as_str(), publish.routing_key.as_str());
        match answer {
            Answer::Confirmed => Ok(Receipt::Written(None)),
            Answer::Nacked => Err(Error::transient(format!(
                "the broker refused a message to exchange `{exchange}` with routing key `{key}`: a queue is full or down"
            ))),
            Answer::Returned if exchange.is_empty() => {
                Err(Error::transient(format!("there is no queue `{key}`: create it")))
            }
            Answer::Returned => Err(Error::transient(format!(
                "no queue takes what exchange `{exchange}` gets with routing key `{key}`: bind one"
            ))),
        }
    }

    /// The broker ended the channel for something in this window.
    fn refused(
        &self,
        window: &[(usize, Publish)],
        error: lapin::Error,
        rounds: &mut Rounds,
    ) -> Result<(), Error> {
        let exchange = self.exchange.as_str();
        if client::code(&error) == Some(NOT_FOUND) {
            let what = format!("there is no exchange `{exchange}`: create it, or write `declare:`");
            return Err(client::failed(&what, error));
        }
        if client::code(&error) != Some(PRECONDITION_FAILED) {
            return Err(client::failed(&format!("cannot publish to exchange `{exchange}`"), error));
        }
        let [(index, _)] = window else {
            self.one_by_one.set(true);
            return Err(client::failed("the broker refused one of several messages", error));
        };
        let what = "the broker refuses the message";
        let refused = Error::with_source(ErrorKind::Rejected, what, client::Shown(error));
        rounds.set(*index, Err(refused));
        self.one_by_one.set(false);
        Ok(())
    }

    /// A channel in confirm mode that nobody else uses.
    async fn channel(&self) -> Result<Channel, Error> {
        loop {
            let idle = self.idle.borrow_mut().pop();
            match idle {
                Some(channel) if channel.status().connected() => return Ok(channel),
                Some(_) => {}
                None => break,
            }
        }
        let channel = self.client.channel().await?;
        self.client.in_time(confirming(&channel)).await?;
        Ok(channel)
    }

    async fn keep(&self, channel: Channel) -> Result<(), Error> {
        self.client.in_time(confirming(&channel)).await?;
        self.idle.borrow_mut().push(channel);
        Ok(())
    }

    /// Ends the connection at once: nothing that was given to it is published from now on.
    fn end(&self, error: Error) -> Error {
        self.ended.set(true);
        self.client.abort();
        error
    }

    fn late(&self) -> Error {
        if self.is_blocked() {
            return self.blocked();
        }
        Error::new(
            ErrorKind::Disconnected,
            format!("no confirmation from {} in time", self.client.shown()),
        )
    }

    /// As if it could not be reached: the target is down, and tried every second.
    fn blocked(&self) -> Error {
        while let Some(Some(event)) = self.events.borrow_mut().next().now_or_never() {
            if let Event::ConnectionBlocked(reason) = event {
                self.reason.replace(Some(reason));
            }
        }
        let reason = self.reason.borrow().clone();
        let reason = reason.unwrap_or_else(|| "memory or disk of the broker run out".to_owned());
        let what = format!("{} has blocked publishing: {reason}", self.client.shown());
        Error::new(ErrorKind::Disconnected, what)
    }

    pub(super) async fn close(&self) {
        self.ended.set(true);
        self.client.close().await;
    }
}

async fn confirming(channel: &Channel) -> Result<(), Error> {
    let selected = channel.confirm_select(ConfirmSelectOptions::default()).await;
    selected.map_err(|error| client::failed("cannot ask for confirmations", error))
}
