//! A batch of one lane on its way through the pipeline, and where its deliveries end.

use std::cell::RefCell;
use std::rc::Rc;

use hybridge_core::{Assignment, Delivery, Error, Headers, Message, Outcome, Permit, Phase, Tag};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::hops::Hops;

/// A delivery that has its outcome and waits for the route to settle it.
#[derive(Debug)]
pub(crate) struct Settled {
    pub lane: usize,
    pub tag: Tag,
    pub outcome: Outcome,
    /// When the route received it.
    pub received: Instant,
    /// Given back by the route once it has settled.
    pub permit: Permit,
}

/// What batches have finished, for the route to settle. Filled only while the route polls its
/// lanes, so the route sees it in the same poll.
pub(crate) type Outbox = Rc<RefCell<Vec<Settled>>>;

/// Deliveries of one lane that are processed together, in order. All are of one assignment.
pub(crate) struct Batch {
    lane: usize,
    assignment: Assignment,
    /// The messages, with the hop of this route once they were stamped.
    messages: Vec<Message>,
    /// Their headers as they came from the source; empty before they were stamped.
    came_with: Vec<Headers>,
    /// What is wrong for good with deliveries before any step has seen them, by index, ascending.
    faults: Vec<(usize, Error)>,
    open: RefCell<Vec<Open>>,
    outbox: Outbox,
    /// Cancelled when the pipeline that it is in is superseded.
    superseded: Option<CancellationToken>,
}

/// What is known of one delivery of the batch.
struct Open {
    tag: Tag,
    deadline: Option<Instant>,
    received: Instant,
    /// Gone once the delivery has its outcome.
    permit: Option<Permit>,
    /// Parts (children, each at each target) without a result.
    missing: usize,
    worst: Outcome,
    /// Bytes that steps added to the permit.
    grown: u64,
}

impl Batch {
    /// A batch of at least one delivery, all of the same assignment.
    pub fn new(
        lane: usize,
        deliveries: impl IntoIterator<Item = (Delivery, Instant)>,
        assignment: Assignment,
        outbox: Outbox,
    ) -> Self {
        let deliveries = deliveries.into_iter();
        let count = deliveries.size_hint().0;
        let (mut messages, mut open) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut faults = Vec::new();
        for (index, (delivery, received)) in deliveries.enumerate() {
            faults.extend(delivery.fault.map(|fault| (index, fault)));
            messages.push(delivery.message);
            open.push(Open {
                tag: delivery.tag,
                deadline: delivery.deadline,
                received,
                permit: Some(delivery.permit),
                missing: 1,
                worst: Outcome::Filtered,
                grown: 0,
            });
        }
        let open = RefCell::new(open);
        let came_with = Vec::new();
        Self { lane, assignment, messages, came_with, faults, open, outbox, superseded: None }
    }

    /// It comes into a pipeline, which is superseded when this is cancelled.
    pub fn enter(&mut self, superseded: CancellationToken) {
        self.superseded = Some(superseded);
    }

    /// Adds this route to the hops of every message, once; those that are in a loop get a fault.
    pub fn stamp(&mut self, hops: &Hops) {
        if !self.came_with.is_empty() {
            return;
        }
        self.came_with.reserve(self.messages.len());
        for (index, message) in self.messages.iter_mut().enumerate() {
            match hops.stamp(&message.headers) {
                Ok(stamped) => {
                    self.came_with.push(std::mem::replace(&mut message.headers, stamped));
                }
                Err(error) => {
                    self.came_with.push(message.headers.clone());
                    self.faults.push((index, error));
                }
            }
        }
        self.faults.sort_by_key(|(index, _)| *index);
        self.faults.dedup_by_key(|(index, _)| *index);
    }

    /// The deliveries that have no outcome, as they came, for another pipeline; `None` if all have.
    pub fn rest(self) -> Option<Self> {
        let Self { lane, assignment, messages, came_with, faults, open, outbox, superseded } = self;
        let mut rest = Self {
            lane,
            assignment,
            messages: Vec::new(),
            came_with: Vec::new(),
            faults: Vec::new(),
            open: RefCell::default(),
            outbox,
            superseded,
        };
        let mut came_with = came_with.into_iter();
        for (index, (message, mut open)) in messages.into_iter().zip(open.into_inner()).enumerate()
        {
            let headers = came_with.next();
            let Some(permit) = &mut open.permit else { continue };
            drop(permit.split(open.grown));
            (open.missing, open.worst, open.grown) = (1, Outcome::Filtered, 0);
            let fault = faults.iter().find(|(faulty, _)| *faulty == index);
            rest.faults.extend(fault.map(|(_, error)| (rest.messages.len(), error.clone())));
            rest.messages.push(message);
            rest.came_with.extend(headers);
            rest.open.get_mut().push(open);
        }
        (!rest.messages.is_empty()).then_some(rest)
    }

    /// The messages before any step, one for each delivery.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// A message as it came: without the hop of this route, through which it may come again.
    pub fn original(&self, index: usize) -> Message {
        let mut message = self.messages[index].clone();
        if let Some(headers) = self.came_with.get(index) {
            message.headers = headers.clone();
        }
        message
    }

    /// What is wrong for good with deliveries before any step, by index, ascending.
    pub fn faults(&self) -> &[(usize, Error)] {
        &self.faults
    }

    /// Says how many results delivery `index` will get; called once, before the first of them.
    pub fn expect(&self, index: usize, parts: usize) {
        self.open.borrow_mut()[index].missing = parts;
    }

    /// One part of delivery `index` has a result. With the last part the delivery is finished, and
    /// its outcome is the worst of all.
    pub fn resolve(&self, index: usize, outcome: Outcome) {
        let mut open = self.open.borrow_mut();
        let open = &mut open[index];
        open.worst = open.worst.max(outcome);
        open.missing = open.missing.saturating_sub(1);
        if open.missing > 0 {
            return;
        }
        let Some(permit) = open.permit.take() else { return };
        self.outbox.borrow_mut().push(Settled {
            lane: self.lane,
            tag: open.tag,
            outcome: open.worst,
            received: open.received,
            permit,
        });
    }

    /// Delivery `index` has its outcome as a whole, however many parts were expected.
    pub fn resolve_all(&self, index: usize, outcome: Outcome) {
        self.expect(index, 1);
        self.resolve(index, outcome);
    }

    /// Whether something may still be sent for delivery `index`: its assignment is live and the
    /// one who waits for its outcome is still there.
    pub fn may_send(&self, index: usize) -> bool {
        let in_time = |deadline: Instant| Instant::now() < deadline;
        self.assignment.is_live() && self.open.borrow()[index].deadline.is_none_or(in_time)
    }

    /// Whether what has no outcome is to be left to a newer pipeline.
    pub fn is_superseded(&self) -> bool {
        self.superseded.as_ref().is_some_and(CancellationToken::is_cancelled)
    }

    /// Returns once waiting makes no sense any more: the assignment is not live, or the pipeline
    /// is superseded. Cancel-safe.
    pub async fn interrupted(&self) {
        let superseded = async {
            match &self.superseded {
                Some(superseded) => superseded.cancelled().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.assignment.not_live() => {}
            () = superseded => {}
        }
    }

    /// Whether results may still be used: nothing of an assignment that is over is settled.
    pub fn is_over(&self) -> bool {
        self.assignment.phase() == Phase::Over
    }

    /// When the delivery's caller goes away.
    pub fn deadline(&self, index: usize) -> Option<Instant> {
        self.open.borrow()[index].deadline
    }

    /// Charges delivery `index` with bytes that a step added.
    pub fn grow(&self, index: usize, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let open = &mut self.open.borrow_mut()[index];
        if let Some(permit) = &mut open.permit {
            permit.grow(bytes as u64);
            open.grown += bytes as u64;
        }
    }
}
