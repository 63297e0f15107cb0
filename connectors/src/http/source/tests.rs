//! The source as its callers see it, over real sockets on loopback.

mod access;
mod life;

use std::pin::pin;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hybridge_core::{Budget, Delivery, Event, Outcome, Pool, Source as _};
use hyper::header::{CONTENT_TYPE, RETRY_AFTER};
use hyper::{HeaderMap, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::*;

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answered {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
    /// 503 with a time to come again.
    fn is_later(&self) -> bool {
        self.status == StatusCode::SERVICE_UNAVAILABLE && self.headers.contains_key(RETRY_AFTER)
    }
}

fn config(settings: Value) -> SourceConfig {
    let mut all = json!({ "listen": "127.0.0.1:0" });
    for (name, value) in settings.as_object().unwrap() {
        all[name] = value.clone();
    }
    serde_json::from_value(all).unwrap()
}

async fn connected(settings: Value, servers: &Servers, budget: Budget) -> Source {
    let mut source = Source::new(&config(settings), "r", "i".into(), servers.clone());
    source.connect(budget).await.unwrap();
    assert!(matches!(source.next().await.unwrap(), Event::Assigned(all) if all.len() == 1));
    source
}

async fn started(settings: Value) -> Source {
    connected(settings, &Servers::new(Handle::current()), Budget::unlimited()).await
}

fn request(
    source: &Source,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Request<Full<Bytes>> {
    let uri = format!("http://{}{}", source.local_addr().unwrap(), source.config.path);
    let mut request = Request::post(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(body.into())).unwrap()
}

fn event(source: &Source, id: &str) -> Request<Full<Bytes>> {
    let attributes =
        [("ce-specversion", "1.0"), ("ce-id", id), ("ce-source", "/s"), ("ce-type", "t")];
    request(source, &attributes, "data")
}

fn batch(source: &Source, body: &Value) -> Request<Full<Bytes>> {
    let headers = [("content-type", "application/cloudevents-batch+json")];
    request(source, &headers, body.to_string())
}

async fn exchange(request: Request<Full<Bytes>>) -> Answered {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answered { status: head.status, headers: head.headers, body }
}

/// Plays the route until `until` is done: settles what `outcome` decides, keeps the rest.
async fn play<T>(
    source: &mut Source,
    mut outcome: impl FnMut(&Delivery) -> Option<Outcome>,
    until: impl Future<Output = T>,
) -> (T, Vec<Delivery>) {
    let (mut until, mut kept) = (pin!(until), Vec::new());
    loop {
        let event = tokio::select! {
            biased;
            done = &mut until => return (done, kept),
            event = source.next() => event.unwrap(),
        };
        let Event::Deliveries(deliveries) = event else { continue };
        assert!(!deliveries.is_empty());
        for delivery in deliveries {
            match outcome(&delivery) {
                Some(outcome) => source.settle(&[(delivery.tag, outcome)]),
                None => kept.push(delivery),
            }
        }
    }
}

#[tokio::test]
async fn f054_the_outcome_is_the_answer() {
    let mut source = started(json!({})).await;
    for (outcome, status) in [
        (Outcome::Delivered, 204),
        (Outcome::Filtered, 204),
        (Outcome::Expired, 204),
        (Outcome::DeadLettered, 204),
        (Outcome::Rejected, 422),
        (Outcome::Abandoned, 503),
    ] {
        let request = event(&source, "1");
        let (answered, _) = play(&mut source, |_| Some(outcome), exchange(request)).await;
        assert_eq!(answered.status.as_u16(), status, "{outcome}");
        assert_eq!(answered.headers.contains_key(RETRY_AFTER), status == 503);
        assert_eq!(answered.body.is_empty(), status == 204);
    }
    assert!(source.can_reject());
}

#[tokio::test]
async fn messages_are_what_was_posted() {
    let mut source = started(json!({ "copy_headers": ["X-Kept", "authorization"] })).await;
    let headers = [
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/s"),
        ("ce-type", "t%20x"),
        ("ce-partitionkey", "k"),
        ("content-type", "text/plain"),
        ("x-kept", "a"),
        ("x-other", "b"),
        ("authorization", "Bearer canary"),
        ("cookie", "canary"),
    ];
    let plain = request(&source, &[("content-type", "text/csv")], "a,b");
    let posted = [request(&source, &headers, "hello"), plain, event(&source, "3")];
    let exchanges = futures_util::future::join_all(posted.map(exchange));
    let mut seen = Vec::new();
    let collect = |delivery: &Delivery| {
        assert!(delivery.deadline.is_some());
        assert!(delivery.permit.bytes() >= delivery.message.size() as u64);
        seen.push(delivery.message.clone());
        Some(Outcome::Delivered)
    };
    play(&mut source, collect, exchanges).await;
    seen.sort_by_key(|message| message.payload.clone());
    let [plain, simple, full] = seen.try_into().unwrap();
    assert!(!plain.is_event() && plain.headers.get("content-type").unwrap() == "text/csv");
    assert_eq!(simple.attributes.text("id"), Some("3"));
    assert_eq!(full.attributes.text("type"), Some("t x"));
    assert_eq!(full.attributes.text("datacontenttype"), Some("text/plain"));
    assert_eq!(full.key.as_deref(), Some(&b"k"[..]));
    assert_eq!(full.payload.as_deref(), Some(&b"hello"[..]));
    let names: Vec<Text> = full.headers.iter().map(|header| header.name).collect();
    assert_eq!(names, ["x-kept"]);
    let mut offsets = [plain, simple, full].map(|message| message.origin.offset);
    offsets.sort_unstable();
    assert_eq!(offsets, [0, 1, 2]);
}

#[tokio::test]
async fn plain_bodies_by_rule() {
    let wrap = json!({ "wrap": {
        "source": "/shop/{{ headers[\"x-shop\"] }}", "type": "order.{{ event.data.kind }}",
        "subject": "{{ default(event.data.none, \"\") }}",
        "extensions": { "partitionkey": "{{ event.data.id }}" },
    } });
    let mut source = started(json!({ "plain": wrap })).await;
    let headers =
        [("content-type", "application/json"), ("x-shop", "7"), ("idempotency-key", "\"abc\"")];
    let posted = request(&source, &headers, r#"{"kind":"new","id":5}"#);
    let mut seen = None;
    let keep = |delivery: &Delivery| {
        seen = Some(delivery.message.clone());
        Some(Outcome::Delivered)
    };
    let (answered, _) = play(&mut source, keep, exchange(posted)).await;
    assert_eq!(answered.status.as_u16(), 204, "{:?}", answered.body);
    let event = seen.unwrap();
    let text = |name| event.attributes.text(name);
    assert_eq!((text("id"), text("source")), (Some("abc"), Some("/shop/7")));
    assert_eq!((text("type"), text("specversion")), (Some("order.new"), Some("1.0")));
    assert_eq!(text("datacontenttype"), Some("application/json"));
    assert_eq!(event.key.as_deref(), Some(&b"5"[..]));
    assert!(event.headers.is_empty());

    let faulty = request(&source, &headers, "{}");
    let (answered, kept) = play(&mut source, |_| None, exchange(faulty)).await;
    assert_eq!((answered.status.as_u16(), kept.len()), (422, 0));

    let mut source = started(json!({ "plain": "reject" })).await;
    let posted = request(&source, &[("content-type", "text/plain")], "x");
    let (answered, _) = play(&mut source, |_| None, exchange(posted)).await;
    assert_eq!(answered.status.as_u16(), 415);
}

#[tokio::test]
async fn a_batch_is_answered_per_event() {
    let mut source = started(json!({ "max_batch": 4 })).await;
    let of = |ids: &[&str]| {
        let event =
            |id: &&str| json!({ "specversion": "1.0", "id": id, "source": "/s", "type": "t" });
        Value::from_iter(ids.iter().map(event).collect::<Vec<_>>())
    };
    let by_id = |delivery: &Delivery| match delivery.message.attributes.text("id").unwrap() {
        "bad" => Some(Outcome::Rejected),
        "down" => Some(Outcome::Abandoned),
        _ => Some(Outcome::Delivered),
    };
    for (ids, status) in [
        (&["1", "2"][..], 204),
        (&[][..], 204),
        (&["down", "down"][..], 503),
        (&["1", "bad", "down"][..], 207),
        (&["1", "2", "3", "4", "5"][..], 413),
    ] {
        let posted = batch(&source, &of(ids));
        let (answered, _) = play(&mut source, by_id, exchange(posted)).await;
        assert_eq!(answered.status.as_u16(), status, "{ids:?}");
    }
    let mut mixed = of(&["1", "bad", "down", "2"]);
    mixed[3].as_object_mut().unwrap().remove("type");
    let posted = batch(&source, &mixed);
    let (answered, _) = play(&mut source, by_id, exchange(posted)).await;
    assert_eq!(answered.headers[CONTENT_TYPE], "application/json");
    assert!(answered.headers.contains_key(RETRY_AFTER));
    let results = answered.json()["results"].as_array().unwrap().clone();
    let of = |name: &str| results.iter().map(|result| result[name].clone()).collect::<Vec<_>>();
    assert_eq!(of("status"), [204, 422, 503, 400]);
    assert_eq!(of("index"), [0, 1, 2, 3]);
    assert_eq!(of("id")[..3], ["1", "bad", "down"]);
    assert!(results[0].get("error").is_none() && results[3]["error"].is_string());
}

#[tokio::test]
async fn what_can_never_be_taken_is_told_so() {
    let mut source = started(json!({ "path": "/in", "max_message": "1KiB" })).await;
    let with = |name: &'static str, value: &'static str, body: &'static str| {
        request(&source, &[(name, value)], body)
    };
    let mut get = event(&source, "1");
    *get.method_mut() = hyper::Method::GET;
    let mut elsewhere = event(&source, "1");
    *elsewhere.uri_mut() = format!("http://{}/", source.local_addr().unwrap()).parse().unwrap();
    let structured = "application/cloudevents+json";
    let long = "x".repeat(40_000);
    let cases = [
        (with("content-type", structured, "{"), 400),
        (with("content-type", structured, "{}"), 400),
        (with("content-type", "application/cloudevents+xml", "<a/>"), 415),
        (with("ce-id", "1", ""), 400),
        (with("content-encoding", "gzip", "x"), 415),
        (get, 405),
        (elsewhere, 404),
        (request(&source, &[], vec![0; 1025]), 413),
        (request(&source, &[("x-long", &long)], "x"), 431),
    ];
    for (request, status) in cases {
        let shown = format!("{:?}", request.headers());
        let (answered, kept) = play(&mut source, |_| None, exchange(request)).await;
        assert_eq!(answered.status.as_u16(), status, "{}", &shown[..shown.len().min(100)]);
        assert!(kept.is_empty());
    }
    let largest = exchange(request(&source, &[], vec![0; 1024]));
    let (answered, _) = play(&mut source, |_| Some(Outcome::Delivered), largest).await;
    assert_eq!(answered.status, 204);
}

#[tokio::test]
async fn out_of_budget_is_503_until_something_is_given_back() {
    let pool = Pool::new(0);
    let budget = pool.route(8_000, 8_000);
    let servers = Servers::new(Handle::current());
    let mut source = connected(json!({}), &servers, budget).await;
    let first = tokio::spawn(exchange(request(&source, &[], vec![0; 7_000])));
    let second = exchange(request(&source, &[], vec![0; 3_000]));
    let (answered, kept) = play(&mut source, |_| None, second).await;
    assert!(answered.is_later(), "{answered:?}");
    assert_eq!(kept.len(), 1, "what does not fit is not handed out");
    source.settle(&[(kept[0].tag, Outcome::Delivered)]);
    drop(kept);
    let (first, _) = play(&mut source, |_| None, first).await;
    assert_eq!(first.unwrap().status, 204);
    let again = exchange(request(&source, &[], vec![0; 3_000]));
    let (answered, _) = play(&mut source, |_| Some(Outcome::Delivered), again).await;
    assert_eq!(answered.status, 204);
    source.close().await;
    assert_eq!(pool.held(), 0);
}
