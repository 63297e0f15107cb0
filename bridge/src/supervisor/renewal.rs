//! A route that runs on while newer plans change what comes after its source.

use std::convert::Infallible;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio_util::sync::DropGuard;

use super::Plan;
use crate::route::pipelines::Pipelines;
use crate::route::process::Pipeline;

/// How long new targets are tried before they are used, whatever they say.
const PROBE_TIME: Duration = Duration::from_secs(5);
/// How often a target that could not be reached is tried while nothing is sent to it.
const PROBE_AGAIN: Duration = Duration::from_secs(5);

/// Gives a running route the pipeline of each newer plan. Never returns; may be dropped when the
/// route has ended.
pub(super) async fn renew<P: Plan>(
    plans: &mut watch::Receiver<P>,
    pipelines: &Rc<Pipelines>,
) -> Infallible {
    let mut leaving = FuturesUnordered::new();
    loop {
        let mut next = pin!(next(plans, pipelines));
        let (pipeline, in_force) = loop {
            tokio::select! {
                next = &mut next => break next,
                Some(()) = leaving.next() => {}
            }
        };
        leaving.push(pipelines.supersede(pipeline));
        drop(in_force);
        tracing::info!("route goes on with what was changed behind its source");
    }
}

/// The pipeline of the next plan, and what says that it is in force when dropped. Its targets were tried, but for those that have to wait until
/// an earlier pipeline lets go of something; what failed is reported and stops nothing.
async fn next<P: Plan>(
    plans: &mut watch::Receiver<P>,
    pipelines: &Pipelines,
) -> (Pipeline, DropGuard) {
    loop {
        if plans.changed().await.is_err() {
            // Nobody is left who could change the plan.
            return std::future::pending().await;
        }
        let can_reject = pipelines.newest().can_reject;
        let (made, in_force) = {
            let plan = plans.borrow_and_update();
            (plan.pipeline(can_reject), plan.in_force().drop_guard())
        };
        match made {
            Ok(pipeline) => {
                if !pipelines.has_what_it_needs(&pipeline) {
                    let _ = tokio::time::timeout(PROBE_TIME, report_probe(&pipeline)).await;
                }
                return (pipeline, in_force);
            }
            Err(error) => {
                tracing::error!(%error, "route goes on as it was: what was changed cannot be made");
            }
        }
    }
}

/// Tries the targets while the route runs: all once, so that an operator hears of it before the
/// first message does; then those that could not be reached, until they can. Never returns.
pub(super) async fn try_targets(pipelines: &Pipelines) -> Infallible {
    report_probe(&pipelines.newest()).await;
    loop {
        tokio::time::sleep(PROBE_AGAIN).await;
        pipelines.newest().probe_again().await;
    }
}

async fn report_probe(pipeline: &Pipeline) {
    for (stage, error) in pipeline.probe().await {
        tracing::warn!(%stage, %error, "target cannot be reached yet");
        pipeline.status.error(stage, error.to_string());
    }
}
