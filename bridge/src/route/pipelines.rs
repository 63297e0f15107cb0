//! What comes after the source of a route, while reloads change it and the source goes on.
//!
//! Batches start in the newest pipeline. In one that is superseded, what is being sent may return
//! and counts; whatever waits there (for the next attempt, for a dead letter to be written, for
//! somebody to act on a message that is held) waits no longer. The rest of the batch then goes
//! through the newest pipeline before its lane takes the next batch, so a key keeps its order.
//!
//! The rest is every delivery without an outcome, and each begins anew as it came from the source:
//! steps may be others now, and make other messages of it. One that some of its targets had
//! confirmed already is sent to all targets again, as it would be after a crash.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::future::join_all;
use hybridge_core::{Error, Outcome, Tag};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::batch::Batch;
use super::process::Pipeline;

/// The pipelines of one incarnation of a route: the newest, and those that batches still leave.
pub(crate) struct Pipelines {
    newest: RefCell<Rc<Generation>>,
    leaving: RefCell<Vec<Rc<Generation>>>,
}

/// A pipeline and how far its life has come.
struct Generation {
    pipeline: Rc<Pipeline>,
    superseded: CancellationToken,
    /// The batches that are in it.
    inside: TaskTracker,
    closed: CancellationToken,
    /// Earlier ones that have something for themselves that this one needs: they close first.
    after: Vec<CancellationToken>,
}

impl Pipelines {
    /// With the first of them.
    pub fn new(pipeline: Pipeline) -> Rc<Self> {
        let newest = RefCell::new(Rc::new(Generation::new(pipeline, Vec::new())));
        Rc::new(Self { newest, leaving: RefCell::default() })
    }

    /// The one that batches start in.
    pub fn newest(&self) -> Rc<Pipeline> {
        self.newest.borrow().pipeline.clone()
    }

    /// Takes a batch through the newest pipeline, and each time that this one is superseded
    /// meanwhile, the rest of the batch through the next.
    pub async fn process(self: Rc<Self>, mut batch: Batch) -> Result<(), Error> {
        loop {
            let generation = self.newest.borrow().clone();
            let inside = generation.inside.token();
            batch.enter(generation.superseded.clone());
            batch.stamp(&generation.pipeline.hops);
            generation.process(&batch).await?;
            drop(inside);
            if !batch.is_superseded() {
                return Ok(());
            }
            match batch.rest() {
                Some(rest) => batch = rest,
                None => return Ok(()),
            }
        }
    }

    /// Whether a pipeline that is not closed has something for itself that this one needs.
    pub fn has_what_it_needs(&self, pipeline: &Pipeline) -> bool {
        !self.in_the_way(pipeline).is_empty()
    }

    /// From now on batches start in `pipeline`. What it returns ends once the last batch has left
    /// the one before, and that one's connections are closed.
    pub fn supersede(self: &Rc<Self>, pipeline: Pipeline) -> impl Future<Output = ()> + use<> {
        let after = self.in_the_way(&pipeline);
        let old = self.newest.replace(Rc::new(Generation::new(pipeline, after)));
        self.leaving.borrow_mut().push(old.clone());
        old.superseded.cancel();
        let pipelines = self.clone();
        async move {
            old.inside.close();
            old.inside.wait().await;
            old.close().await;
            pipelines.leaving.borrow_mut().retain(|other| !Rc::ptr_eq(other, &old));
        }
    }

    /// Tells the steps how deliveries ended.
    pub fn finished(&self, settled: &[(Tag, Outcome)]) {
        for generation in self.leaving.borrow().iter().chain([&*self.newest.borrow()]) {
            for step in &generation.pipeline.steps {
                step.finished(settled);
            }
        }
    }

    /// Ends all connections. No batch is inside any more.
    pub async fn close(&self) {
        let all = self.all();
        join_all(all.iter().map(|generation| generation.close())).await;
    }

    fn all(&self) -> Vec<Rc<Generation>> {
        let leaving = self.leaving.borrow();
        leaving.iter().chain([&*self.newest.borrow()]).cloned().collect()
    }

    fn in_the_way(&self, pipeline: &Pipeline) -> Vec<CancellationToken> {
        let has = |generation: &Rc<Generation>| {
            let has = &generation.pipeline.exclusive;
            has.iter().any(|path| pipeline.exclusive.contains(path))
        };
        let all = self.all().into_iter();
        all.filter(has).map(|generation| generation.closed.clone()).collect()
    }
}

impl Generation {
    fn new(pipeline: Pipeline, after: Vec<CancellationToken>) -> Self {
        Self {
            pipeline: Rc::new(pipeline),
            superseded: CancellationToken::new(),
            inside: TaskTracker::new(),
            closed: CancellationToken::new(),
            after,
        }
    }

    async fn process(&self, batch: &Batch) -> Result<(), Error> {
        for closed in &self.after {
            tokio::select! {
                () = closed.cancelled() => {}
                () = batch.interrupted() => {}
            }
        }
        self.pipeline.process(batch).await
    }

    async fn close(&self) {
        self.pipeline.close().await;
        self.closed.cancel();
    }
}
