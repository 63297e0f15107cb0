//! What one route says of itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use hybridge_core::{Error, ErrorKind, Origin, Text};
use tokio::time::Instant;

use super::stage::Stages;
use super::{Counts, Inside, Latency, RuleCounts, Stage, lock};

/// How a route is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Not connected to its source yet.
    #[default]
    Starting,
    /// Takes messages.
    Running,
    /// Failed; backs off and starts again.
    Red,
    /// Takes no more messages and drains.
    Stopping,
    /// Its source came to its end and everything is settled.
    Ended,
}

impl State {
    /// The name in answers and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Red => "red",
            Self::Stopping => "stopping",
            Self::Ended => "ended",
        }
    }
}

/// What is known of a route from its configuration.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The kind of its source: `http`, `kafka`.
    pub connector: String,
    /// Its guarantee, as derived: `at_least_once`.
    pub guarantee: String,
    /// Its order: `key`.
    pub order: String,
    /// The names of its targets.
    pub targets: Vec<String>,
    /// Whether it follows an optional target, which the process is ready without.
    pub optional: bool,
}

/// The status of one route: shared between the route, which writes, and the admin listener.
#[derive(Debug)]
pub struct RouteStatus {
    name: String,
    pub(super) known: Mutex<Known>,
    pub(super) stages: Arc<Stages>,
    delivery: Latency,
}

/// What changes together.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) facts: Facts,
    pub(super) state: State,
    pub(super) since: SystemTime,
    pub(super) reason: Option<String>,
    pub(super) counts: Counts,
    /// Messages that wait at the source, where it knows; and since when none of them was taken.
    pub(super) waiting: Option<u64>,
    pub(super) waiting_since: Option<Instant>,
    /// What the source waits for that another process has.
    pub(super) waits_for: Option<String>,
    pub(super) last_error: Option<LastError>,
    pub(super) restarts: u64,
    pub(super) targets: BTreeMap<String, Arc<TargetStatus>>,
    pub(super) rules: Arc<RuleCounts>,
}

#[derive(Clone, Debug)]
pub(super) struct LastError {
    pub(super) stage: Stage,
    pub(super) text: String,
    pub(super) at: SystemTime,
}

impl RouteStatus {
    /// A route that is starting.
    pub fn new(name: &str, facts: Facts) -> Arc<Self> {
        let known = Known {
            facts,
            state: State::Starting,
            since: SystemTime::now(),
            reason: None,
            counts: Counts::default(),
            waiting: None,
            waiting_since: None,
            waits_for: None,
            last_error: None,
            restarts: 0,
            targets: BTreeMap::new(),
            rules: Arc::default(),
        };
        Arc::new(Self {
            name: name.to_owned(),
            known: Mutex::new(known),
            stages: Arc::default(),
            delivery: Latency::default(),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Replaces what is known from the configuration; targets that are gone are forgotten.
    pub fn facts(&self, facts: Facts) {
        let mut known = lock(&self.known);
        known.targets.retain(|name, _| facts.targets.contains(name));
        known.facts = facts;
    }

    /// The kind of its source.
    pub fn connector(&self) -> String {
        lock(&self.known).facts.connector.clone()
    }

    /// Goes to a state, with a reason where there is one. Leaving [`State::Red`] counts a restart.
    pub fn state(&self, state: State, reason: Option<String>) {
        let mut known = lock(&self.known);
        if known.state == State::Red && state != State::Red {
            known.restarts += 1;
        }
        if known.state != state {
            known.since = SystemTime::now();
        }
        known.state = state;
        known.reason = reason;
    }

    /// The state now.
    pub fn current(&self) -> State {
        lock(&self.known).state
    }

    /// How often it was started again after a failure.
    pub fn restarts(&self) -> u64 {
        lock(&self.known).restarts
    }

    /// A batch comes to a stage; it leaves it when the result is dropped. `first` are the
    /// coordinates of its first message.
    pub fn enter(&self, stage: Stage, messages: usize, first: &Origin) -> Inside {
        self.stages.enter(stage, messages, first)
    }

    /// How many messages wait at the source, where it knows. While it is not 0 and the received
    /// total does not grow, the source is not getting on.
    pub fn waiting(&self, messages: Option<u64>) {
        let mut known = lock(&self.known);
        known.waiting = messages;
        match messages {
            Some(1..) => {
                known.waiting_since.get_or_insert_with(Instant::now);
            }
            Some(0) | None => known.waiting_since = None,
        }
    }

    /// What the source waits for before it can take anything: a lease that another process has.
    pub fn waits_for(&self, what: Option<String>) {
        lock(&self.known).waits_for = what;
    }

    /// The lag that was last reported.
    pub fn lag(&self) -> Option<u64> {
        lock(&self.known).waiting
    }

    /// The totals of the ledger, as they are now. Call it once per batch.
    pub fn ledger(&self, counts: Counts) {
        let mut known = lock(&self.known);
        if counts.received != known.counts.received && known.waiting_since.is_some() {
            known.waiting_since = Some(Instant::now());
        }
        known.counts = counts;
    }

    /// The totals that were last reported.
    pub fn counts(&self) -> Counts {
        lock(&self.known).counts
    }

    /// Remembers an error for `/routes`. `text` has no secret and no payload in it.
    pub fn error(&self, stage: Stage, text: impl Into<String>) {
        let error = LastError { stage, text: text.into(), at: SystemTime::now() };
        lock(&self.known).last_error = Some(error);
    }

    /// The error that was last remembered, with its stage.
    pub fn last_error(&self) -> Option<String> {
        let known = lock(&self.known);
        known.last_error.as_ref().map(|error| format!("{}: {}", error.stage, error.text))
    }

    /// The time from a source's delivery to its outcome.
    pub fn delivery(&self) -> &Latency {
        &self.delivery
    }

    /// The numbers of one target; ask once and keep it.
    pub fn target(&self, name: &str) -> Arc<TargetStatus> {
        let mut known = lock(&self.known);
        if let Some(target) = known.targets.get(name) {
            return target.clone();
        }
        let target = Arc::new(TargetStatus::new(name));
        known.targets.insert(name.to_owned(), target.clone());
        target
    }

    /// The counts of its rules from now on; those that keep their name go on counting.
    pub fn count_rules(&self, names: Arc<[String]>) -> Arc<RuleCounts> {
        let mut known = lock(&self.known);
        known.rules = Arc::new(RuleCounts::following(names, &known.rules));
        known.rules.clone()
    }

    /// The counts of its rules; empty for a route that has none.
    pub fn rules(&self) -> Arc<RuleCounts> {
        lock(&self.known).rules.clone()
    }

    /// All targets that were asked for, by name.
    pub fn targets(&self) -> Vec<Arc<TargetStatus>> {
        lock(&self.known).targets.values().cloned().collect()
    }
}

/// The numbers of one target of a route.
#[derive(Debug)]
pub struct TargetStatus {
    name: Text,
    retries: AtomicU64,
    send: Latency,
    trouble: Mutex<Option<Trouble>>,
}

/// Why a target takes nothing at all, whatever the message.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// Whether no connection could be made: it may pass without a message being sent.
    pub is_unreachable: bool,
    /// What the last attempt said. No secret and no payload is in it.
    pub text: String,
}

impl TargetStatus {
    fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            retries: AtomicU64::new(0),
            send: Latency::default(),
            trouble: Mutex::default(),
        }
    }

    /// The target could be reached, or has taken a message.
    pub fn is_well(&self) {
        let mut trouble = lock(&self.trouble);
        if trouble.is_some() {
            *trouble = None;
        }
    }

    /// An attempt failed in a way that says something of the target and nothing of the message.
    pub fn failed(&self, error: &Error) {
        let is_unreachable = error.kind() == ErrorKind::Disconnected;
        if is_unreachable || error.kind() == ErrorKind::Unauthorized {
            *lock(&self.trouble) = Some(Trouble { is_unreachable, text: error.to_string() });
        }
    }

    /// Why it takes nothing, if so.
    pub fn trouble(&self) -> Option<Trouble> {
        lock(&self.trouble).clone()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The stage of a batch that is sent to it.
    pub fn stage(&self) -> Stage {
        Stage::Target(self.name.clone())
    }

    /// Counts messages that were sent again.
    pub fn retried(&self, messages: u64) {
        self.retries.fetch_add(messages, Ordering::Relaxed);
    }

    /// How many messages were sent again.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// The time that one attempt to send took.
    pub fn send(&self) -> &Latency {
        &self.send
    }
}
