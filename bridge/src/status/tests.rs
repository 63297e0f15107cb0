use std::time::Duration;

use hybridge_core::{Origin, Outcome, Pool};

use super::*;

const AFTER: Duration = Duration::from_secs(30);

fn running() -> Arc<RouteStatus> {
    let facts = Facts { targets: vec!["billing".into()], ..Facts::default() };
    let route = RouteStatus::new("orders", facts);
    route.state(State::Running, None);
    route
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_does_not_get_on_names_its_stage() {
    let route = running();
    let target = route.target("billing");
    let inside = route.enter(Stage::Transform, 3, &Origin::default());
    tokio::time::advance(Duration::from_secs(29)).await;
    inside.go(target.stage());
    tokio::time::advance(Duration::from_secs(29)).await;
    assert!(route.view(AFTER).is_ready(), "each stage has the whole time");

    tokio::time::advance(Duration::from_secs(1)).await;
    route.error(target.stage(), "connection refused");
    let view = route.view(AFTER);
    assert_eq!(view.stage.as_deref(), Some("target billing"));
    assert_eq!(view.reason.as_deref(), Some("none done for 30 s: connection refused"));
    assert_eq!(view.oldest_in_flight.map(|held| held.messages), Some(3));

    inside.left(1, &Origin { offset: 2, ..Origin::default() });
    let view = route.view(AFTER);
    assert!(view.is_ready(), "a part of the batch got on");
    assert_eq!(view.oldest_in_flight.map(|held| held.first.offset), Some(2));
    drop(inside);
    assert!(route.view(AFTER).oldest_in_flight.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_busy_lane_does_not_hide_a_stuck_one() {
    let route = running();
    let _stuck = route.enter(Stage::Target("billing".into()), 1, &Origin::default());
    for _ in 0..40 {
        let busy = route.enter(Stage::Transform, 1, &Origin::default());
        tokio::time::advance(Duration::from_secs(1)).await;
        drop(busy);
    }
    assert_eq!(route.view(AFTER).stage.as_deref(), Some("target billing"));
}

#[tokio::test(start_paused = true)]
async fn work_that_waits_at_the_source_is_its_fault_only_while_nothing_is_inside() {
    let route = running();
    route.waiting(Some(7));
    tokio::time::advance(AFTER).await;
    assert_eq!(route.view(AFTER).stage.as_deref(), Some("source"));

    route.ledger(Counts { received: 1, in_flight: 1, ..Counts::default() });
    route.waiting(Some(6));
    assert!(route.view(AFTER).is_ready(), "one was taken");

    let inside = route.enter(Stage::Settle, 1, &Origin::default());
    tokio::time::advance(AFTER).await;
    assert_eq!(route.view(AFTER).stage.as_deref(), Some("settle"));
    drop(inside);
    route.waiting(Some(0));
    tokio::time::advance(AFTER).await;
    assert!(route.view(AFTER).is_ready(), "a quiet route is ready");
}

#[tokio::test(start_paused = true)]
async fn a_held_message_is_named_at_once() {
    let route = running();
    let older = route.enter(Stage::Transform, 1, &Origin::default());
    let inside = route.enter(Stage::Target("billing".into()), 5, &Origin::default());
    inside.hold(&Origin { offset: 42, ..Origin::default() }, "no dead letter is configured");
    let view = route.view(AFTER);
    assert!(!view.is_ready());
    assert_eq!(view.stage.as_deref(), Some("target billing"));
    assert_eq!(view.held.len(), 1);
    assert_eq!(view.held[0].first.offset, 42);
    drop((older, inside));
    assert!(route.view(AFTER).is_ready());
}

#[tokio::test]
async fn a_route_that_comes_back_keeps_its_totals() {
    let status = Status::new(Pool::new(1), AFTER);
    let route = status.route("orders", Facts::default());
    assert!(!status.views()[0].is_ready(), "a route that starts is not ready");
    route.state(State::Red, Some("refused".into()));
    assert_eq!(status.views()[0].reason.as_deref(), Some("refused"));
    route.ledger(Counts { received: 9, delivered: 8, in_flight: 1, ..Counts::default() });
    let again = status.route("orders", Facts { connector: "http".into(), ..Facts::default() });
    again.state(State::Running, None);
    let view = &status.views()[0];
    assert_eq!((view.counts.received, view.ledger_difference, view.restarts), (9, 0, 1));
    assert_eq!(view.connector, "http");
}

#[test]
fn counts_that_do_not_add_up_show() {
    let mut counts = Counts { received: 10, in_flight: 1, ..Counts::default() };
    counts.delivered = 4;
    counts.dead_lettered = 3;
    counts.filtered = 1;
    assert_eq!(counts.difference(), 1);
    counts.abandoned = 2;
    assert_eq!(counts.difference(), -1);
    assert_eq!(counts.of(Outcome::DeadLettered), 3);
}

#[test]
fn latencies_are_cumulative() {
    let latency = Latency::default();
    latency.record(Duration::from_micros(100), 2);
    latency.record(Duration::from_micros(101), 1);
    latency.record(Duration::from_secs(5000), 1);
    let buckets: Vec<_> = latency.buckets().collect();
    assert_eq!(buckets[0], (Some(0.0001), 2));
    assert_eq!(buckets[1], (Some(0.00025), 3));
    assert_eq!(buckets[buckets.len() - 2], (Some(1000.0), 3));
    assert_eq!(buckets[buckets.len() - 1], (None, 4));
}
