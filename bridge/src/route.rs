//! A route: one source, its lanes, and what its source is told.
//!
//! The loop has one await. Everything else are plain functions that change state and return, so
//! that the source is polled for the route's whole life: leases, heartbeats and rebalances stay
//! alive whatever the targets do.

pub(crate) mod batch;
pub(crate) mod choice;
pub(crate) mod hops;
pub(crate) mod lanes;
pub(crate) mod pipelines;
pub(crate) mod process;
pub(crate) mod steps;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use batch::Settled;
use hybridge_core::{Assignment, Budget, Delivery, Error, Event, Outcome, Permit, Source, Tag};
use lanes::{Lanes, Progress};
use pipelines::Pipelines;
use process::Pipeline;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::ledger::Ledger;
use crate::status::{RouteStatus, State};

/// How long a send that is under way may still take once the time to drain is over.
const SEND_GRACE: Duration = Duration::from_secs(5);
/// How often it is asked what waits at the source while nothing happens.
const LOOK: Duration = Duration::from_secs(1);
/// How long the source may take to make durable what was settled.
const FLUSH_TIME: Duration = Duration::from_secs(10);

/// Tells a route to stop: until when it may drain, once it should.
pub(crate) type Stop = watch::Receiver<Option<Instant>>;

/// A route in one incarnation: after an error it is closed and another one is made.
pub(crate) struct Route {
    source: Box<dyn Source>,
    pipelines: Rc<Pipelines>,
    lanes: Lanes,
    status: Arc<RouteStatus>,
    stage: Stage,
    /// Assignments that are being taken away, and until when they may drain.
    revoking: Vec<(Assignment, Instant)>,
    /// Lanes that got deliveries; kept to spare an allocation for each batch.
    touched: Vec<usize>,
}

/// How far the life of the route has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Running,
    /// Nothing new comes; what is there is processed, until then.
    Draining(Option<Instant>),
    /// Nothing is sent anew; what is under way may return, until then.
    Ending(Instant),
    /// The source makes durable what was settled, until then.
    Flushing(Instant),
    Done,
}

/// What the route reacts to.
enum Step {
    Lanes(Progress),
    Source(Event),
    Stop(Instant),
    Time,
}

impl Route {
    /// A route that has not connected to anything.
    pub fn new(
        source: Box<dyn Source>,
        pipeline: Pipeline,
        lanes: Lanes,
        status: Arc<RouteStatus>,
    ) -> Self {
        Self {
            source,
            pipelines: Pipelines::new(pipeline),
            lanes,
            status,
            stage: Stage::Running,
            revoking: Vec::new(),
            touched: Vec::new(),
        }
    }

    /// Connects the source.
    pub async fn connect(&mut self, budget: Budget) -> Result<(), Error> {
        self.source.connect(budget).await
    }

    /// Runs until it is stopped and drained, or its source has come to its end, or something fails
    /// that only a new incarnation can mend.
    pub async fn run(&mut self, ledger: &mut Ledger, stop: &mut Stop) -> Result<(), Error> {
        self.status.state(State::Running, None);
        let mut look = tokio::time::interval(LOOK);
        while self.stage != Stage::Done {
            let wake = self.wake();
            let step = tokio::select! {
                biased;
                until = stopped(stop), if self.takes_stop() => Step::Stop(until),
                progress = self.lanes.progress(), if self.lanes.is_running() => Step::Lanes(progress),
                event = self.source.next() => Step::Source(event?),
                () = tokio::time::sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => Step::Time,
                _ = look.tick() => {
                    self.status.waiting(self.source.lag());
                    self.status.waits_for(self.source.waits_for());
                    continue;
                }
            };
            self.react(step, ledger)?;
            ledger.in_flight(self.lanes.held());
            self.status.ledger(ledger.counts());
            self.status.waiting(self.source.lag());
        }
        Ok(())
    }

    /// Gives up what the lanes still hold: their futures are dropped, and nothing of it is settled.
    pub fn abandon(&mut self, ledger: &mut Ledger) {
        ledger.abandoned(self.lanes.held());
        self.lanes.clear();
        self.status.ledger(ledger.counts());
    }

    /// Ends all connections.
    pub async fn close(&mut self) {
        self.source.close().await;
        self.pipelines.close().await;
    }

    /// What comes after the source; it can be superseded while the route runs.
    pub fn pipelines(&self) -> &Rc<Pipelines> {
        &self.pipelines
    }

    fn react(&mut self, step: Step, ledger: &mut Ledger) -> Result<(), Error> {
        match step {
            Step::Lanes(progress) => self.progressed(progress, ledger)?,
            Step::Source(event) => self.heard(event, ledger),
            Step::Stop(until) => {
                self.status.state(State::Stopping, None);
                self.source.stop();
                self.stage = Stage::Draining(Some(until));
            }
            Step::Time => self.time_is_up(ledger),
        }
        self.release_drained();
        let idle = self.lanes.held() == 0 && !self.lanes.is_running();
        if idle && matches!(self.stage, Stage::Draining(_) | Stage::Ending(_)) {
            self.source.flush();
            self.stage = Stage::Flushing(Instant::now() + FLUSH_TIME);
        }
        Ok(())
    }

    fn heard(&mut self, event: Event, ledger: &mut Ledger) {
        match event {
            Event::Assigned(assignments) => {
                self.lanes.assign(&assignments);
                self.status.waits_for(self.source.waits_for());
            }
            Event::Deliveries(deliveries) => self.received(deliveries, ledger),
            Event::Revoking(assignment, until) => {
                assignment.revoke();
                self.unqueue(&assignment, ledger);
                self.revoking.push((assignment, until));
            }
            Event::Lost(assignment) => {
                assignment.end();
                self.unqueue(&assignment, ledger);
                self.forget(&assignment);
                self.status.waits_for(self.source.waits_for());
            }
            Event::Released(assignment) => assignment.end(),
            Event::Flushed => {
                if matches!(self.stage, Stage::Flushing(_)) {
                    self.stage = Stage::Done;
                }
            }
            Event::End => {
                if self.stage == Stage::Running {
                    self.stage = Stage::Draining(None);
                }
            }
        }
    }

    fn received(&mut self, deliveries: Vec<Delivery>, ledger: &mut Ledger) {
        ledger.received(deliveries.len());
        let late = |delivery: &Delivery| !delivery.assignment.is_live();
        let deliveries = if deliveries.iter().any(late) {
            let (late, live): (Vec<_>, Vec<_>) = deliveries.into_iter().partition(late);
            let late = late.into_iter().map(|delivery| (delivery.tag, delivery.permit));
            self.abandon_unsent(late.collect(), ledger);
            live
        } else {
            deliveries
        };
        let mut touched = std::mem::take(&mut self.touched);
        self.lanes.push(deliveries, &mut touched);
        for lane in touched.drain(..) {
            self.start(lane);
        }
        self.touched = touched;
    }

    fn start(&mut self, lane: usize) {
        let pipelines = &self.pipelines;
        self.lanes.start(lane, |batch| Box::pin(pipelines.clone().process(batch)));
    }

    fn progressed(&mut self, progress: Progress, ledger: &mut Ledger) -> Result<(), Error> {
        self.settle(progress.settled, ledger);
        let Some((lane, result)) = progress.ended else { return Ok(()) };
        result?;
        self.start(lane);
        for lane in progress.freed {
            self.start(lane);
        }
        Ok(())
    }

    /// Tells the source how deliveries ended and gives their bytes back. What belongs to an
    /// assignment that is over is not settled: it is somebody else's by now.
    fn settle(&mut self, settled: Vec<Settled>, ledger: &mut Ledger) {
        let mut tags: Vec<(Tag, Outcome)> = Vec::with_capacity(settled.len());
        let mut permits: Option<Permit> = None;
        let mut times = Times::default();
        for one in settled {
            if self.lanes.owns(one.tag.assignment) {
                ledger.settled(one.outcome, 1);
                tags.push((one.tag, one.outcome));
            } else {
                ledger.settled(Outcome::Abandoned, 1);
            }
            times.add(&self.status, one.received);
            permits = merge(permits, one.permit);
        }
        times.flush(&self.status);
        if tags.is_empty() {
            return;
        }
        self.source.settle(&tags);
        self.pipelines.finished(&tags);
    }

    /// What was queued and not started of an assignment goes back.
    fn unqueue(&mut self, assignment: &Assignment, ledger: &mut Ledger) {
        let queued = self.lanes.unqueue(assignment.id());
        self.abandon_unsent(queued, ledger);
    }

    fn abandon_unsent(&mut self, deliveries: Vec<(Tag, Permit)>, ledger: &mut Ledger) {
        ledger.settled(Outcome::Abandoned, deliveries.len());
        let tags: Vec<(Tag, Outcome)> =
            deliveries.iter().map(|(tag, _)| (*tag, Outcome::Abandoned)).collect();
        if !tags.is_empty() {
            self.source.settle(&tags);
        }
    }

    /// Gives back the assignments that are being taken away and of which nothing runs any more.
    fn release_drained(&mut self) {
        let (drained, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.revoking)
            .into_iter()
            .partition(|(assignment, _)| self.lanes.is_idle(assignment.id()));
        self.revoking = rest;
        for (assignment, _) in drained {
            self.source.release(&assignment);
            self.lanes.remove(assignment.id());
        }
    }

    fn forget(&mut self, assignment: &Assignment) {
        self.revoking.retain(|(other, _)| other.id() != assignment.id());
        self.lanes.remove(assignment.id());
    }

    /// Whether it has not been told to stop; it may be draining because its source ended.
    fn takes_stop(&self) -> bool {
        matches!(self.stage, Stage::Running | Stage::Draining(None))
    }

    /// The next time at which something must be given up.
    fn wake(&self) -> Option<Instant> {
        let revoked = self.revoking.iter().map(|(_, until)| *until).min();
        let staged = match self.stage {
            Stage::Running | Stage::Done | Stage::Draining(None) => None,
            Stage::Draining(Some(until)) | Stage::Ending(until) | Stage::Flushing(until) => {
                Some(until)
            }
        };
        revoked.into_iter().chain(staged).min()
    }

    fn time_is_up(&mut self, ledger: &mut Ledger) {
        let now = Instant::now();
        let (late, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.revoking).into_iter().partition(|(_, until)| *until <= now);
        self.revoking = rest;
        for (assignment, _) in late {
            tracing::warn!(?assignment, "not drained before it was taken away");
            assignment.end();
            self.source.release(&assignment);
            self.lanes.remove(assignment.id());
        }
        match self.stage {
            Stage::Draining(Some(until)) if until <= now => {
                for assignment in self.lanes.assignments() {
                    assignment.revoke();
                    self.unqueue(&assignment, ledger);
                }
                self.stage = Stage::Ending(now + SEND_GRACE);
            }
            Stage::Ending(until) if until <= now => {
                tracing::warn!(deliveries = self.lanes.held(), "stopped before all was sent");
                self.abandon(ledger);
                self.source.flush();
                self.stage = Stage::Flushing(now + FLUSH_TIME);
            }
            Stage::Flushing(until) if until <= now => {
                tracing::warn!("stopped before everything settled was durable at the source");
                self.stage = Stage::Done;
            }
            _ => {}
        }
    }
}

/// Returns when the route should stop, with the time until which it may drain.
async fn stopped(stop: &mut Stop) -> Instant {
    match stop.wait_for(Option::is_some).await.map(|until| *until) {
        Ok(Some(until)) => until,
        // Whoever could have said so is gone: the process ends.
        Ok(None) | Err(_) => Instant::now(),
    }
}

/// One permit for many, so that a batch gives its bytes back in one step.
fn merge(all: Option<Permit>, one: Permit) -> Option<Permit> {
    match all {
        None => Some(one),
        Some(mut all) => match all.merge(one) {
            None => Some(all),
            Some(other) => {
                drop(all);
                Some(other)
            }
        },
    }
}

/// Latencies of deliveries that came together are recorded together.
#[derive(Default)]
struct Times(Option<(Instant, u64)>);

impl Times {
    fn add(&mut self, status: &RouteStatus, received: Instant) {
        match &mut self.0 {
            Some((at, count)) if *at == received => *count += 1,
            _ => {
                self.flush(status);
                self.0 = Some((received, 1));
            }
        }
    }

    fn flush(&mut self, status: &RouteStatus) {
        if let Some((at, count)) = self.0.take() {
            status.delivery().record(at.elapsed(), count);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
