//! The supervisor of one route: starts it, and starts it clean again when it fails or panics.
//!
//! There is no reconnecting inside loops: whatever a route cannot mend by retrying a send ends
//! this incarnation of it, and the next one is made from the configuration. It ends only when it
//! is told to stop, or when its source has come to its end. A newer plan that leaves the source as
//! it is reaches the incarnation that runs, and every later one is made from it.

mod renewal;

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use hybridge_core::{Budget, Error};
use renewal::{renew, try_targets};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::assemble::Blueprint;
use crate::ledger::Ledger;
use crate::route::process::Pipeline;
use crate::route::{Route, Stop};
use crate::status::{RouteStatus, Stage, State};

/// The first wait after a failure; it doubles with each that follows.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// The longest wait. An unreachable peer is tried about this often.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// A route that ran for so long had recovered even if there was nothing to do: the next failure is a first one.
const RECOVERED_AFTER: Duration = Duration::from_secs(60);
/// How long connections may take to end.
const CLOSE_TIME: Duration = Duration::from_secs(5);

/// What a route is made from.
trait Plan {
    /// Makes the route and its part of the memory, for each incarnation anew.
    fn route(&self) -> Result<(Route, Budget), Error>;

    /// Makes only what comes after the source, for a route that runs.
    fn pipeline(&self, can_reject: bool) -> Result<Pipeline, Error>;

    /// To be cancelled once no batch starts in anything that was made from an earlier plan.
    fn in_force(&self) -> CancellationToken;
}

impl Plan for Blueprint {
    fn route(&self) -> Result<(Route, Budget), Error> {
        self.assemble()
    }

    fn pipeline(&self, can_reject: bool) -> Result<Pipeline, Error> {
        self.pipeline(can_reject)
    }

    fn in_force(&self) -> CancellationToken {
        self.in_force()
    }
}

/// Runs the route until it is stopped or its source ends. All plans are of the same source.
pub(crate) async fn supervise(plans: watch::Receiver<Blueprint>, stop: Stop) {
    let (name, status) = {
        let plan = plans.borrow();
        (plan.name().clone(), plan.status().clone())
    };
    let span = tracing::info_span!("route", route = %name);
    keep_running(plans, status, stop).instrument(span).await;
}

async fn keep_running<P: Plan>(
    mut plans: watch::Receiver<P>,
    status: Arc<RouteStatus>,
    mut stop: Stop,
) {
    let mut ledger = Ledger::continued(status.counts());
    let mut failures = 0;
    loop {
        let (started, done) = (Instant::now(), ledger.counts().done());
        let result = incarnation(&mut plans, &mut ledger, &mut stop).await;
        status.ledger(ledger.counts());
        let Err(failure) = result else { break };
        // What gets on whenever it runs is not kept from its work for long.
        if ledger.counts().done() > done {
            failures = failures.min(1);
        }
        if started.elapsed() >= RECOVERED_AFTER {
            failures = 0;
        }
        let wait = back_off(failures);
        failures += 1;
        tracing::error!(error = %failure, wait_ms = wait.as_millis() as u64, "route failed, starts again");
        status.error(Stage::Source, failure.to_string());
        status.state(State::Red, Some(failure.to_string()));
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = stop.wait_for(Option::is_some) => break,
        }
        status.state(State::Starting, Some(failure.to_string()));
    }
    status.state(State::Ended, None);
    tracing::info!("route ended");
}

/// One life of the route: made, connected, run, and whatever happened, closed.
async fn incarnation<P: Plan>(
    plans: &mut watch::Receiver<P>,
    ledger: &mut Ledger,
    stop: &mut Stop,
) -> Result<(), Error> {
    let made = {
        let plan = plans.borrow_and_update();
        let _in_force = plan.in_force().drop_guard();
        plan.route()
    };
    let (mut route, budget) = made?;
    let connected = tokio::select! {
        connected = AssertUnwindSafe(route.connect(budget)).catch_unwind() => connected,
        _ = stop.wait_for(Option::is_some) => return Ok(()),
    };
    let result = match flatten(connected) {
        Err(error) => Err(error),
        Ok(()) => {
            tracing::info!("route connected");
            let run = run(&mut route, plans, ledger, stop);
            flatten(AssertUnwindSafe(run).catch_unwind().await)
        }
    };
    route.abandon(ledger);
    let closed = AssertUnwindSafe(tokio::time::timeout(CLOSE_TIME, route.close())).catch_unwind();
    if !matches!(closed.await, Ok(Ok(()))) {
        tracing::warn!("the connections of the route did not close in time");
    }
    result
}

async fn run<P: Plan>(
    route: &mut Route,
    plans: &mut watch::Receiver<P>,
    ledger: &mut Ledger,
    stop: &mut Stop,
) -> Result<(), Error> {
    let pipelines = route.pipelines().clone();
    tokio::select! {
        biased;
        result = route.run(ledger, stop) => result,
        never = renew(plans, &pipelines) => match never {},
        never = try_targets(&pipelines) => match never {},
    }
}

fn flatten(result: Result<Result<(), Error>, Box<dyn Any + Send>>) -> Result<(), Error> {
    // What a panic says may hold parts of a message, so it is not repeated here: the panic hook
    // has logged where it was.
    result.unwrap_or_else(|_| Err(Error::transient("a task of the route panicked")))
}

fn back_off(failures: u32) -> Duration {
    let upper = FIRST_WAIT.saturating_mul(1 << failures.min(10)).min(LONGEST_WAIT);
    upper.mul_f64(0.5 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests;
