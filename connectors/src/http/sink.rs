//! Messages that we post.

mod batch;
mod client;
mod handshake;
mod order;
mod request;
pub(crate) mod verdict;

use std::cell::Cell;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures_util::StreamExt;
use hybridge_config::Ordering;
use hybridge_config::connector::http::{Mode, SinkConfig};
use hybridge_core::{Error, ErrorKind, Message, Receipt};
use hyper::Request;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use self::batch::Events;
use self::client::{Body, Client, Clients};
use self::handshake::Handshake;
use self::order::Results;
use self::request::Requests;
use self::verdict::Answer;

/// A target that messages are posted to.
///
/// At most `max_in_flight` requests are open at a time. In an ordered route a key's next message
/// follows the confirmation of the one before it. Requests are not started later than `timeout`
/// after the call, so it returns within twice that time; what was not started is
/// [`Held`](ErrorKind::Held), as is all that is left once the target has asked for less, refused
/// our credentials or cannot be reached. A redirect is an error and is never followed.
pub struct Sink {
    requests: Requests,
    clients: Clients,
    handshake: Option<Handshake>,
    ordering: Ordering,
    mode: Mode,
    timeout: Duration,
    max_in_flight: usize,
    /// One permit for each request that may be open, over all lanes: more would not find a
    /// connection to use again.
    open: Semaphore,
    max_batch: usize,
    retry_after_max: Duration,
}

impl Sink {
    /// A sink for this target of this route, which keeps order as `ordering` says. Reads no files
    /// and opens no connection.
    ///
    /// # Errors
    /// A URL or header that cannot be sent, or credentials that would cross a network in plain text.
    pub fn new(
        config: &SinkConfig,
        route: &str,
        target: &str,
        ordering: Ordering,
    ) -> Result<Self, Error> {
        let requests = Requests::new(config, route, target)?;
        let clients = Clients::new(config, requests.uri().clone());
        Ok(Self {
            requests,
            clients,
            handshake: config.webhook.as_ref().map(Handshake::new),
            ordering,
            mode: config.encoding,
            timeout: config.timeout.get(),
            max_in_flight: config.max_in_flight.max(1) as usize,
            open: Semaphore::new(config.max_in_flight.max(1) as usize),
            max_batch: config.max_batch.max(1) as usize,
            retry_after_max: config.retry_after_max.get(),
        })
    }

    async fn send_single(&self, client: &Client, batch: &[Message]) -> Results {
        let (results, sending) = (Results::new(batch.len()), Sending::new(self.timeout));
        let chains = order::chains(self.ordering, batch);
        let sending_chains = futures_util::stream::iter(chains).for_each_concurrent(
            self.max_in_flight,
            async |chain: Vec<usize>| {
                for index in chain {
                    let Some(_open) = sending.turn(&self.open).await else { return };
                    let Some(message) = batch.get(index) else { return };
                    let result = self.post_one(client, message).await;
                    sending.note(result.as_ref().err());
                    let failed = result.is_err();
                    results.set(index, result);
                    if failed {
                        return;
                    }
                }
            },
        );
        sending_chains.await;
        results
    }

    async fn post_one(&self, client: &Client, message: &Message) -> Result<Receipt, Error> {
        let request = self.requests.single(message, SystemTime::now())?;
        let answer = self.post(client, request, verdict::DRAINED).await?;
        answer.verdict(self.requests.shown())?;
        Ok(Receipt::Written(None))
    }

    async fn send_batches(&self, client: &Client, batch: &[Message]) -> Results {
        let (results, sending) = (Results::new(batch.len()), Sending::new(self.timeout));
        let events = Events { sink: self, client, batch, results: &results, sending: &sending };
        let at_once = if self.ordering == Ordering::None { self.max_in_flight } else { 1 };
        let indices: Vec<usize> = (0..batch.len()).collect();
        futures_util::stream::iter(indices.chunks(self.max_batch))
            .for_each_concurrent(at_once, |part| events.send(part))
            .await;
        results
    }

    /// One request and its answer, within the sink's time limit.
    async fn post(
        &self,
        client: &Client,
        request: Request<Body>,
        drained: usize,
    ) -> Result<Answer, Error> {
        let shown = self.requests.shown();
        let exchange = async {
            if let Some(handshake) = &self.handshake {
                handshake.admit(client, &self.requests).await?;
            }
            let response = client.request(request).await.map_err(|error| {
                if error.is_connect() {
                    let context = format!("cannot connect to {shown}");
                    return Error::with_source(ErrorKind::Disconnected, context, error);
                }
                let context = format!("the exchange with {shown} broke off");
                Error::with_source(ErrorKind::Transient, context, error)
            })?;
            Ok(Answer::read(response, drained, self.retry_after_max).await)
        };
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(answer) => answer,
            Err(_) => {
                let limit = self.timeout;
                Err(Error::transient(format!("no answer from {shown} within {limit:?}")))
            }
        }
    }
}

#[async_trait(?Send)]
impl hybridge_core::Sink for Sink {
    /// Opens a connection, with its TLS handshake, and asks for consent where that is configured.
    async fn probe(&self) -> Result<(), Error> {
        let shown = self.requests.shown();
        let probing = async {
            self.clients.probe().await?;
            match &self.handshake {
                None => Ok(()),
                Some(handshake) => {
                    handshake.ask_first(&self.clients.get().await?, &self.requests).await
                }
            }
        };
        match tokio::time::timeout(self.timeout, probing).await {
            Ok(result) => result,
            Err(_) => Err(Error::transient(format!("cannot connect to {shown} in time"))),
        }
    }

    async fn send(&self, batch: &[Message]) -> Vec<Result<Receipt, Error>> {
        let client = match self.clients.get().await {
            Ok(client) => client,
            Err(error) => return vec![Err(error); batch.len()],
        };
        let results = match self.mode {
            Mode::Batch => self.send_batches(&client, batch).await,
            Mode::Binary | Mode::Structured | Mode::Raw => self.send_single(&client, batch).await,
        };
        results.into_results()
    }

    /// Certificates may have been renewed: they are read again with the next connection.
    async fn recover(&self) -> Result<(), Error> {
        self.clients.renew().await;
        Ok(())
    }

    async fn close(&self) {
        self.clients.close().await;
    }
}

/// Whether a `send` goes on to start requests.
struct Sending {
    until: Instant,
    halted: Cell<bool>,
}

impl Sending {
    fn new(timeout: Duration) -> Self {
        Self { until: Instant::now() + timeout, halted: Cell::new(false) }
    }

    /// Waits until one more request may be open; `None` when nothing more is to be started.
    async fn turn<'a>(&self, open: &'a Semaphore) -> Option<SemaphorePermit<'a>> {
        let turn = match open.try_acquire() {
            Ok(turn) => turn,
            Err(_) => tokio::time::timeout_at(self.until, open.acquire()).await.ok()?.ok()?,
        };
        (!self.halted.get() && Instant::now() < self.until).then_some(turn)
    }

    fn note(&self, error: Option<&Error>) {
        let halts = error.is_some_and(|error| {
            matches!(
                error.kind(),
                ErrorKind::Throttled(_) | ErrorKind::Unauthorized | ErrorKind::Disconnected
            )
        });
        if halts {
            self.halted.set(true);
        }
    }
}

#[cfg(test)]
mod tests;
