//! One run: feed, strike, recover, judge.

use std::time::{Duration, Instant};

use anyhow::Result;
use fastrand::Rng;

use super::feed::Feed;
use super::fixture::{Fixture, RouteKind};
use super::report::{Fault, Report};
use super::strike::Strike;
use super::{EVENTS, KEYS};
use crate::oracle;

const RECOVERY: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(20);
const KEEPS_UP: Duration = Duration::from_millis(300);
/// Events that keep a route busy for some tens of milliseconds.
const BURST: u32 = 3_000;

/// Runs `route` once; an error of the harness itself is a failure of the run.
pub async fn run(route: RouteKind, seed: u64) -> Report {
    let mut report = Report { route: route.name(), seed, ..Report::default() };
    let mut tail = String::new();
    if let Err(error) = attempt(route, seed, &mut report, &mut tail).await {
        report.expect(false, || format!("{error:#}"));
    }
    if !report.ok && !tail.is_empty() {
        report.failures.push(tail);
    }
    report
}

async fn attempt(
    route: RouteKind,
    seed: u64,
    report: &mut Report,
    tail: &mut String,
) -> Result<()> {
    let mut fixture = Fixture::new(route, seed).await?;
    fixture.restart().await?;
    let result = strike_and_judge(&mut fixture, seed, report).await;
    *tail = fixture.diagnosis().await;
    result
}

async fn strike_and_judge(fixture: &mut Fixture, seed: u64, report: &mut Report) -> Result<()> {
    let mut rng = Rng::with_seed(seed);
    let strikes = Strike::draw(fixture, &mut rng);
    let feed = fixture.feed()?;
    for strike in &strikes {
        tokio::time::sleep(Duration::from_millis(rng.u64(50..300))).await;
        if fixture.journal.counts().0 >= EVENTS {
            feed.pace(fixture.kind().slow());
        }
        let Some(fault) = wait_for_work(fixture, &feed, *strike).await? else { continue };
        let difference = fixture.ledger_difference().await?;
        report.ledger_difference = worse(report.ledger_difference, difference);
        if strike.repeats() {
            report.duplicates_allowed += fixture.uncommitted(&feed).await?.max(fault.in_flight);
        }
        report.in_flight_at_fault += fault.in_flight;
        report.faults.push(fault);
        let struck = Instant::now();
        strike.perform(fixture, &mut rng).await?;
        fixture.history.disturbed(struck, Instant::now());
    }
    let last_fault = Instant::now();
    while fixture.journal.counts().0 < EVENTS && last_fault.elapsed() < RECOVERY {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    feed.finish(RECOVERY).await?;
    let recovered = drained(fixture, RECOVERY.saturating_sub(last_fault.elapsed())).await?;
    report.recovery_ms = last_fault.elapsed().as_millis() as u64;
    report.expect(recovered, || format!("not drained within {RECOVERY:?}"));
    report.ledger_difference = worse(report.ledger_difference, fixture.ledger_difference().await?);
    let struck = report.faults.len();
    let planned = strikes.len();
    report.expect(struck == planned, || format!("struck {struck} times of {planned}"));
    judge(fixture, report).await
}

/// Waits until something is in flight while more waits, and says how much. A route that keeps up
/// with its feed gets a burst now and then.
async fn wait_for_work(fixture: &Fixture, feed: &Feed, strike: Strike) -> Result<Option<Fault>> {
    let started = Instant::now();
    let mut burst_at = KEEPS_UP;
    while started.elapsed() < PATIENCE {
        if started.elapsed() >= burst_at {
            feed.burst(BURST);
            burst_at += KEEPS_UP;
        }
        let route = fixture.route().await?;
        let backlog = fixture.backlog(feed, &route);
        let in_flight = route.counts.in_flight;
        if backlog > 0 && in_flight > 0 {
            return Ok(Some(Fault { kind: strike.name(), in_flight, backlog }));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(None)
}

/// Waits until everything that was sent has arrived and nothing is in flight.
async fn drained(fixture: &Fixture, within: Duration) -> Result<bool> {
    let started = Instant::now();
    let sent = fixture.journal.counts().0;
    while started.elapsed() < within {
        let idle = fixture.route().await?.counts.in_flight == 0;
        if idle && fixture.may_have(sent).await? {
            let mut ids = fixture.arrived().await?;
            ids.extend(fixture.dead_letters().await?);
            ids.sort_unstable();
            ids.dedup();
            if ids.len() as u64 >= sent {
                return Ok(true);
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(false)
}

async fn judge(fixture: &Fixture, report: &mut Report) -> Result<()> {
    let arrived = fixture.arrived().await?;
    let dead = fixture.dead_letters().await?;
    let verdict = oracle::judge(&fixture.journal, &arrived, &dead);
    report.sent = verdict.sent;
    report.delivered = verdict.delivered;
    report.dead_lettered = verdict.dead_lettered;
    report.duplicates = verdict.duplicates;
    report.lost = verdict.lost;
    report.order_violations = verdict.order_violations;
    report.misplaced = verdict.misplaced;
    let keys = fixture.journal.entries().keys.iter().filter(|key| !key.is_empty()).count();
    report.expect(verdict.sent >= EVENTS, || format!("only {} events", verdict.sent));
    report.expect(keys >= KEYS as usize, || format!("only {keys} keys"));
    report.expect(verdict.accepted == verdict.sent, || {
        format!("{} events were never accepted", verdict.sent - verdict.accepted)
    });
    report.expect(verdict.lost == 0, || format!("{} lost", verdict.lost));
    report.expect(verdict.dead_lettered > 0, || "no poisoned event became a dead letter".into());
    report.expect(verdict.delivered + verdict.dead_lettered == verdict.sent, || {
        "delivered and dead letters are not what was sent".into()
    });
    let violations = verdict.order_violations;
    report.expect(violations == 0, || format!("{violations} out of order"));
    report.expect(verdict.misplaced == 0, || format!("{} misplaced", verdict.misplaced));
    report.expect(report.duplicates <= report.duplicates_allowed, || {
        "more duplicates than were uncommitted".into()
    });
    report.expect(report.ledger_difference == 0, || "the ledger does not balance".into());
    Ok(())
}

fn worse(a: i64, b: i64) -> i64 {
    if b.abs() > a.abs() { b } else { a }
}
