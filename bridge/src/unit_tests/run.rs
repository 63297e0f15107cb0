//! Runs one test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hybridge_config::unit_test::{OutcomeName, TestConfig};
use hybridge_config::{Config, RouteConfig, budget_plan};
use hybridge_connectors::Local;
use hybridge_core::{Outcome, Pool};
use tokio::sync::watch;
use tokio::time::Instant;

use super::ends::{Record, Taken, TestEnds, lock};
use super::{Coverage, Report, compare, message};
use crate::assemble::Blueprint;
use crate::ledger::Ledger;
use crate::status::{Facts, RouteStatus};

/// What came of a test.
pub(super) struct Ran {
    pub outcomes: Vec<OutcomeName>,
    pub targets: BTreeMap<String, Vec<Taken>>,
    pub dead_letters: Vec<Taken>,
    pub attempts: BTreeMap<String, u64>,
    pub rules: BTreeSet<String>,
    pub took: Duration,
    /// Why the route ended, if it could not go on; else what was last said of a failure.
    pub trouble: Option<String>,
}

/// Runs a test of the file at `path` against `config`. With `update` its golden file is written instead of compared.
pub(crate) fn run(
    path: &Path,
    test: &TestConfig,
    config: &Config,
    local: &Local,
    update: bool,
    coverage: &mut Coverage,
) -> Report {
    let mut report = Report {
        file: path.display().to_string(),
        name: test.name.clone(),
        differences: Vec::new(),
        took: Duration::ZERO,
        updated: None,
    };
    let ran = route_of(test, config).and_then(|(name, route)| {
        let ran = in_its_time(path, test, config, name, route, local)?;
        let all: Vec<String> = route.rule_names();
        coverage.add(name, &all, &ran.rules);
        Ok(ran)
    });
    match ran {
        Ok(ran) => {
            report.took = ran.took;
            compare::compare(path, test, &ran, update, &mut report);
        }
        Err(error) => report.differences.push(error),
    }
    report
}

fn route_of<'a>(
    test: &'a TestConfig,
    config: &'a Config,
) -> Result<(&'a String, &'a RouteConfig), String> {
    let mut routes = config.routes.iter();
    match (&test.route, routes.next(), routes.next()) {
        (Some(name), ..) => {
            config.routes.get_key_value(name).ok_or(format!("there is no route `{name}`"))
        }
        (None, Some(only), None) => Ok(only),
        (None, ..) => Err("which route? write `route:`".to_owned()),
    }
}

/// Runs a test on its own clock.
///
/// # Errors
/// It names a target that is not there, a message that cannot be made, or a route that cannot be assembled.
pub(super) fn in_its_time(
    path: &Path,
    test: &TestConfig,
    config: &Config,
    name: &str,
    route: &RouteConfig,
    local: &Local,
) -> Result<Ran, String> {
    for target in test.answers.keys().chain(test.expect.attempts.keys()) {
        known_target(route, target)?;
    }
    for target in test.expect.targets.iter().flat_map(BTreeMap::keys) {
        known_target(route, target)?;
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let kind = route.from.kind();
    let input = test.input.iter().enumerate().map(|(offset, input)| {
        message::given(input, kind, offset, folder)
            .map_err(|error| format!("message {} of the input: {error}", offset + 1))
    });
    let input = input.collect::<Result<Vec<_>, String>>()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| error.to_string())?;
    let plan = budget_plan(config);
    let ends = TestEnds::new(input, &test.answers, local.clone());
    let record = ends.record();
    let status = RouteStatus::new(name, Facts::default());
    let blueprint = Blueprint::new(
        name,
        Arc::new(route.clone()),
        Arc::new(ends),
        Pool::new(plan.pool),
        plan.floor_of(route),
        status.clone(),
        Facts::default(),
    );
    let local_set = tokio::task::LocalSet::new();
    let (took, trouble) = local_set.block_on(&runtime, drive(blueprint, test.within.get()));
    let held = status.last_error();
    let rules = status.rules();
    let met = rules.iter().filter(|(_, count)| *count > 0).map(|(name, _)| name.to_owned());
    let mut record = lock(&record);
    let Record { outcomes, taken, attempts, .. } = &mut *record;
    let mut targets = std::mem::take(taken);
    Ok(Ran {
        outcomes: outcomes.iter().map(outcome_name).collect(),
        dead_letters: targets.remove(DEAD_LETTER).unwrap_or_default(),
        targets,
        attempts: std::mem::take(attempts),
        rules: met.collect(),
        took,
        trouble: trouble.or(held),
    })
}

/// The name that `assemble.rs` gives to the sink of the dead letters.
const DEAD_LETTER: &str = "dead_letter";

fn known_target(route: &RouteConfig, target: &str) -> Result<(), String> {
    let name = target.split_once('[').map_or(target, |(name, _)| name);
    if name == DEAD_LETTER || route.targets.contains_key(name) {
        return Ok(());
    }
    let known: Vec<&str> = route.targets.keys().map(String::as_str).collect();
    Err(format!("the route has no target `{name}`; it has {}", known.join(", ")))
}

/// Runs the route until its input is settled or the time is over; returns how long it took and why it failed.
async fn drive(blueprint: Blueprint, within: Duration) -> (Duration, Option<String>) {
    let (_stop, mut stopped) = watch::channel(None);
    let started = Instant::now();
    let running = async {
        let (mut route, budget) = blueprint.assemble()?;
        let mut ledger = Ledger::default();
        route.connect(budget).await?;
        let result = route.run(&mut ledger, &mut stopped).await;
        route.close().await;
        result
    };
    let trouble = match tokio::time::timeout(within, running).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(format!("the route ended: {error}")),
        Err(_) => None,
    };
    (started.elapsed(), trouble)
}

fn outcome_name(outcome: &Option<Outcome>) -> OutcomeName {
    match outcome {
        Some(Outcome::Delivered) => OutcomeName::Delivered,
        Some(Outcome::Filtered) => OutcomeName::Filtered,
        Some(Outcome::Expired) => OutcomeName::Expired,
        Some(Outcome::DeadLettered) => OutcomeName::DeadLettered,
        Some(Outcome::Rejected) => OutcomeName::Rejected,
        Some(Outcome::Abandoned) | None => OutcomeName::Held,
    }
}
