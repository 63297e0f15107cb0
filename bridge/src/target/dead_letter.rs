//! Dead letters: where a message goes that can never be delivered, with the reason.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hybridge_core::{Error, ErrorKind, Header, Headers, Message, Sink, Text};

use super::retry::Retry;
use crate::route::batch::Batch;
use crate::status::Stage;

/// What is kept of an error's text: headers of some brokers must fit into one frame, and letters
/// must not grow beyond what the dead-letter target takes.
const MAX_REASON: usize = 4096;

/// The prefix of the headers that a letter has beside those of its message.
pub(crate) const PREFIX: &str = hybridge_core::DEAD_LETTER_PREFIX;

/// The dead-letter target of a route.
///
/// A letter is the message as it came from the source, with headers that say why it is here:
/// `hybridge-dead-letter-reason`, `-kind`, `-stage`, `-route`, `-origin`, `-attempts` and `-time`.
/// Headers of an earlier letter are replaced, so a letter never grows by being redriven. The letter
/// is confirmed before its message counts as settled; while the dead-letter target is down, it waits.
pub(crate) struct DeadLetter {
    sink: Box<dyn Sink>,
    retry: Retry,
    route: Text,
    after: Option<Duration>,
}

/// Why a message is a dead letter.
pub(crate) struct Reason<'a> {
    pub stage: Stage,
    pub error: &'a Error,
    /// How often it was attempted at that stage.
    pub attempts: u32,
}

impl DeadLetter {
    /// Letters of `route` to `sink`. With `after`, also what could not be delivered for so long.
    pub fn new(sink: Box<dyn Sink>, retry: Retry, route: Text, after: Option<Duration>) -> Self {
        Self { sink, retry, route, after }
    }

    /// How long a message may be retried before it is a dead letter; for ever if `None`.
    pub fn after(&self) -> Option<Duration> {
        self.after
    }

    /// Writes the letter and returns `Ok` once it is confirmed. Waits while the dead-letter target
    /// fails; `Err` when the letter itself is refused, or when the assignment ended or the pipeline
    /// was superseded first ([`Held`](ErrorKind::Held)). `failed` is told of every failed attempt.
    pub async fn write(
        &self,
        message: &Message,
        reason: &Reason<'_>,
        batch: &Batch,
        failed: impl Fn(&Error),
    ) -> Result<(), Error> {
        let letter = self.letter(message, reason);
        let mut attempt = 0;
        loop {
            let result = self.sink.send(std::slice::from_ref(&letter)).await;
            let error = match result.into_iter().next() {
                Some(Ok(_)) => {
                    self.retry.succeeded();
                    return Ok(());
                }
                Some(Err(error)) => error,
                None => Error::transient("the dead-letter sink gave no result"),
            };
            failed(&error);
            if matches!(error.kind(), ErrorKind::Rejected | ErrorKind::Fatal) {
                return Err(error);
            }
            attempt += 1;
            let wait = self.retry.wait(attempt, error.kind());
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = batch.interrupted() => {
                    return Err(Error::new(ErrorKind::Held, "interrupted"));
                }
            }
            if error.kind() == ErrorKind::Disconnected
                && let Err(error) = self.sink.recover().await
            {
                failed(&error);
            }
        }
    }

    /// Tries whether letters could be written.
    pub async fn probe(&self) -> Result<(), Error> {
        self.sink.probe().await
    }

    /// Ends the connections of the dead-letter target.
    pub async fn close(&self) {
        self.sink.close().await;
    }

    fn letter(&self, message: &Message, reason: &Reason<'_>) -> Message {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let facts = [
            ("reason", clip(&reason.error.to_string())),
            ("kind", reason.error.kind().as_str().to_owned()),
            ("stage", reason.stage.to_string()),
            ("route", self.route.to_string()),
            ("origin", message.origin.to_string()),
            ("attempts", reason.attempts.to_string()),
            ("time", now.as_millis().to_string()),
        ];
        let kept = message.headers.iter().filter(|header| !header.name.starts_with(PREFIX));
        let added = facts.into_iter().map(|(name, value)| Header {
            name: Text::from(format!("{PREFIX}{name}")),
            value: Some(Bytes::from(value)),
        });
        let headers: Headers = kept.chain(added).collect();
        Message { headers, ..message.clone() }
    }
}

/// At most `MAX_REASON` bytes, without control characters: it becomes a header.
fn clip(text: &str) -> String {
    let mut clipped = String::with_capacity(text.len().min(MAX_REASON));
    for character in text.chars() {
        if clipped.len() + character.len_utf8() > MAX_REASON {
            break;
        }
        clipped.push(if character.is_control() { ' ' } else { character });
    }
    clipped
}
