//! What changes or selects messages between a source and its targets.

use async_trait::async_trait;

use crate::{Error, Message, Outcome, Tag};

/// What a step made of one message.
#[derive(Debug)]
pub enum Applied {
    /// One message, the common case.
    One(Message),
    /// Several, in order; an empty one is the same as filtered by the step.
    Many(Vec<Message>),
    /// Selected out by this rule.
    Filtered(String),
    /// Past its time by this rule.
    Expired(String),
    /// Failed. [`Rejected`](crate::ErrorKind::Rejected) is a fault of this message alone; any other
    /// kind (a registry that is down) is retried.
    Failed(Error),
}

/// One step of a route. Made without input or output; lives on one worker.
#[async_trait(?Send)]
pub trait Transformer {
    /// Its kind, as in the routing-rule file: the stage that a dead letter names.
    fn name(&self) -> &'static str;

    /// Applies the step to each message: one answer for each, in the same order. A step without
    /// input or output never yields. A step may panic on a message: the panic is caught and is a
    /// permanent fault of that message.
    async fn apply(&self, batch: Vec<Message>) -> Vec<Applied>;

    /// Tells steps that hold claims (deduplication) how deliveries ended.
    fn finished(&self, settled: &[(Tag, Outcome)]) {
        let _ = settled;
    }
}
