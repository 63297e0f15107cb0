//! One target of a route: what gets a message there, whatever happens on the way.
//!
//! Assembled in `assemble.rs`, outermost first: dead letter, retry, failover, circuit breaker,
//! sink. The loop of [`Target::deliver`] is the first two; [`failover::Failover`] and
//! [`breaker::CircuitBreaker`] are sinks that wrap sinks.

pub(crate) mod breaker;
pub(crate) mod dead_letter;
pub(crate) mod failover;
pub(crate) mod retry;

use std::rc::Rc;
use std::sync::Arc;

use dead_letter::{DeadLetter, Reason};
use hybridge_core::{Error, ErrorKind, Message, Outcome, Receipt, Sink};
use retry::{Retry, worse};
use tokio::time::Instant;

use crate::route::batch::Batch;
use crate::status::{Inside, RouteStatus, TargetStatus};

/// What is sent for a batch: messages in order, each with the delivery that it comes from.
pub(crate) struct Parts<'a> {
    /// The messages to send.
    pub messages: &'a [Message],
    /// For each message the index of its delivery.
    pub parents: &'a [usize],
}

/// A target with its policies. Lives on one worker and is used by all lanes of its route.
pub(crate) struct Target {
    pub sink: Box<dyn Sink>,
    pub retry: Retry,
    pub dead_letter: Option<Rc<DeadLetter>>,
    /// Whether the source can tell its producer that a message is refused.
    pub can_reject: bool,
    pub status: Arc<TargetStatus>,
    pub route: Arc<RouteStatus>,
}

/// What is left to send of a batch, and since when it fails.
struct Pending {
    indices: Vec<usize>,
    attempt: u32,
    failing_since: Option<Instant>,
}

impl Target {
    /// Sends every part and resolves it in the batch: delivered, dead-lettered, rejected, or
    /// abandoned when the assignment or the caller is gone; parts that would have to wait in a
    /// superseded pipeline stay unresolved. Returns an error only when the target cannot go on at
    /// all.
    ///
    /// It may take for ever: a target that cannot take a message is waited for, and what the batch
    /// holds of the byte budget then stops the source.
    pub async fn deliver(&self, parts: &Parts<'_>, batch: &Batch) -> Result<(), Error> {
        let Some(first) = parts.messages.first() else { return Ok(()) };
        let inside = self.route.enter(self.status.stage(), parts.messages.len(), &first.origin);
        let indices = (0..parts.messages.len()).collect();
        let mut pending = Pending { indices, attempt: 0, failing_since: None };
        while !batch.is_superseded() {
            pending.indices.retain(|index| {
                let parent = parts.parents[*index];
                let may_send = batch.may_send(parent);
                if !may_send {
                    batch.resolve(parent, Outcome::Abandoned);
                }
                may_send
            });
            if pending.indices.is_empty() {
                return Ok(());
            }
            let results = self.send(parts, &pending.indices).await;
            let Some(worst) = self.sort(parts, batch, &mut pending, results, &inside).await? else {
                return Ok(());
            };
            self.wait(parts, batch, &mut pending, worst).await;
        }
        Ok(())
    }

    /// Asks the target whether it can be reached, and remembers what it says.
    pub async fn probe(&self) -> Result<(), Error> {
        let probed = self.sink.probe().await;
        match &probed {
            Ok(()) => self.status.is_well(),
            Err(error) => self.status.failed(error),
        }
        probed
    }

    async fn send(&self, parts: &Parts<'_>, indices: &[usize]) -> Vec<Result<Receipt, Error>> {
        let started = Instant::now();
        let mut results = if indices.len() == parts.messages.len() {
            self.sink.send(parts.messages).await
        } else {
            let some: Vec<Message> =
                indices.iter().map(|index| parts.messages[*index].clone()).collect();
            self.sink.send(&some).await
        };
        self.status.send().record(started.elapsed(), 1);
        // A sink that forgets a message must not make it vanish.
        results.resize_with(indices.len(), || Err(Error::transient("the sink gave no result")));
        results
    }

    /// Resolves what has a final result and keeps the rest pending. Returns the worst error that
    /// is to be retried, `None` when nothing is left.
    async fn sort(
        &self,
        parts: &Parts<'_>,
        batch: &Batch,
        pending: &mut Pending,
        results: Vec<Result<Receipt, Error>>,
        inside: &Inside,
    ) -> Result<Option<ErrorKind>, Error> {
        pending.attempt += 1;
        let mut worst: Option<(ErrorKind, Error)> = None;
        let mut again = Vec::new();
        let mut confirmed = false;
        let overdue = self.is_overdue(pending);
        for (index, result) in pending.indices.iter().copied().zip(results) {
            let parent = parts.parents[index];
            let error = match result {
                // Nothing of an assignment that is over is recorded as done: it is another's now.
                Ok(_) if batch.is_over() => {
                    batch.resolve(parent, Outcome::Abandoned);
                    continue;
                }
                Ok(receipt) => {
                    confirmed = true;
                    batch.resolve(parent, outcome_of(&receipt));
                    continue;
                }
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::Rejected => {
                    if !self.refuse(batch, parent, &error, pending.attempt, inside).await {
                        again.push(index);
                    }
                }
                ErrorKind::Fatal => return Err(error),
                ErrorKind::Held => {
                    worst.get_or_insert((ErrorKind::Held, error));
                    again.push(index);
                }
                _ if overdue => {
                    if !self.refuse(batch, parent, &error, pending.attempt, inside).await {
                        again.push(index);
                    }
                }
                kind => {
                    worst = Some(match worst {
                        Some((other, old)) if worse(other, kind) == other => (other, old),
                        _ => (kind, error),
                    });
                    again.push(index);
                }
            }
        }
        if confirmed {
            self.retry.succeeded();
            self.status.is_well();
        }
        let got_on = again.len() < pending.indices.len();
        pending.indices = again;
        let Some(index) = pending.indices.first() else { return Ok(None) };
        if got_on {
            inside.left(pending.indices.len(), &parts.messages[*index].origin);
        }
        let Some((kind, error)) = worst else { return Ok(Some(ErrorKind::Held)) };
        if kind != ErrorKind::Held {
            self.failed(pending, &error);
        }
        Ok(Some(kind))
    }

    /// Whether what still fails has failed for so long that it is a dead letter now.
    fn is_overdue(&self, pending: &Pending) -> bool {
        let after = self.dead_letter.as_ref().and_then(|dead_letter| dead_letter.after());
        match (after, pending.failing_since) {
            (Some(after), Some(since)) => since.elapsed() >= after,
            _ => false,
        }
    }

    fn failed(&self, pending: &mut Pending, error: &Error) {
        self.route.error(self.status.stage(), error.to_string());
        self.status.failed(error);
        if pending.failing_since.is_none() {
            pending.failing_since = Some(Instant::now());
            tracing::warn!(
                target_name = self.status.name(),
                messages = pending.indices.len(),
                kind = error.kind().as_str(),
                %error,
                "target fails, retrying"
            );
        }
    }

    /// A permanent fault of one message: to the dead letters, or back to the producer, or, with
    /// nowhere to go, it stops its lane until somebody acts. Returns whether it is resolved.
    async fn refuse(
        &self,
        batch: &Batch,
        delivery: usize,
        error: &Error,
        attempts: u32,
        inside: &Inside,
    ) -> bool {
        let reason = Reason { stage: self.status.stage(), error, attempts };
        let outcome = refuse(
            self.dead_letter.as_deref(),
            self.can_reject,
            &self.route,
            batch,
            delivery,
            &reason,
            inside,
        )
        .await;
        if let Some(outcome) = outcome {
            batch.resolve(delivery, outcome);
        }
        outcome.is_some()
    }

    /// Waits before the next attempt, no longer than anything is left to attempt it for.
    async fn wait(
        &self,
        parts: &Parts<'_>,
        batch: &Batch,
        pending: &mut Pending,
        worst: ErrorKind,
    ) {
        if worst == ErrorKind::Held {
            return;
        }
        let mut until = Instant::now() + self.retry.wait(pending.attempt, worst);
        let deadlines = pending.indices.iter().map(|index| batch.deadline(parts.parents[*index]));
        for deadline in deadlines.flatten() {
            until = until.min(deadline);
        }
        tokio::select! {
            () = tokio::time::sleep_until(until) => {}
            () = batch.interrupted() => return,
        }
        self.status.retried(pending.indices.len() as u64);
        if worst == ErrorKind::Disconnected
            && let Err(error) = self.sink.recover().await
        {
            self.route.error(self.status.stage(), error.to_string());
        }
    }
}

/// What becomes of a delivery with a permanent fault, at whatever stage. `None` when the pipeline
/// is superseded before that is known.
pub(crate) async fn refuse(
    dead_letter: Option<&DeadLetter>,
    can_reject: bool,
    route: &RouteStatus,
    batch: &Batch,
    delivery: usize,
    reason: &Reason<'_>,
    inside: &Inside,
) -> Option<Outcome> {
    if batch.is_superseded() {
        return interrupted(batch, delivery);
    }
    let message = &batch.original(delivery);
    route.error(reason.stage.clone(), reason.error.to_string());
    let mut held = reason.error.to_string();
    if let Some(dead_letter) = dead_letter {
        let failed = |error: &Error| {
            route.error(crate::status::Stage::DeadLetter, error.to_string());
        };
        match dead_letter.write(message, reason, batch, failed).await {
            Ok(()) if batch.is_over() => return Some(Outcome::Abandoned),
            Ok(()) => {
                tracing::warn!(
                    origin = %message.origin,
                    stage = %reason.stage,
                    error = %reason.error,
                    "message is a dead letter"
                );
                return Some(Outcome::DeadLettered);
            }
            Err(error) if error.kind() == ErrorKind::Held => return interrupted(batch, delivery),
            Err(error) => held = format!("{held}; and its dead letter was refused: {error}"),
        }
    } else if can_reject {
        return Some(Outcome::Rejected);
    }
    tracing::error!(origin = %message.origin, stage = %reason.stage, reason = %held, "message stops its lane");
    inside.hold(&message.origin, held);
    match batch.deadline(delivery) {
        Some(deadline) => {
            let _ = tokio::time::timeout_at(deadline, batch.interrupted()).await;
        }
        None => batch.interrupted().await,
    }
    interrupted(batch, delivery)
}

/// What becomes of a delivery whose waiting was interrupted: what may still be sent is left to the
/// pipeline that supersedes this one.
fn interrupted(batch: &Batch, delivery: usize) -> Option<Outcome> {
    (!batch.may_send(delivery)).then_some(Outcome::Abandoned)
}

fn outcome_of(receipt: &Receipt) -> Outcome {
    match receipt {
        Receipt::Written(_) => Outcome::Delivered,
        Receipt::DeadLettered(_) => Outcome::DeadLettered,
    }
}
