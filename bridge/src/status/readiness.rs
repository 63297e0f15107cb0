//! Whether a route gets on, and what it says when asked.

use std::time::{Duration, SystemTime};

use hybridge_core::Origin;
use serde::Serialize;

use super::route::Known;
use super::stage::Entry;
use super::{Counts, RouteStatus, Stage, State, lock};

/// What a route says of itself: one element of the answer of `/routes`.
#[derive(Clone, Debug, Serialize)]
pub struct RouteView {
    /// Its name.
    pub route: String,
    /// `green` or `red`: red when it is not ready, and at once when a target cannot be reached or refuses our
    /// credentials.
    pub health: &'static str,
    /// Whether it gets on with its work.
    pub ready: bool,
    /// `starting`, `running`, `red`, `stopping` or `ended`.
    pub state: &'static str,
    /// How many seconds it has been in this state.
    pub state_seconds: u64,
    /// Where it does not get on, if so: `source`, `transform`, `target NAME`, `dead letter`, `settle`.
    pub stage: Option<String>,
    /// Why it is red.
    pub reason: Option<String>,
    /// The kind of its source.
    pub connector: String,
    /// The guarantee that was derived for it.
    pub guarantee: String,
    /// Its order.
    pub order: String,
    /// Its targets.
    pub targets: Vec<String>,
    /// Whether it follows an optional target: the process is ready without it.
    pub optional: bool,
    /// Totals since the process started.
    pub counts: Counts,
    /// What the totals leave unexplained: 0.
    pub ledger_difference: i64,
    /// Messages that wait at the source, where it knows.
    pub lag: Option<u64>,
    /// What it waits for that another process has: a lease. It is ready, since it stands by.
    pub waits_for: Option<String>,
    /// How often it was started again after a failure.
    pub restarts: u64,
    /// The batch that has been longest at its stage.
    pub oldest_in_flight: Option<HeldView>,
    /// Messages that stop what is behind them until somebody acts.
    pub held: Vec<HeldView>,
    /// The last error: stage, text and how many seconds ago.
    pub last_error: Option<ErrorView>,
}

/// A batch and where it is.
#[derive(Clone, Debug, Serialize)]
pub struct HeldView {
    /// The stage where it is.
    pub stage: String,
    /// The first message of it: connector, topic, partition and offset.
    pub first: OriginView,
    /// How many messages.
    pub messages: usize,
    /// For how long it has not got on.
    pub seconds: f64,
    /// Why it can never get on, if so.
    pub reason: Option<String>,
}

/// The coordinates of a message at its source.
#[derive(Clone, Debug, Serialize)]
pub struct OriginView {
    /// The kind of connector.
    pub connector: String,
    /// Topic, stream, queue, path.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// Its position there.
    pub offset: u64,
}

/// The last error of a route.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorView {
    /// The stage that failed.
    pub stage: String,
    /// What happened.
    pub error: String,
    /// How many seconds ago.
    pub seconds: u64,
}

impl RouteView {
    /// Whether it gets on.
    pub fn is_ready(&self) -> bool {
        self.ready
    }
}

/// Where and why a route does not get on.
struct Fault {
    stage: Stage,
    reason: String,
}

impl RouteStatus {
    /// What it says of itself; work that has waited longer than `stalled_after` makes it red.
    pub fn view(&self, stalled_after: Duration) -> RouteView {
        let entries = self.stages.entries();
        let known = lock(&self.known);
        let fault = fault(&known, &entries, stalled_after);
        let ready = fault.is_none();
        let fault = fault.or_else(|| trouble(&known));
        let oldest = entries.iter().min_by_key(|entry| entry.since);
        let held = entries.iter().filter(|entry| entry.held.is_some());
        RouteView {
            route: self.name().to_owned(),
            health: if fault.is_some() { "red" } else { "green" },
            ready,
            state: known.state.as_str(),
            state_seconds: seconds_since(known.since),
            stage: fault.as_ref().map(|fault| fault.stage.to_string()),
            reason: fault.map(|fault| fault.reason),
            connector: known.facts.connector.clone(),
            guarantee: known.facts.guarantee.clone(),
            order: known.facts.order.clone(),
            targets: known.facts.targets.clone(),
            optional: known.facts.optional,
            counts: known.counts,
            ledger_difference: known.counts.difference(),
            lag: known.waiting,
            waits_for: known.waits_for.clone(),
            restarts: known.restarts,
            oldest_in_flight: oldest.map(held_view),
            held: held.map(held_view).collect(),
            last_error: known.last_error.as_ref().map(|error| ErrorView {
                stage: error.stage.to_string(),
                error: error.text.clone(),
                seconds: seconds_since(error.at),
            }),
        }
    }
}

/// `entries` are sorted: those that are held first, then the oldest.
fn fault(known: &Known, entries: &[Entry], stalled_after: Duration) -> Option<Fault> {
    let stated = || known.reason.clone();
    match known.state {
        State::Red => {
            let stage =
                known.last_error.as_ref().map_or(Stage::Source, |error| error.stage.clone());
            let reason = stated().unwrap_or_else(|| "failed, starts again".to_owned());
            return Some(Fault { stage, reason });
        }
        State::Starting => {
            let reason = stated().unwrap_or_else(|| "not connected yet".to_owned());
            return Some(Fault { stage: Stage::Source, reason });
        }
        State::Running | State::Stopping | State::Ended => {}
    }
    if let Some(entry) = entries.first() {
        let stage = entry.stage.clone();
        if let Some(reason) = &entry.held {
            return Some(Fault { stage, reason: format!("{} is held: {reason}", entry.first) });
        }
        let waited = entry.since.elapsed();
        if waited >= stalled_after {
            let reason = match &known.last_error {
                Some(error) if error.stage == stage => {
                    format!("none done for {} s: {}", waited.as_secs(), error.text)
                }
                _ => format!("none done for {} s", waited.as_secs()),
            };
            return Some(Fault { stage, reason });
        }
        return None;
    }
    let waited = known.waiting_since?.elapsed();
    if waited < stalled_after || known.state != State::Running {
        return None;
    }
    let waiting = known.waiting.unwrap_or(0);
    let reason = format!("{waiting} waiting, none taken for {} s", waited.as_secs());
    Some(Fault { stage: Stage::Source, reason })
}

/// The first target that takes nothing. The route may have nothing to send, so it says nothing of
/// its progress.
fn trouble(known: &Known) -> Option<Fault> {
    let mut targets = known.targets.values();
    targets.find_map(|target| {
        let trouble = target.trouble()?;
        Some(Fault { stage: target.stage(), reason: trouble.text })
    })
}

fn held_view(entry: &Entry) -> HeldView {
    HeldView {
        stage: entry.stage.to_string(),
        first: origin_view(&entry.first),
        messages: entry.messages,
        seconds: entry.since.elapsed().as_secs_f64(),
        reason: entry.held.clone(),
    }
}

fn origin_view(origin: &Origin) -> OriginView {
    OriginView {
        connector: origin.place.connector.to_string(),
        topic: origin.place.topic.to_string(),
        partition: origin.place.partition,
        offset: origin.offset,
    }
}

fn seconds_since(time: SystemTime) -> u64 {
    time.elapsed().map_or(0, |elapsed| elapsed.as_secs())
}
