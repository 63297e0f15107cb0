use std::time::Duration;

use hybridge_core::{Origin, Pool};
use serde_json::Value;

use super::*;
use crate::serve;
use crate::status::{Counts, Facts, STALLED_AFTER, Stage, State as RouteState};

/// A listener on a free port, and the state that it speaks for.
async fn start(tokens: &[&str]) -> (String, Arc<Status>) {
    let status = Status::new(Pool::new(1), STALLED_AFTER);
    let listener = serve::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let tokens = tokens.iter().map(|token| (*token).to_owned()).collect();
    let admin = Admin { status: status.clone(), metrics: Metrics::detached() };
    let router = router(admin, address, tokens);
    let stop = tokio_util::sync::CancellationToken::new();
    tokio::spawn(serve::serve(listener, router, serve::Limits::default(), stop, Duration::ZERO));
    (format!("http://{address}"), status)
}

async fn get(url: String) -> (u16, Value) {
    let answer = reqwest::get(url).await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or_default())
}

#[tokio::test]
async fn readiness_names_the_stage_that_does_not_get_on() {
    let (base, status) = start(&[]).await;
    assert_eq!(get(format!("{base}/health/live")).await.0, 200);
    let route = status.route("orders", Facts::default());
    assert_eq!(get(format!("{base}/health/ready")).await.0, 503, "it is starting");

    route.state(RouteState::Running, None);
    let (code, body) = get(format!("{base}/health/ready")).await;
    assert_eq!((code, &body["routes"][0]["state"]), (200, &Value::from("green")));

    let inside = route.enter(Stage::Target("billing".into()), 1, &Origin::default());
    inside.hold(&Origin { offset: 5, ..Origin::default() }, "no dead letter");
    let (code, body) = get(format!("{base}/health/ready")).await;
    assert_eq!((code, &body["routes"][0]["stage"]), (503, &Value::from("target billing")));
    let (_, body) = get(format!("{base}/routes")).await;
    assert_eq!(body["routes"][0]["held"][0]["first"]["offset"], 5);
    drop(inside);

    status.stop();
    assert_eq!(get(format!("{base}/health/ready")).await.0, 503);
}

#[tokio::test]
async fn a_token_guards_all_but_health_and_metrics() {
    let (base, status) = start(&["secret"]).await;
    let route = status.route("orders", Facts { connector: "http".into(), ..Facts::default() });
    route.ledger(Counts { received: 3, delivered: 3, ..Counts::default() });
    assert_eq!(get(format!("{base}/routes")).await.0, 401);
    assert_eq!(get(format!("{base}/no/such/path")).await.0, 401);
    assert_eq!(get(format!("{base}/health/live")).await.0, 200);
    let metrics = reqwest::get(format!("{base}/metrics")).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("hybridge_received_total{route=\"orders\",connector=\"http\"} 3"));

    let asked = reqwest::Client::new().get(format!("{base}/routes")).bearer_auth("secret");
    assert_eq!(asked.send().await.unwrap().status(), 200);
    let rebound =
        reqwest::Client::new().get(format!("{base}/metrics")).header("host", "evil.example");
    assert_eq!(rebound.send().await.unwrap().status(), 403);
}
