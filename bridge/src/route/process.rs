//! What happens to one batch: steps, then targets.

use std::ops::Range;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use futures_util::future::try_join_all;
use hybridge_core::{Error, ErrorKind, Message, Outcome, Transformer};

use super::batch::Batch;
use super::choice::Choice;
use super::hops::Hops;
use super::steps::{Failed, Flow};
use crate::status::{RouteStatus, Stage};
use crate::target::dead_letter::{DeadLetter, Reason};
use crate::target::retry::Retry;
use crate::target::{Parts, Target, refuse};

/// Everything that comes after the source of a route, assembled in `assemble.rs`.
pub(crate) struct Pipeline {
    pub hops: Hops,
    pub steps: Vec<Box<dyn Transformer>>,
    /// Which targets a message goes to; without it, to all.
    pub choice: Option<Choice>,
    pub targets: Vec<Target>,
    pub dead_letter: Option<Rc<DeadLetter>>,
    /// Whether the source can tell its producer that a message is refused.
    pub can_reject: bool,
    /// For steps whose error is not the message's fault.
    pub retry: Retry,
    pub status: Arc<RouteStatus>,
    /// What its sinks have for themselves while they are open.
    pub exclusive: Vec<PathBuf>,
}

impl Pipeline {
    /// Processes a batch. Each delivery is resolved as soon as its last part is, and all are when
    /// this returns `Ok`, unless the pipeline was superseded meanwhile: then those that would have
    /// to wait are not, nor those behind them. An error means that the route cannot go on.
    ///
    /// A delivery that a step failed on is dealt with in its place: what is before it is sent
    /// first, what is behind it waits, as order asks.
    pub async fn process(&self, batch: &Batch) -> Result<(), Error> {
        let mut flow = self.run(batch.messages(), 0, batch.faults()).await;
        let mut failed = std::mem::take(&mut flow.failed);
        failed.sort_by_key(|failed| failed.delivery);
        self.expect(batch, &flow, 0..batch.messages().len(), &failed);
        let mut from = 0;
        for failed in failed {
            let to = flow.parents.partition_point(|parent| *parent < failed.delivery);
            self.deliver(&flow, from..to, batch).await?;
            from = to;
            let delivery = failed.delivery;
            match self.come_through(batch, failed).await {
                Some(Ok(again)) => {
                    self.expect(batch, &again, delivery..delivery + 1, &[]);
                    self.deliver(&again, 0..again.messages.len(), batch).await?;
                }
                Some(Err(outcome)) => batch.resolve_all(delivery, outcome),
                None => return Ok(()),
            }
        }
        self.deliver(&flow, from..flow.messages.len(), batch).await
    }

    async fn run<'a>(
        &self,
        input: &'a [Message],
        first: usize,
        faults: &[(usize, Error)],
    ) -> Flow<'a> {
        Flow::run(&self.steps, self.choice.as_ref(), input, first, faults).await
    }

    /// Sends a part of the flow to the targets that it goes to and waits for all of them.
    async fn deliver(
        &self,
        flow: &Flow<'_>,
        range: Range<usize>,
        batch: &Batch,
    ) -> Result<(), Error> {
        if !flow.chosen.is_empty() {
            return self.deliver_chosen(flow, range, batch).await;
        }
        let parts =
            Parts { messages: &flow.messages[range.clone()], parents: &flow.parents[range] };
        if let [target] = self.targets.as_slice() {
            return target.deliver(&parts, batch).await;
        }
        let sent = self.targets.iter().map(|target| target.deliver(&parts, batch));
        try_join_all(sent).await.map(|_| ())
    }

    /// Sends every message of the range to the targets that rules chose for it.
    async fn deliver_chosen(
        &self,
        flow: &Flow<'_>,
        range: Range<usize>,
        batch: &Batch,
    ) -> Result<(), Error> {
        let mut by_target: Vec<Vec<usize>> = vec![Vec::new(); self.targets.len()];
        for index in range.clone() {
            for target in flow.chosen[index].iter() {
                by_target[usize::from(*target)].push(index);
            }
        }
        let used = self.targets.iter().zip(&by_target).filter(|(_, indices)| !indices.is_empty());
        let whole = &range;
        let sent = used.map(|(target, indices)| async move {
            if indices.len() == whole.len() {
                let messages = &flow.messages[whole.clone()];
                let parts = Parts { messages, parents: &flow.parents[whole.clone()] };
                return target.deliver(&parts, batch).await;
            }
            let messages: Vec<Message> =
                indices.iter().map(|index| flow.messages[*index].clone()).collect();
            let parents: Vec<usize> = indices.iter().map(|index| flow.parents[*index]).collect();
            target.deliver(&Parts { messages: &messages, parents: &parents }, batch).await
        });
        try_join_all(sent).await.map(|_| ())
    }

    /// Tells the batch how many results each delivery gets, and resolves those of which nothing is
    /// left to send. What steps added is charged, and never waited for.
    fn expect(&self, batch: &Batch, flow: &Flow<'_>, deliveries: Range<usize>, failed: &[Failed]) {
        if self.steps.is_empty() && self.choice.is_none() && self.targets.len() == 1 {
            return;
        }
        let mut rest = flow.parents.iter().enumerate().peekable();
        for delivery in deliveries {
            let (mut parts, mut size) = (0, 0);
            while let Some((index, _)) = rest.next_if(|(_, parent)| **parent == delivery) {
                parts += flow.chosen.get(index).map_or(self.targets.len(), |chosen| chosen.len());
                size += flow.messages[index].size();
            }
            if failed.iter().any(|failed| failed.delivery == delivery) {
                continue;
            }
            if parts > 0 {
                batch.expect(delivery, parts);
                let before = batch.messages()[delivery].size();
                batch.grow(delivery, size.saturating_sub(before));
                continue;
            }
            let out = flow.selected_out.iter().filter(|(parent, _)| *parent == delivery);
            let outcome = out.map(|(_, outcome)| *outcome).max().unwrap_or(Outcome::Filtered);
            batch.resolve_all(delivery, outcome);
        }
    }

    /// A delivery that failed before it could be sent: refused when that is the message's fault, tried again
    /// until it comes through when it is not. `None` when the pipeline is superseded first.
    async fn come_through<'a>(
        &self,
        batch: &'a Batch,
        failed: Failed,
    ) -> Option<Result<Flow<'a>, Outcome>> {
        let delivery = failed.delivery;
        let message: &Message = &batch.messages()[delivery];
        let inside = self.status.enter(failed.stage(), 1, &message.origin);
        let mut failed = failed;
        let mut attempts = 1;
        loop {
            if batch.is_superseded() {
                return None;
            }
            let error = failed.described();
            if matches!(error.kind(), ErrorKind::Rejected | ErrorKind::Fatal) {
                let reason = Reason { stage: failed.stage(), error: &error, attempts };
                let dead_letter = self.dead_letter.as_deref();
                let status = &self.status;
                let outcome =
                    refuse(dead_letter, self.can_reject, status, batch, delivery, &reason, &inside);
                return outcome.await.map(Err);
            }
            self.status.error(failed.stage(), error.to_string());
            let wait = tokio::time::sleep(self.retry.wait(attempts, error.kind()));
            tokio::select! {
                () = wait => {}
                () = batch.interrupted() => {}
            }
            if !batch.may_send(delivery) {
                return Some(Err(Outcome::Abandoned));
            }
            attempts += 1;
            let one = std::slice::from_ref(message);
            let mut flow = self.run(one, delivery, &[]).await;
            match flow.failed.pop() {
                None => return Some(Ok(flow)),
                Some(again) => failed = again,
            }
        }
    }

    /// Asks every target whether it can be reached; returns what those that cannot say.
    pub async fn probe(&self) -> Vec<(Stage, Error)> {
        let mut faults = Vec::new();
        for target in &self.targets {
            let probed = target.probe().await;
            faults.extend(probed.err().map(|error| (target.status.stage(), error)));
        }
        if let Some(dead_letter) = &self.dead_letter {
            let probed = dead_letter.probe().await;
            faults.extend(probed.err().map(|error| (Stage::DeadLetter, error)));
        }
        faults
    }

    /// Tries the targets again that could not be reached.
    pub async fn probe_again(&self) {
        for target in &self.targets {
            if target.status.trouble().is_some_and(|trouble| trouble.is_unreachable) {
                // What it says was reported when it was first seen.
                let _ = target.probe().await;
            }
        }
    }

    /// Ends the connections of all targets.
    pub async fn close(&self) {
        for target in &self.targets {
            target.sink.close().await;
        }
        if let Some(dead_letter) = &self.dead_letter {
            dead_letter.close().await;
        }
    }
}
