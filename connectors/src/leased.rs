//! A source of which only one of several processes may read at a time, and which has no broker to see to it.
//!
//! Whoever holds the lease makes the source and reads; the others wait. The positions are part of the lease's entry, so
//! every save is a compare-and-set: who takes over goes on from what was saved, and who lost the lease saves nothing.

mod kept;

use std::collections::VecDeque;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use async_trait::async_trait;
use hybridge_core::{Assignment, Budget, Error, ErrorKind, Event, Outcome, Tag};
use tokio::time::Instant;

use self::kept::{Kept, State, Successor};
use crate::nats::{Change, Tenure, Terms};
use crate::positions::Positions;

/// Makes the source anew for each time that the lease is held. Its `connect` waits for nothing but its positions.
type Make =
    Box<dyn Fn(Box<dyn Positions>) -> Result<Box<dyn hybridge_core::Source>, Error> + 'static>;

/// Reads while it holds the lease.
pub(crate) struct Source {
    terms: Rc<Terms>,
    make: Make,
    open: Option<Open>,
}

struct Open {
    tenure: Tenure<Successor>,
    kept: Kept,
    budget: Budget,
    /// While the lease is ours.
    inner: Option<Box<dyn hybridge_core::Source>>,
    /// What the route was told of and is not over.
    assignments: Vec<Assignment>,
    events: VecDeque<Event>,
    /// The route waits for this.
    flushing: bool,
    stopped: bool,
}

impl Source {
    /// Opens nothing.
    ///
    /// # Errors
    /// The source cannot be made from what the file says.
    pub(crate) fn new(terms: Terms, make: Make) -> Result<Self, Error> {
        make(Box::<Kept>::default())?;
        Ok(Self { terms: Rc::new(terms), make, open: None })
    }
}

impl Open {
    fn changed(&mut self, change: Change<State>) {
        match change {
            Change::Taken(state) => self.kept = Kept::new(state),
            Change::Saved(_) => self.kept.saved(),
            Change::Lost(_) => self.lose(),
        }
    }

    /// Whatever the source knows is void: it is not closed, which would settle, but dropped.
    fn lose(&mut self) {
        self.inner = None;
        self.kept = Kept::default();
        for assignment in self.assignments.drain(..) {
            assignment.end();
            self.events.push_back(Event::Lost(assignment));
        }
        if std::mem::take(&mut self.flushing) {
            self.events.push_back(Event::Flushed);
        }
    }

    /// Makes the source, if there is none and should be one.
    async fn make(&mut self, make: &Make) -> Result<(), Error> {
        if self.inner.is_some() || self.stopped || !self.tenure.is_held() {
            return Ok(());
        }
        let mut inner = make(Box::new(self.kept.clone()))?;
        inner.connect(self.budget.clone()).await?;
        self.inner = Some(inner);
        Ok(())
    }

    async fn next(&mut self, make: &Make) -> Result<Event, Error> {
        loop {
            if let Some(change) = self.tenure.watch() {
                self.changed(change);
            }
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            self.make(make).await?;
            self.tenure.begin(self.kept.has_changes(), || self.kept.begin_save());
            let (alarm, ends) = (self.tenure.alarm(), self.tenure.ends());
            let ends = ends.into_iter().chain(self.kept.stalls()).min();
            tokio::select! {
                biased;
                change = self.tenure.progress() => {
                    if let Some(change) = change? {
                        self.changed(change);
                    }
                }
                event = until(ends, &mut self.inner) => {
                    let event = event?;
                    self.note(&event);
                    return Ok(event);
                }
                () = self.kept.changed() => {}
                () = at(alarm) => {}
            }
        }
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::Assigned(assignments) => self.assignments.extend_from_slice(assignments),
            Event::Lost(assignment) | Event::Released(assignment) => {
                self.assignments.retain(|other| other.id() != assignment.id());
            }
            Event::Flushed => self.flushing = false,
            Event::Deliveries(_) | Event::Revoking(..) | Event::End => {}
        }
    }
}

/// What the source has to say before this time; nothing without one. Cancel-safe.
///
/// The time is looked at before each poll: a process that stood still goes on anywhere.
async fn until(
    ends: Option<Instant>,
    inner: &mut Option<Box<dyn hybridge_core::Source>>,
) -> Result<Event, Error> {
    let (Some(ends), Some(inner)) = (ends, inner) else { return std::future::pending().await };
    let mut next = pin!(inner.next());
    let next = std::future::poll_fn(|cx| match Instant::now() < ends {
        true => next.as_mut().poll(cx),
        false => Poll::Pending,
    });
    next.await
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

#[async_trait(?Send)]
impl hybridge_core::Source for Source {
    async fn probe(&self) -> Result<(), Error> {
        self.terms.probe().await?;
        (self.make)(Box::<Kept>::default())?.probe().await
    }

    async fn connect(&mut self, budget: Budget) -> Result<(), Error> {
        let (tenure, change) = Tenure::open(self.terms.clone(), Rc::new(Successor)).await?;
        let mut open = Open {
            tenure,
            kept: Kept::default(),
            budget,
            inner: None,
            assignments: Vec::new(),
            events: VecDeque::new(),
            flushing: false,
            stopped: false,
        };
        if let Some(change) = change {
            open.changed(change);
        }
        self.open = Some(open);
        Ok(())
    }

    async fn next(&mut self) -> Result<Event, Error> {
        let Some(open) = &mut self.open else {
            return Err(Error::new(ErrorKind::Fatal, "the source is not connected"));
        };
        open.next(&self.make).await
    }

    fn settle(&mut self, settled: &[(Tag, Outcome)]) {
        let Some(open) = &mut self.open else { return };
        // What is settled too late is another's to settle.
        if let Some(inner) = &mut open.inner
            && open.tenure.ends().is_some_and(|ends| Instant::now() < ends)
        {
            inner.settle(settled);
        }
    }

    fn flush(&mut self) {
        let Some(open) = &mut self.open else { return };
        match &mut open.inner {
            Some(inner) => {
                inner.flush();
                open.flushing = true;
            }
            None => open.events.push_back(Event::Flushed),
        }
    }

    fn release(&mut self, assignment: &Assignment) {
        if let Some(inner) = self.open.as_mut().and_then(|open| open.inner.as_mut()) {
            inner.release(assignment);
        }
    }

    fn stop(&mut self) {
        let Some(open) = &mut self.open else { return };
        open.stopped = true;
        open.tenure.stop();
        if let Some(inner) = &mut open.inner {
            inner.stop();
        }
    }

    fn position(&self) -> Vec<(Assignment, u64)> {
        let inner = self.open.as_ref().and_then(|open| open.inner.as_ref());
        inner.map_or_else(Vec::new, |inner| inner.position())
    }

    fn lag(&self) -> Option<u64> {
        self.open.as_ref()?.inner.as_ref()?.lag()
    }

    fn waits_for(&self) -> Option<String> {
        self.open.as_ref()?.tenure.waits_for()
    }

    /// Gives the lease back with the last positions, so that nobody has to wait for its end.
    async fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        open.kept.part();
        if let Some(mut inner) = open.inner {
            inner.close().await;
        }
        for assignment in open.assignments {
            assignment.end();
        }
        open.tenure.release(|| open.kept.begin_save()).await;
    }
}

#[cfg(test)]
#[cfg(feature = "schedule")]
mod tests;
