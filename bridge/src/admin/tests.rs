use std::time::Duration;

use hybridge_core::{Origin, Pool};
use serde_json::Value;

use super::*;
use crate::serve;
use crate::status::{Counts, Facts, STALLED_AFTER, Stage, State as RouteState};

/// A listener on a free port, and the state that it speaks for.
async fn start(tokens: &[&str]) -> (String, Arc<Status>) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), hybridge_connectors::log::Options::default()).unwrap();
    start_with(tokens, store).await
}

async fn start_with(tokens: &[&str], store: Store) -> (String, Arc<Status>) {
    let status = Status::new(Pool::new(1), STALLED_AFTER);
    let listener = serve::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let tokens = tokens.iter().map(|token| (*token).to_owned()).collect();
    let admin = Admin { status: status.clone(), metrics: Metrics::detached(), store };
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
    assert_eq!(get(format!("{base}/health/ready")).await.0, 503, "routes are not known yet");
    let route = status.route("orders", Facts::default());
    status.begin();
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
async fn the_process_is_ready_without_what_an_optional_target_waits_for() {
    let (base, status) = start(&[]).await;
    status.route("orders", Facts::default()).state(RouteState::Running, None);
    let follower = status.route("orders/crm", Facts { optional: true, ..Facts::default() });
    status.begin();
    follower.state(RouteState::Red, Some("the log cannot be read".to_owned()));
    let (code, body) = get(format!("{base}/health/ready")).await;
    let states = (&body["routes"][0]["state"], &body["routes"][1]["state"]);
    assert_eq!((code, states), (200, (&"green".into(), &"red".into())), "{body}");
    let (_, body) = get(format!("{base}/routes")).await;
    assert_eq!(
        (&body["routes"][0]["optional"], &body["routes"][1]["optional"]),
        (&false.into(), &true.into())
    );
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

#[tokio::test]
async fn the_commands_see_topics_and_records() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), hybridge_connectors::log::Options::default()).unwrap();
    let topic = store.topic("orders").await.unwrap();
    let messages =
        vec![hybridge_core::Message { payload: Some("x".into()), ..Default::default() }; 3];
    store.append(&topic, &messages).await;
    let (base, _) = start_with(&[], store).await;

    let (_, body) = get(format!("{base}/topics")).await;
    assert_eq!(body["topics"][0]["partitions"][0]["records"], 3);
    let (_, body) = get(format!("{base}/topics/orders")).await;
    assert_eq!(body["topic"], "orders");
    let (_, body) = get(format!("{base}/topics/orders/records?partition=0&offset=1&max=1")).await;
    assert_eq!(
        (&body["records"][0]["offset"], &body["next"]),
        (&Value::from(1), &Value::from("0:2"))
    );
    let (_, body) = get(format!("{base}/topics/orders/records?cursor=0:2")).await;
    assert_eq!(
        (&body["records"][0]["payload"], &body["end"]),
        (&Value::from("x"), &Value::from(true))
    );
    for (path, code) in [
        ("none/records", 404),
        ("none", 404),
        ("orders/records?offset=1", 400),
        ("orders/records?cursor=0:9", 400),
        ("orders/records?partition=4", 400),
        ("orders/records?partitions=0", 400),
    ] {
        assert_eq!(get(format!("{base}/topics/{path}")).await.0, code, "{path}");
    }
}
