//! Publishes to a stream, a key-value bucket or subjects.
//!
//! Each `send` has a connection for itself while it runs, out of a pool, and one that fails is abandoned together with
//! what it still had to send: so nothing of a batch reaches the server on its own after `send` has returned, whatever
//! the server or the network do later.

mod confirm;
mod order;
mod publish;

use std::cell::RefCell;
use std::time::Duration;

use async_trait::async_trait;
use hybridge_config::Ordering;
use hybridge_config::connector::nats::{SinkConfig, To};
use hybridge_core::{Error, ErrorKind, Message, Receipt};
use tokio::time::Instant;

use self::confirm::Link;
use self::publish::Publisher;
use super::api::{self, Control, code};
use super::connection::Connection;
use super::endpoint::{Endpoint, disconnected};

const TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that wait for the next `send`.
const IDLE: usize = 16;

/// A target in a NATS system.
///
/// A stream's acknowledgement is the confirmation. In an ordered route a key's next message follows the confirmation of
/// the one before it, while other keys go on: a stream may refuse one message and take the next. What was not confirmed
/// within `timeout` is an error, and what was not published is [`Held`](ErrorKind::Held).
pub struct Sink {
    endpoint: Endpoint,
    publisher: Publisher,
    ordering: Ordering,
    timeout: Duration,
    idle: RefCell<Vec<Link>>,
}

impl Sink {
    /// A sink for this target of this route. Opens no connection.
    ///
    /// # Errors
    /// Without a connection in the configuration, or with an address of a server that is none.
    pub fn new(
        config: &SinkConfig,
        route: &str,
        target: &str,
        ordering: Ordering,
    ) -> Result<Self, Error> {
        Ok(Self {
            endpoint: Endpoint::new(config.endpoint.as_ref(), route)?,
            publisher: Publisher::new(config, route, target)?,
            ordering,
            timeout: config.timeout.map_or(TIMEOUT, |timeout| timeout.get()),
            idle: RefCell::default(),
        })
    }

    /// A connection that waited, or a new one.
    async fn link(&self) -> Result<Link, Error> {
        while let Some(mut link) = self.take() {
            // A server ends connections that have not answered for minutes.
            if link.is_alive() {
                return Ok(link);
            }
        }
        Ok(Link::new(self.endpoint.open().await?))
    }

    fn take(&self) -> Option<Link> {
        self.idle.borrow_mut().pop()
    }

    fn put_back(&self, link: Link) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < IDLE {
            idle.push(link);
        }
    }

    async fn send_core(&self, batch: &[Message], until: Instant) -> Vec<Result<Receipt, Error>> {
        let mut link = match tokio::time::timeout_at(until, self.link()).await {
            Ok(Ok(link)) => link,
            Ok(Err(error)) => return vec![Err(error); batch.len()],
            Err(_) => return vec![Err(disconnected("no connection in time".into())); batch.len()],
        };
        let mut results = self.publisher.publish_core(&mut link.connection, batch);
        // Nothing is confirmed, but the server has at least read it.
        link.connection.ask();
        let failure = match tokio::time::timeout_at(until, link.connection.answered()).await {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(error),
            Err(_) => Some(Error::transient("the server did not take the messages in time")),
        };
        match failure {
            None => {
                let denied = link.connection.take_denied();
                if !denied.is_empty() {
                    self.publisher.deny(batch, &mut results, &denied, link.connection.shown());
                }
                self.put_back(link);
            }
            Some(error) => {
                link.connection.abandon();
                let sent = results.iter_mut().filter(|result| result.is_ok());
                sent.for_each(|result| *result = Err(error.clone()));
            }
        }
        results
    }
}

#[async_trait(?Send)]
impl hybridge_core::Sink for Sink {
    /// Connects, and asks for the stream where there is one.
    async fn probe(&self) -> Result<(), Error> {
        let connection = self.endpoint.open().await?;
        let Some(stream) = self.publisher.stream() else {
            connection.close().await;
            return Ok(());
        };
        let mut control = Control::new(connection);
        let known = control.stream(stream).await;
        control.connection.close().await;
        match known {
            Ok(info) => self.publisher.check(&info),
            Err(failure) if failure.is(code::NO_STREAM) => Err(api::no_stream(stream)),
            Err(failure) => Err(failure.into_error(&format!("cannot see the stream `{stream}`"))),
        }
    }

    async fn send(&self, batch: &[Message]) -> Vec<Result<Receipt, Error>> {
        let until = Instant::now() + self.timeout;
        if self.publisher.to() == To::Core {
            return self.send_core(batch, until).await;
        }
        let linked = tokio::time::timeout_at(until, self.link()).await;
        let link =
            match linked.unwrap_or_else(|_| Err(disconnected("no connection in time".into()))) {
                Ok(link) => link,
                Err(error) => return vec![Err(error); batch.len()],
            };
        let (results, link) = link.send(&self.publisher, self.ordering, batch, until).await;
        if let Some(link) = link {
            self.put_back(link);
        }
        results
    }

    /// The next `send` opens a connection, since those that fail are not kept. Others of the same server are given up.
    async fn recover(&self) -> Result<(), Error> {
        let idle = std::mem::take(&mut *self.idle.borrow_mut());
        idle.into_iter().for_each(|link| link.connection.abandon());
        Ok(())
    }

    async fn close(&self) {
        let idle = std::mem::take(&mut *self.idle.borrow_mut());
        for link in idle {
            Connection::close(link.connection).await;
        }
    }
}

/// What was not attempted because of an earlier message of its key.
fn held() -> Error {
    Error::new(ErrorKind::Held, "not attempted yet")
}
