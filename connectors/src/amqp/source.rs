//! Consumes a queue.
//!
//! A connection and its one channel are one assignment, the epoch of every delivery tag. When either ends, the assignment is
//! lost and the source with it: the broker puts back what was not acknowledged, in order, and the next incarnation gets it.

mod gather;
mod open;
mod stream;
mod suspects;

use std::sync::Arc;

use async_trait::async_trait;
use hybridge_config::Ordering;
use hybridge_config::connector::amqp::{ConnectionConfig, QueueType, SourceConfig};
use hybridge_core::{Assignment, Budget, Error, ErrorKind, Event, Outcome, Place, Tag, Text};
use lapin::options::{BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;

use self::open::Open;
use self::stream::Stream;
use self::suspects::Caution;
use super::client::{self, ACCESS_REFUSED, Client, RESOURCE_LOCKED};
use super::declare;
use crate::positions::Positions;

/// So many crashes, one soon after the other, are a loop.
const LOOP: u32 = 2;

/// Consumes one queue.
///
/// In an ordered route it is the queue's only consumer, and an abandoned message ends the epoch, because a message that is
/// put back alone would come after those that follow it.
pub struct Source {
    route: String,
    config: SourceConfig,
    endpoint: Arc<ConnectionConfig>,
    positions: Option<Box<dyn Positions>>,
    /// Runs of the process that have crashed, one soon after the other.
    crashes: u32,
    open: Option<Open>,
}

impl Source {
    /// A source of `route`; a position in a stream is kept in `positions`.
    ///
    /// # Errors
    /// [`Fatal`](ErrorKind::Fatal) when its connection was not resolved.
    pub(crate) fn new(
        config: &SourceConfig,
        route: &str,
        positions: Box<dyn Positions>,
        crashes: u32,
    ) -> Result<Self, Error> {
        let endpoint = config.endpoint.clone().ok_or_else(|| {
            let what = format!("the connection `{}` is not there", config.connection);
            Error::new(ErrorKind::Fatal, what)
        })?;
        let (route, config) = (route.to_owned(), config.clone());
        Ok(Self { route, config, endpoint, positions: Some(positions), crashes, open: None })
    }

    fn is_ordered(&self) -> bool {
        self.config.ordering != Some(Ordering::None)
    }

    /// Whether the process may be in a loop, and the queue count how often messages come back. One that is consumed alone
    /// does not: quorum queues have no exclusive consumers.
    fn is_cautious(&self) -> bool {
        let declared = self.config.declare.as_ref().map(|declare| declare.kind);
        let is_other = declared.is_some_and(|kind| kind != QueueType::Quorum);
        let counts = !is_other && !self.is_exclusive() && self.config.stream.is_none();
        self.crashes >= LOOP && counts
    }

    fn is_exclusive(&self) -> bool {
        self.is_ordered() && !self.config.single_active_consumer && self.config.stream.is_none()
    }

    /// As many as are configured, but no more of the largest than the route's own memory holds: the broker sends them
    /// whether there is room or not.
    fn prefetch(&self, budget: &Budget) -> u16 {
        let fit = budget.floor() / self.config.max_message.get().max(1);
        self.config.prefetch.min(u16::try_from(fit).unwrap_or(u16::MAX)).max(1)
    }

    /// Looks for the queue, unless it will be made, and for the exchange of what is rejected.
    async fn look(&self, client: &Client) -> Result<(), Error> {
        let channel = client.channel().await?;
        if self.config.declare.is_none() {
            declare::queue_exists(&channel, &self.config.queue).await?;
        }
        match &self.config.dead_letter_exchange {
            Some(exchange) => declare::exchange_exists(&channel, exchange).await,
            None => Ok(()),
        }
    }

    async fn consume(
        &self,
        client: &Client,
        prefetch: u16,
        arguments: FieldTable,
    ) -> Result<(lapin::Channel, lapin::Consumer), Error> {
        let queue = &self.config.queue;
        let channel = client.channel().await?;
        if let Some(config) = &self.config.declare {
            let mut also = Vec::new();
            if let Some(exchange) = &self.config.dead_letter_exchange {
                also.push(("x-dead-letter-exchange", exchange.as_str()));
            }
            declare::queue(&channel, queue, config, &also).await?;
        }
        declare::queue_exists(&channel, queue).await?;
        if let Some(exchange) = &self.config.dead_letter_exchange {
            declare::exchange_exists(&channel, exchange).await?;
        }
        let limited = channel.basic_qos(prefetch, BasicQosOptions::default()).await;
        limited.map_err(|error| client::failed("cannot set the prefetch count", error))?;
        let exclusive = self.is_exclusive();
        let options = BasicConsumeOptions { exclusive, ..BasicConsumeOptions::default() };
        let name = declare::short(queue)?;
        let consumer = channel.basic_consume(name, "".into(), options, arguments).await;
        let consumer = consumer.map_err(|error| {
            let mut what = format!("cannot consume the queue `{queue}`");
            let is_taken = matches!(client::code(&error), Some(ACCESS_REFUSED | RESOURCE_LOCKED))
                && !client::is_permission(&error);
            if exclusive && is_taken {
                what.push_str(
                    ", alone as an ordered route does (another consumer has it; several may share it with \
                     `ordering: none`, or wait for it with `single_active_consumer: true`)",
                );
                return Error::with_source(ErrorKind::Transient, what, client::Shown(error));
            }
            client::failed(&what, error)
        })?;
        Ok((channel, consumer))
    }
}

#[async_trait(?Send)]
impl hybridge_core::Source for Source {
    async fn probe(&self) -> Result<(), Error> {
        let client = Client::connect(&self.endpoint, &self.route).await?;
        let looked = client.in_time(self.look(&client)).await;
        client.close().await;
        looked
    }

    async fn connect(&mut self, budget: Budget) -> Result<(), Error> {
        let stream = match (&self.config.stream, self.positions.take()) {
            (Some(_), Some(positions)) => {
                Some(Stream::open(&self.route, &self.config.queue, positions).await?)
            }
            _ => None,
        };
        let arguments = match (&stream, &self.config.stream) {
            (Some(stream), Some(config)) => stream.arguments(config)?,
            _ => FieldTable::default(),
        };
        let client = Client::connect(&self.endpoint, &self.route).await?;
        let prefetch = self.prefetch(&budget);
        let caution = self.is_cautious().then(Caution::default);
        let first = if caution.is_some() { 1 } else { prefetch };
        let consuming = self.consume(&client, first, arguments);
        let (channel, consumer) = match client.in_time(consuming).await {
            Ok(consuming) => consuming,
            Err(error) => {
                client.close().await;
                return Err(error);
            }
        };
        let place = Arc::new(Place {
            connector: Text::from_static("amqp"),
            cluster: self.config.connection.as_str().into(),
            topic: self.config.queue.as_str().into(),
            // A delivery tag names a message only within its channel, an offset within its stream.
            incarnation: match &stream {
                Some(_) => Text::default(),
                None => uuid::Uuid::new_v4().to_string().into(),
            },
            partition: 0,
        });
        let assignment = Assignment::new(place);
        tracing::debug!(queue = self.config.queue, prefetch, "consuming");
        let (ordered, config) = (self.is_ordered(), &self.config);
        self.open = Some(Open::new(
            client,
            channel,
            consumer,
            assignment,
            budget.share(),
            prefetch,
            caution,
            ordered,
            config,
            stream,
        ));
        Ok(())
    }

    async fn next(&mut self) -> Result<Event, Error> {
        let Some(open) = &mut self.open else {
            return Err(Error::new(ErrorKind::Fatal, "the queue is not connected"));
        };
        open.next().await
    }

    fn settle(&mut self, settled: &[(Tag, Outcome)]) {
        if let Some(open) = &mut self.open {
            open.settle(settled);
        }
    }

    fn flush(&mut self) {
        if let Some(open) = &mut self.open {
            open.flush();
        }
    }

    fn release(&mut self, _assignment: &Assignment) {
        if let Some(open) = &mut self.open {
            open.releasing = true;
        }
    }

    fn stop(&mut self) {
        if let Some(open) = &mut self.open {
            open.stop();
        }
    }

    fn can_reject(&self) -> bool {
        self.config.dead_letter_exchange.is_some()
    }

    fn lag(&self) -> Option<u64> {
        self.open.as_ref().and_then(|open| open.lag())
    }

    async fn close(&mut self) {
        if let Some(open) = self.open.take() {
            open.close().await;
        }
    }
}
