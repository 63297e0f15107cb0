//! What takes messages and confirms them.

use async_trait::async_trait;

use crate::{Error, Message};

/// The confirmation of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// It is durably at the target, at this position where the target tells it.
    Written(Option<u64>),
    /// The target is a dead-letter target, for this reason.
    DeadLettered(String),
}

/// A target. Made without input or output; lives on one worker, so it need not be `Send`.
#[async_trait(?Send)]
pub trait Sink {
    /// Tries whether the target can be reached and would take messages, without writing one.
    ///
    /// Called before the first `send`, before a reload takes the sink, and by `check --connect`.
    /// An error does not stop a route: `send` will say it again, and the route waits. Cancel-safe.
    async fn probe(&self) -> Result<(), Error>;

    /// Sends the batch in order and returns once the target confirmed or refused each message:
    /// one result for each, in the same order.
    ///
    /// It always returns, within the sink's own time limit, and is not cancel-safe: nobody puts a
    /// time-out or a `select!` around it. After it has returned, nothing of the batch may be sent
    /// by the client on its own. It is called by several lanes at once. In an ordered route the
    /// results of each key are a prefix: `Ok`, then errors; what was not attempted because an
    /// earlier message of its key failed is [`Held`](crate::ErrorKind::Held). A permanent fault
    /// ([`Rejected`](crate::ErrorKind::Rejected)) is of one message and does not fail others of
    /// other keys.
    async fn send(&self, batch: &[Message]) -> Vec<Result<Receipt, Error>>;

    /// Rebuilds the client after [`Disconnected`](crate::ErrorKind::Disconnected); never ends the
    /// source or the route. Called between two `send`s of a lane, maybe by several lanes: once is
    /// enough, the others may return at once.
    async fn recover(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Ends connections after the last `send` has returned.
    async fn close(&self) {}
}
