//! Routes against scripted brokers of the three shapes: what each invariant promises.

mod assignments;
mod faults;
mod orders;
mod reloads;
mod rules;
mod settling;
mod stops;

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hybridge_config::Ordering;
use hybridge_core::testing::{Answer, Order, RecordingSink, message};
use hybridge_core::{Applied, Budget, Error, ErrorKind, Message, Pool, Source, Transformer};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;
use crate::route::choice::{Choice, Chosen};
use crate::route::hops::Hops;
use crate::status::{Counts, Facts, RuleCounts};
use crate::target::Target;
use crate::target::breaker::CircuitBreaker;
use crate::target::dead_letter::DeadLetter;
use crate::target::failover::Failover;
use crate::target::retry::Retry;

/// A route under test. Runs on the test's own thread with a paused clock.
pub(crate) struct Bench {
    ordering: Ordering,
    targets: Vec<RecordingSink>,
    dead_letter: Option<RecordingSink>,
    after: Option<Duration>,
    steps: Vec<Box<dyn Transformer>>,
    choice: Option<Choice>,
    budget: Budget,
    can_reject: bool,
    exclusive: Vec<PathBuf>,
}

/// A route that runs.
pub(crate) struct Run {
    pub status: Arc<RouteStatus>,
    pipelines: Rc<Pipelines>,
    stop: watch::Sender<Option<Instant>>,
    task: JoinHandle<Result<(), Error>>,
}

pub(crate) fn retry() -> Retry {
    Retry::new(Duration::from_millis(100), Duration::from_secs(5), 0.2).without_jitter()
}

impl Bench {
    pub fn new(ordering: Ordering, target: &RecordingSink) -> Self {
        Self {
            ordering,
            targets: vec![target.clone()],
            dead_letter: None,
            after: None,
            steps: Vec::new(),
            choice: None,
            budget: Budget::unlimited(),
            can_reject: false,
            exclusive: Vec::new(),
        }
    }

    pub fn target(mut self, target: &RecordingSink) -> Self {
        self.targets.push(target.clone());
        self
    }

    pub fn dead_letter(mut self, sink: &RecordingSink) -> Self {
        self.dead_letter = Some(sink.clone());
        self
    }

    pub fn after(mut self, after: Duration) -> Self {
        self.after = Some(after);
        self
    }

    pub fn step(mut self, step: impl Transformer + 'static) -> Self {
        self.steps.push(Box::new(step));
        self
    }

    /// Each byte of a payload is the number of a rule that the message meets; each rule sends to some targets.
    pub fn rules(mut self, send_to: &[&[u16]], otherwise: &[u16]) -> Self {
        let names = (0..send_to.len()).map(|rule| rule.to_string()).collect();
        let matches = |message: &Message, matched: &mut Vec<usize>| {
            let payload = message.payload.as_deref().unwrap_or_default();
            if payload == b"unclear" {
                return Err(Error::rejected("unclear"));
            }
            matched.extend(
                payload
                    .iter()
                    .filter(|byte| byte.is_ascii_digit())
                    .map(|byte| usize::from(byte - b'0')),
            );
            Ok(())
        };
        let send_to = send_to.iter().map(|targets| Chosen::from(*targets)).collect();
        let counts = Arc::new(RuleCounts::new(names));
        self.choice = Some(Choice::new(Box::new(matches), send_to, otherwise.into(), counts));
        self
    }

    /// The sinks have this file for themselves.
    pub fn exclusive(mut self, path: &str) -> Self {
        self.exclusive.push(path.into());
        self
    }

    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    pub fn route(self, source: Box<dyn Source>, status: &Arc<RouteStatus>) -> Route {
        let lanes = Lanes::new(self.ordering, 16);
        let can_reject = self.can_reject || source.can_reject();
        Route::new(source, self.pipeline(can_reject, status), lanes, status.clone())
    }

    /// Only what comes after the source.
    pub fn pipeline(self, can_reject: bool, status: &Arc<RouteStatus>) -> Pipeline {
        let dead_letter = self.dead_letter.map(|sink| {
            Rc::new(DeadLetter::new(Box::new(sink), retry(), "test".into(), self.after))
        });
        let targets = self.targets.into_iter().enumerate().map(|(number, sink)| {
            let open = Duration::from_secs(1);
            let breaker = CircuitBreaker::new(Box::new(sink), 1000, open, open);
            Target {
                sink: Box::new(Failover::new(vec![breaker], Duration::from_secs(60))),
                retry: retry(),
                dead_letter: dead_letter.clone(),
                can_reject,
                status: status.target(&format!("t{number}")),
                route: status.clone(),
            }
        });
        Pipeline {
            hops: Hops::new("here", "test"),
            steps: self.steps,
            choice: self.choice,
            targets: targets.collect(),
            dead_letter,
            can_reject,
            retry: retry(),
            status: status.clone(),
            exclusive: self.exclusive,
        }
    }

    /// Connects and runs. Must be called inside a `LocalSet`.
    pub fn run(self, source: Box<dyn Source>) -> Run {
        let status = RouteStatus::new("test", Facts::default());
        let budget = self.budget.clone();
        let mut route = self.route(source, &status);
        let pipelines = route.pipelines().clone();
        let (stop, mut stopped) = watch::channel(None);
        let task = tokio::task::spawn_local(async move {
            let mut ledger = Ledger::default();
            route.connect(budget).await?;
            let result = route.run(&mut ledger, &mut stopped).await;
            route.abandon(&mut ledger);
            route.close().await;
            result
        });
        Run { status, pipelines, stop, task }
    }
}

impl Run {
    /// Lets the route run until nothing happens for this long on the paused clock.
    pub async fn settle_for(&self, time: Duration) -> Counts {
        tokio::time::sleep(time).await;
        self.counts()
    }

    /// The ledger, which must always add up.
    pub fn counts(&self) -> Counts {
        let counts = self.status.counts();
        assert_eq!(counts.difference(), 0, "{counts:?}");
        counts
    }

    /// A reload that leaves the source as it is.
    pub fn supersede(&self, bench: Bench) {
        let can_reject = bench.can_reject;
        let pipeline = bench.pipeline(can_reject, &self.status);
        tokio::task::spawn_local(self.pipelines.supersede(pipeline));
    }

    pub fn stop(&self, within: Duration) {
        self.stop.send_replace(Some(Instant::now() + within));
    }

    pub async fn ended(self) -> Result<(), Error> {
        self.task.await.unwrap()
    }
}

/// Runs a test on a `LocalSet`.
pub(crate) async fn local<T>(test: impl Future<Output = T>) -> T {
    tokio::task::LocalSet::new().run_until(test).await
}

/// `count` messages with keys `k0..keys` in turn and bodies that number them.
pub(crate) fn messages(count: usize, keys: usize) -> Vec<Message> {
    (0..count).map(|n| message(&format!("k{}", n % keys), &n.to_string())).collect()
}

pub(crate) fn bodies(sink: &RecordingSink) -> Vec<usize> {
    sink.texts().iter().map(|(_, body)| body.parse().unwrap()).collect()
}

pub(crate) fn body(message: &Message) -> usize {
    std::str::from_utf8(message.payload.as_ref().unwrap()).unwrap().parse().unwrap()
}

/// Refuses the message with this body as long as the switch is on.
pub(crate) fn refuse_while(
    sink: &RecordingSink,
    wrong: usize,
    kind: ErrorKind,
) -> Arc<std::sync::atomic::AtomicBool> {
    let on = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let switch = on.clone();
    sink.answer(move |message| {
        let refuse = body(message) == wrong && switch.load(std::sync::atomic::Ordering::Relaxed);
        if refuse { Answer::Refused(kind) } else { Answer::Written }
    });
    on
}

/// A step made of a function over bodies.
pub(crate) struct Each<F>(pub F);

#[async_trait::async_trait(?Send)]
impl<F: Fn(Message) -> Applied> Transformer for Each<F> {
    fn name(&self) -> &'static str {
        "each"
    }

    async fn apply(&self, batch: Vec<Message>) -> Vec<Applied> {
        batch.into_iter().map(&self.0).collect()
    }
}

pub(crate) const A_WHILE: Duration = Duration::from_secs(60);
