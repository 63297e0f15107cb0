//! The cost of the engine alone: a route whose source and sink are memory.
//!
//! For benchmarks. Everything between is the real thing: budget, watermark, lanes, policies,
//! ledger and status.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hybridge_config::Ordering;
use hybridge_core::{
    Assignment, Budget, Delivery, Error, Event, Message, Origin, Outcome, Place, Pool, Receipt,
    Share, Sink, Source, Tag, Watermark,
};
use tokio::sync::watch;

use crate::ledger::Ledger;
use crate::route::Route;
use crate::route::hops::Hops;
use crate::route::lanes::Lanes;
use crate::route::process::Pipeline;
use crate::status::{Counts, Facts, RouteStatus};
use crate::target::Target;
use crate::target::breaker::CircuitBreaker;
use crate::target::failover::Failover;
use crate::target::retry::Retry;

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Messages in all.
    pub messages: u64,
    /// Messages that the source gives at once.
    pub batch: usize,
    /// Different keys.
    pub keys: usize,
    /// Bytes of each body.
    pub bytes: usize,
    /// The order that the lanes keep.
    pub ordering: Ordering,
}

/// Runs the load through a route on this thread and returns the ledger at its end.
pub fn engine(load: Load) -> Result<Counts, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::transient(error.to_string()))?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async move {
        let status = RouteStatus::new("engine", Facts::default());
        let pool = Pool::new(64 << 20);
        let budget = pool.route(64 << 20, 128 << 20);
        let source = Box::new(Memory::new(load));
        let lanes = Lanes::new(load.ordering, 16);
        let mut route = Route::new(source, pipeline(&status), lanes, status.clone());
        let mut ledger = Ledger::default();
        let (_stop, mut stopped) = watch::channel(None);
        route.connect(budget).await?;
        route.run(&mut ledger, &mut stopped).await?;
        Ok(ledger.counts())
    })
}

fn pipeline(status: &Arc<RouteStatus>) -> Pipeline {
    let second = Duration::from_secs(1);
    let breaker = CircuitBreaker::new(Box::new(Nowhere), 5, second, second);
    let target = Target {
        sink: Box::new(Failover::new(vec![breaker], second)),
        retry: Retry::new(second, second, 0.2),
        dead_letter: None,
        can_reject: false,
        status: status.target("to"),
        route: status.clone(),
    };
    Pipeline {
        hops: Hops::new("instance", "engine"),
        steps: Vec::new(),
        choice: None,
        targets: vec![target],
        dead_letter: None,
        can_reject: false,
        retry: Retry::new(second, second, 0.2),
        status: status.clone(),
        exclusive: Vec::new(),
    }
}

/// A source of equal messages that are made once.
struct Memory {
    load: Load,
    made: u64,
    keys: Vec<Bytes>,
    body: Bytes,
    assignment: Assignment,
    share: Option<Share>,
    watermark: Watermark,
    assigned: bool,
    ended: bool,
    flushing: bool,
}

impl Memory {
    fn new(load: Load) -> Self {
        let place = Place { connector: "memory".into(), topic: "t".into(), ..Place::default() };
        Self {
            load,
            made: 0,
            keys: (0..load.keys.max(1)).map(|key| Bytes::from(format!("key-{key}"))).collect(),
            body: Bytes::from(vec![b'x'; load.bytes]),
            assignment: Assignment::new(Arc::new(place)),
            share: None,
            watermark: Watermark::new(100_000),
            assigned: false,
            ended: false,
            flushing: false,
        }
    }

    /// The next batch, if the budget has room for it.
    fn batch(&mut self) -> Option<Vec<Delivery>> {
        let left = self.load.messages - self.made;
        let count = (self.load.batch as u64).min(left);
        let share = self.share.as_ref()?;
        let each = (self.load.bytes + Message::OVERHEAD + 8) as u64;
        let mut permit = share.try_take(each * count)?;
        let mut deliveries = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let offset = self.made;
            self.made += 1;
            let tag = self.watermark.register(self.assignment.id(), offset)?;
            let message = Message {
                key: Some(self.keys[offset as usize % self.keys.len()].clone()),
                payload: Some(self.body.clone()),
                origin: Origin { place: self.assignment.place().clone(), offset, child: 0 },
                ..Message::default()
            };
            let permit = permit.split(each);
            let assignment = self.assignment.clone();
            deliveries.push(Delivery {
                tag,
                message,
                assignment,
                deadline: None,
                permit,
                fault: None,
            });
        }
        Some(deliveries)
    }
}

#[async_trait(?Send)]
impl Source for Memory {
    async fn connect(&mut self, budget: Budget) -> Result<(), Error> {
        self.share = Some(budget.share());
        Ok(())
    }

    async fn next(&mut self) -> Result<Event, Error> {
        loop {
            if !self.assigned {
                self.assigned = true;
                self.watermark.assign(self.assignment.clone(), 0);
                return Ok(Event::Assigned(vec![self.assignment.clone()]));
            }
            if std::mem::take(&mut self.flushing) {
                return Ok(Event::Flushed);
            }
            if self.made < self.load.messages && !self.watermark.is_full(self.assignment.id()) {
                let released = self.share.as_ref().map(Share::released);
                if let Some(deliveries) = self.batch() {
                    return Ok(Event::Deliveries(deliveries));
                }
                if let Some(released) = released {
                    released.await;
                    continue;
                }
            }
            if self.made == self.load.messages && !self.ended {
                self.ended = true;
                return Ok(Event::End);
            }
            return std::future::pending().await;
        }
    }

    fn settle(&mut self, settled: &[(Tag, Outcome)]) {
        for (tag, outcome) in settled {
            self.watermark.settle(*tag, *outcome);
        }
    }

    fn flush(&mut self) {
        self.flushing = true;
    }

    fn release(&mut self, _assignment: &Assignment) {}

    fn stop(&mut self) {}

    async fn close(&mut self) {}
}

/// A sink that has everything confirmed one turn later.
struct Nowhere;

#[async_trait(?Send)]
impl Sink for Nowhere {
    async fn probe(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn send(&self, batch: &[Message]) -> Vec<Result<Receipt, Error>> {
        tokio::task::yield_now().await;
        batch.iter().map(|_| Ok(Receipt::Written(None))).collect()
    }
}
