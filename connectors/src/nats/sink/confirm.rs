//! One `send` over one connection: what is published, and the confirmation of each.

use hybridge_config::Ordering;
use hybridge_core::{Error, ErrorKind, Message, Receipt};
use tokio::time::Instant;

use super::held;
use super::order::Turns;
use super::publish::{Publisher, fits};
use crate::nats::api::{PubAck, code};
use crate::nats::connection::Connection;
use crate::nats::headers::Block;
use crate::nats::wire::{Incoming, decimal};

/// Messages that may wait for their confirmation at a time.
const WINDOW: usize = 4096;
/// Bytes that are queued before the network is given a turn.
const QUEUED: usize = 256 << 10;

/// A connection whose confirmations arrive under a subject of its own.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) connection: Connection,
    /// `_INBOX.x.`, to which the number of a message is added.
    inbox: bytes::BytesMut,
    /// The number of the first message of this `send`: a number is never used twice.
    first: u64,
    block: Block,
}

/// One `send`.
struct Sending<'a> {
    publisher: &'a Publisher,
    batch: &'a [Message],
    turns: Turns,
    results: Vec<Option<Result<Receipt, Error>>>,
    /// Whether it was given to the connection.
    published: Vec<bool>,
    waiting: usize,
}

impl Link {
    pub(super) fn new(mut connection: Connection) -> Self {
        let inbox = crate::nats::api::inbox();
        connection.subscribe(&format!("{inbox}.*"), None);
        connection.bear_denials();
        let inbox = bytes::BytesMut::from(format!("{inbox}.").as_bytes());
        Self { connection, inbox, first: 0, block: Block::default() }
    }

    /// Whether the server has not ended the connection while nobody listened.
    pub(super) fn is_alive(&mut self) -> bool {
        use futures_util::FutureExt;
        loop {
            match self.connection.read_on().now_or_never() {
                None => return true,
                Some(Ok(())) => {}
                Some(Err(_)) => return false,
            }
            loop {
                match self.connection.take() {
                    Ok(None) => break,
                    Ok(Some(_)) => {}
                    Err(_) => return false,
                }
            }
        }
    }

    /// Publishes a batch and waits for its confirmations, until this time. Gives the connection back if it may be used
    /// again.
    pub(super) async fn send(
        mut self,
        publisher: &Publisher,
        ordering: Ordering,
        batch: &[Message],
        until: Instant,
    ) -> (Vec<Result<Receipt, Error>>, Option<Self>) {
        let mut sending = Sending {
            publisher,
            batch,
            turns: Turns::new(ordering, batch),
            results: vec![None; batch.len()],
            published: vec![false; batch.len()],
            waiting: 0,
        };
        let failure = self.exchange(&mut sending, until).await.err();
        self.first += batch.len() as u64;
        let shown = self.connection.shown().to_owned();
        let link = match failure {
            None => Some(self),
            Some(_) => {
                self.connection.abandon();
                None
            }
        };
        let unconfirmed = failure.map(|error| match error {
            Some(error) => error,
            None => Error::transient(format!("{shown} did not confirm in time")),
        });
        (sending.finish(unconfirmed), link)
    }

    /// An error is the end of the connection, or `None` when the time is up.
    async fn exchange(
        &mut self,
        sending: &mut Sending<'_>,
        until: Instant,
    ) -> Result<(), Option<Error>> {
        let mut timeout = std::pin::pin!(tokio::time::sleep_until(until));
        loop {
            self.publish(sending);
            while let Some(incoming) = self.connection.take()? {
                self.confirm(sending, &incoming);
            }
            let denied = self.connection.take_denied();
            if !denied.is_empty() {
                sending.deny(&denied, self.connection.shown());
            }
            if sending.waiting == 0 && sending.turns.is_empty() {
                return Ok(());
            }
            if sending.is_turn() && self.connection.queued() < QUEUED {
                continue;
            }
            tokio::select! {
                biased;
                read = self.connection.read_on() => read?,
                () = &mut timeout => return Err(None),
            }
        }
    }

    /// Queues what may be sent now.
    fn publish(&mut self, sending: &mut Sending<'_>) {
        let most = self.connection.info.max_payload;
        let prefix = self.inbox.len();
        while sending.waiting < WINDOW && self.connection.queued() < QUEUED {
            let Some(index) = sending.turns.take() else { return };
            let Some(message) = sending.batch.get(index) else { return };
            let prepared = sending.publisher.prepare(message, &mut self.block);
            let wire = prepared.and_then(|wire| fits(&wire, most).map(|()| wire));
            let wire = match wire {
                Ok(wire) => wire,
                Err(error) => {
                    sending.results[index] = Some(Err(error));
                    continue;
                }
            };
            decimal(&mut self.inbox, self.first + index as u64);
            self.connection.publish(
                wire.subject.as_bytes(),
                &self.inbox,
                wire.headers,
                &wire.payload,
            );
            self.inbox.truncate(prefix);
            sending.published[index] = true;
            sending.waiting += 1;
        }
    }

    /// Notes what the server says about a message.
    fn confirm(&self, sending: &mut Sending<'_>, incoming: &Incoming) {
        let number = incoming.subject.get(self.inbox.len()..);
        let number =
            number.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u64>().ok());
        let index = number.and_then(|number| number.checked_sub(self.first));
        let Some(index) = index.and_then(|index| usize::try_from(index).ok()) else { return };
        let Some(slot @ None) = sending.results.get_mut(index) else { return };
        let result = verdict(sending.publisher, incoming);
        let is_confirmed = result.is_ok();
        *slot = Some(result);
        sending.waiting -= 1;
        if is_confirmed {
            sending.turns.confirmed(index);
        }
    }
}

impl Sending<'_> {
    /// What was published to one of these subjects and is not confirmed will not be.
    fn deny(&mut self, denied: &[String], server: &str) {
        for (index, message) in self.batch.iter().enumerate() {
            if !self.published[index] || self.results[index].is_some() {
                continue;
            }
            if let Some(error) = self.publisher.denial(message, denied, server) {
                self.results[index] = Some(Err(error));
                self.waiting -= 1;
            }
        }
    }

    fn is_turn(&self) -> bool {
        self.waiting < WINDOW && !self.turns.is_empty()
    }

    /// One result for each message. What has none and was not published is held; `unconfirmed` is for what was, and it
    /// is not known which.
    fn finish(self, unconfirmed: Option<Error>) -> Vec<Result<Receipt, Error>> {
        let missing = |was_published| match &unconfirmed {
            Some(error) if was_published => Err(error.clone()),
            _ => Err(held()),
        };
        let results = self.results.into_iter().zip(self.published);
        results.map(|(result, published)| result.unwrap_or_else(|| missing(published))).collect()
    }
}

/// What an answer to a published message means for it.
fn verdict(publisher: &Publisher, incoming: &Incoming) -> Result<Receipt, Error> {
    let stream = publisher.stream().unwrap_or_default();
    if incoming.status() == Some(503) {
        return Err(Error::transient(format!(
            "no stream takes the subject, or it has no leader now: `{stream}` must be there and list it"
        )));
    }
    let ack: PubAck<'_> = serde_json::from_slice(&incoming.payload).map_err(|error| {
        Error::with_source(ErrorKind::Transient, "an unreadable confirmation", error)
    })?;
    let Some(refusal) = ack.error else {
        if ack.stream != stream {
            // Cannot be: the header that names the stream would have been refused.
            return Err(Error::transient(format!(
                "`{}` took it instead of `{stream}`",
                ack.stream
            )));
        }
        if ack.duplicate {
            publisher.duplicate();
        }
        return Ok(Receipt::Written(Some(ack.seq)));
    };
    let kind = match refusal.err_code {
        code::TOO_LARGE | code::HEADER_TOO_LARGE | code::WRONG_SEQUENCE => ErrorKind::Rejected,
        _ => ErrorKind::Transient,
    };
    let what = match refusal.err_code {
        code::WRONG_STREAM => format!("another stream than `{stream}` takes the subject"),
        code::WRONG_SEQUENCE => "the key has another revision".to_owned(),
        _ => format!("the stream `{stream}` refuses it"),
    };
    Err(refusal.error(kind, &what))
}
