//! The sink against a receiver that answers what the test says, over real sockets on loopback.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hybridge_core::Sink as _;
use hybridge_core::testing::message;
use hyper::service::service_fn;
use hyper::{HeaderMap, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use serde_json::json;
use tokio::net::TcpListener;

use super::*;

/// What the receiver got.
#[derive(Clone, Debug)]
struct Got {
    method: hyper::Method,
    uri: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Got {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A receiver, and the most requests that it had open at once.
#[derive(Clone, Default)]
struct Receiver {
    got: Arc<Mutex<Vec<Got>>>,
    open: Arc<Mutex<(usize, usize)>>,
}

impl Receiver {
    fn got(&self) -> Vec<Got> {
        std::mem::take(&mut *self.got.lock().unwrap())
    }
    fn texts(&self) -> Vec<String> {
        self.got().iter().map(|got| got.text().to_owned()).collect()
    }
}

type Reply = Response<Full<Bytes>>;

fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).unwrap()
}

async fn receive(answer: impl Fn(&Got) -> Reply + Send + Sync + 'static) -> (SocketAddr, Receiver) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let (receiver, answer) = (Receiver::default(), Arc::new(answer));
    let shared = receiver.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = socket.accept().await.unwrap();
            let (receiver, answer) = (shared.clone(), answer.clone());
            tokio::spawn(async move {
                let service = service_fn(|request: Request<hyper::body::Incoming>| {
                    let (receiver, answer) = (receiver.clone(), answer.clone());
                    async move {
                        {
                            let mut open = receiver.open.lock().unwrap();
                            open.0 += 1;
                            open.1 = open.1.max(open.0);
                        }
                        let (head, body) = request.into_parts();
                        let body = body.collect().await.unwrap().to_bytes();
                        let got = Got {
                            method: head.method,
                            uri: head.uri.to_string(),
                            headers: head.headers,
                            body,
                        };
                        let reply = answer(&got);
                        receiver.got.lock().unwrap().push(got);
                        tokio::task::yield_now().await;
                        receiver.open.lock().unwrap().0 -= 1;
                        Ok::<_, Infallible>(reply)
                    }
                });
                let _ = Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    (address, receiver)
}

fn sink(address: SocketAddr, settings: serde_json::Value, ordering: Ordering) -> Sink {
    let mut all = json!({ "url": format!("http://{address}/in?code=canary"), "encoding": "raw" });
    for (name, value) in settings.as_object().unwrap() {
        all[name] = value.clone();
    }
    Sink::new(&serde_json::from_value(all).unwrap(), "r", "t", ordering).unwrap()
}

fn event(id: &str) -> Message {
    let mut event = message("", "data");
    for (name, value) in [("specversion", "1.0"), ("id", id), ("source", "/s"), ("type", "a b")] {
        event.attributes.set(name.into(), value.into());
    }
    event
}

fn kinds(results: &[Result<Receipt, Error>]) -> Vec<Option<ErrorKind>> {
    results.iter().map(|result| result.as_ref().err().map(Error::kind)).collect()
}

#[tokio::test]
async fn modes_and_headers() {
    let (address, receiver) = receive(|_| reply(204, &[], "")).await;
    let mut event = event("1");
    event.attributes.set("datacontenttype".into(), "text/plain".into());
    for (name, value) in [("X-Kept", "a"), ("x-other", "b"), ("Connection", "x"), ("ce-id", "evil")]
    {
        event.headers.push(name.into(), Some(Bytes::copy_from_slice(value.as_bytes())));
    }
    let settings = |mode: &str| {
        json!({
            "encoding": mode, "token": "canary",
            "headers": { "copy": ["*"], "drop": ["X-OTHER"], "set": { "x-type": "is {{ event.type }}" } },
            "hmac": { "secret": "s" },
        })
    };
    let mut got = Vec::new();
    for mode in ["binary", "structured", "raw", "batch"] {
        let sink = sink(address, settings(mode), Ordering::None);
        assert_eq!(kinds(&sink.send(&[event.clone()]).await), [None]);
        got.extend(receiver.got());
    }
    let [binary, structured, raw, batch] = got.try_into().unwrap();
    assert_eq!(binary.uri, "/in?code=canary");
    assert_eq!((binary.header("ce-id"), binary.header("ce-type")), (Some("1"), Some("a%20b")));
    assert_eq!((binary.header("content-type"), binary.text()), (Some("text/plain"), "data"));
    assert_eq!((binary.header("x-kept"), binary.header("x-other")), (Some("a"), None));
    assert_eq!(binary.header("x-type"), Some("is a b"));
    assert_eq!(binary.header("authorization"), Some("Bearer canary"));
    assert!(binary.header("x-signature").is_some() && binary.header("connection").is_none());
    let id = hybridge_core::StableId::new("r", "t", &event).to_string();
    assert_eq!(binary.header("idempotency-key"), Some(id.as_str()));
    assert_eq!(raw.header("ce-id"), None);
    assert_eq!((raw.header("content-type"), raw.text()), (Some("text/plain"), "data"));
    assert!(structured.header("content-type").unwrap().starts_with("application/cloudevents+json"));
    let body: serde_json::Value = serde_json::from_slice(&batch.body).unwrap();
    assert_eq!((body[0]["id"].as_str(), batch.header("idempotency-key")), (Some("1"), None));
}

#[tokio::test]
async fn s11_what_cannot_be_posted_is_rejected_alone() {
    let (address, receiver) = receive(|_| reply(200, &[], "{}")).await;
    let mut split = message("", "a");
    split.headers.push("x".into(), Some(Bytes::from_static(b"1\r\nhost: evil")));
    let long = message("", "0123456789");
    let settings = json!({ "headers": { "copy": ["x"] }, "max_message": "8B" });
    let sink = sink(address, settings, Ordering::None);
    let results = sink.send(&[split, message("", "b"), long]).await;
    let rejected = Some(ErrorKind::Rejected);
    assert_eq!(kinds(&results), [rejected, None, rejected]);
    assert_eq!(receiver.texts(), ["b"]);
    let plain = message("", "no event");
    let binary = Sink {
        mode: Mode::Structured,
        ..self::sink(address, json!({ "encoding": "structured" }), Ordering::None)
    };
    assert_eq!(kinds(&binary.send(&[plain]).await), [rejected]);
}

#[tokio::test]
async fn f056_a_redirect_is_an_error_and_nothing_goes_there() {
    let (elsewhere, other) = receive(|_| reply(204, &[], "")).await;
    let location = format!("http://{elsewhere}/");
    let (address, _) = receive(move |_| reply(307, &[("location", &location)], "")).await;
    let results =
        sink(address, json!({ "token": "canary" }), Ordering::None).send(&[event("1")]).await;
    assert_eq!(kinds(&results), [Some(ErrorKind::Transient)]);
    assert!(other.got().is_empty());
}

#[tokio::test]
async fn f055_a_wait_is_obeyed_within_its_limit_and_ends_the_send() {
    let (address, receiver) = receive(|_| reply(429, &[("retry-after", "900")], "")).await;
    let settings = json!({ "retry_after_max": "60s", "max_in_flight": 1 });
    let sink = sink(address, settings, Ordering::None);
    let results = sink.send(&[message("", "1"), message("", "2")]).await;
    let wait = Some(Duration::from_secs(60));
    assert_eq!(kinds(&results), [Some(ErrorKind::Throttled(wait)), Some(ErrorKind::Held)]);
    assert_eq!(receiver.got().len(), 1);
}

#[tokio::test]
async fn order_of_a_key_holds_and_other_keys_go_on() {
    let refuses = |got: &Got| reply(if got.text() == "a2" { 500 } else { 204 }, &[], "");
    let batch = ["a1", "b1", "a2", "a3", "b2", "-1", "-2"]
        .map(|text| message(text[..1].trim_matches('-'), text));
    let (failed, held) = (Some(ErrorKind::Transient), Some(ErrorKind::Held));
    let (address, receiver) = receive(refuses).await;
    let results = sink(address, json!({}), Ordering::Key).send(&batch).await;
    assert_eq!(kinds(&results), [None, None, failed, held, None, None, None]);
    let texts = receiver.texts();
    for key in ["a", "b", "-"] {
        let of_key: Vec<&String> = texts.iter().filter(|text| text.starts_with(key)).collect();
        assert!(of_key.is_sorted() && of_key.len() == 2, "{texts:?}");
    }
    assert!(receiver.open.lock().unwrap().1 > 1, "keys go at once");

    let results = sink(address, json!({}), Ordering::Total).send(&batch).await;
    assert_eq!(kinds(&results), [None, None, failed, held, held, held, held]);
    assert_eq!(receiver.texts(), ["a1", "b1", "a2"]);

    let results = sink(address, json!({}), Ordering::None).send(&batch).await;
    assert_eq!(kinds(&results), [None, None, failed, None, None, None, None]);
}

#[tokio::test]
async fn no_more_requests_are_open_than_allowed() {
    let (address, receiver) = receive(|_| reply(204, &[], "")).await;
    let batch: Vec<Message> = (0..50).map(|n| message("", &n.to_string())).collect();
    let sink = sink(address, json!({ "max_in_flight": 3 }), Ordering::None);
    // Lanes send at the same time, and the limit is the target's.
    let results = futures_util::future::join_all((0..4).map(|_| sink.send(&batch))).await;
    assert!(results.iter().flatten().all(Result::is_ok));
    let most = receiver.open.lock().unwrap().1;
    assert!((2..=3).contains(&most), "{most}");
}

#[tokio::test]
async fn a_refused_batch_is_split_until_the_culprit_is_alone() {
    let answer = |got: &Got| reply(if got.text().contains("bad") { 400 } else { 204 }, &[], "");
    let (address, receiver) = receive(answer).await;
    let ids = ["1", "2", "3", "bad", "5", "6", "7"];
    let results =
        sink(address, json!({ "encoding": "batch" }), Ordering::None).send(&ids.map(event)).await;
    let expected = ids.map(|id| (id == "bad").then_some(ErrorKind::Rejected));
    assert_eq!(kinds(&results), expected);
    let taken: Vec<String> =
        receiver.texts().into_iter().filter(|text| !text.contains("bad")).collect();
    for id in ids.iter().filter(|id| **id != "bad") {
        assert_eq!(
            taken.iter().filter(|text| text.contains(&format!("\"id\":\"{id}\""))).count(),
            1
        );
    }
}

#[tokio::test]
async fn results_per_event_are_taken_at_their_word() {
    let report = json!({ "results": [
        { "index": 0, "status": 204 }, { "index": 1, "status": 422 }, { "index": 2, "status": 204 },
        { "index": 3, "status": 503 },
    ] });
    let (address, _) = receive(move |_| reply(207, &[], &report.to_string())).await;
    let mut events = ["1", "2", "3", "4", "5"].map(event);
    for (event, key) in events.iter_mut().zip(["a", "b", "b", "c", "d"]) {
        event.key = Some(Bytes::from_static(key.as_bytes()));
    }
    let settings = || json!({ "encoding": "batch" });
    let (rejected, transient) = (Some(ErrorKind::Rejected), Some(ErrorKind::Transient));
    let results = sink(address, settings(), Ordering::None).send(&events).await;
    assert_eq!(kinds(&results), [None, rejected, None, transient, transient]);
    let results = sink(address, settings(), Ordering::Key).send(&events).await;
    let held = Some(ErrorKind::Held);
    assert_eq!(kinds(&results), [None, rejected, held, transient, transient]);
    let (address, _) = receive(|_| reply(207, &[], "<multistatus/>")).await;
    let results = sink(address, settings(), Ordering::None).send(&events).await;
    assert!(kinds(&results).iter().all(|kind| *kind == transient));
}

#[tokio::test]
async fn no_secret_is_in_an_error() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = socket.local_addr().unwrap();
    drop(socket);
    let (refusing, _) = receive(|_| reply(401, &[], "canary")).await;
    for address in [nobody, refusing] {
        let sink = sink(
            address,
            json!({ "token": "canary", "hmac": { "secret": "canary" } }),
            Ordering::None,
        );
        let mut event = event("1");
        event.payload = Some(Bytes::from_static(b"canary"));
        let error = sink.send(&[event]).await.remove(0).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        assert!(error.to_string().contains(&address.to_string()), "{error}");
        let expected =
            if address == nobody { ErrorKind::Disconnected } else { ErrorKind::Unauthorized };
        assert_eq!(error.kind(), expected);
        assert_eq!(sink.probe().await.is_ok(), address != nobody);
    }
}

#[test]
fn s05_credentials_do_not_cross_a_network_in_plain_text() {
    let made = |url: &str, credential: &str| {
        let config = serde_json::from_value(json!({ "url": url, credential: "canary" })).unwrap();
        Sink::new(&config, "r", "t", Ordering::None)
    };
    let error = made("http://example.com/a?canary", "token").err().unwrap();
    assert!(!error.to_string().contains("canary"));
    for url in ["https://example.com/", "http://localhost:1/", "http://127.1.2.3/", "http://[::1]/"]
    {
        assert!(made(url, "token").is_ok(), "{url}");
    }
    assert!(made("http://example.com/", "path").is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_send_returns_within_twice_its_time_limit() {
    // Connections are accepted by the kernel, and nobody ever answers.
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sink = sink(socket.local_addr().unwrap(), json!({ "timeout": "10s" }), Ordering::Total);
    let start = Instant::now();
    let results = sink.send(&[message("", "1"), message("", "2")]).await;
    assert_eq!(kinds(&results), [Some(ErrorKind::Transient), Some(ErrorKind::Held)]);
    assert_eq!(start.elapsed(), Duration::from_secs(10));
    assert!(results[0].as_ref().unwrap_err().to_string().ends_with("within 10s"));

    let many: Vec<Message> = (0..100).map(|n| message("", &n.to_string())).collect();
    let sink = self::sink(
        socket.local_addr().unwrap(),
        json!({ "timeout": "10s", "max_in_flight": 4 }),
        Ordering::None,
    );
    let start = Instant::now();
    let results = sink.send(&many).await;
    assert!(start.elapsed() <= Duration::from_secs(20));
    let held = results.iter().filter(|r| r.as_ref().unwrap_err().kind() == ErrorKind::Held).count();
    assert_eq!((results.len(), held), (100, 96));
}

#[tokio::test]
async fn f049_refused_credentials_are_no_fault_of_a_message() {
    let refusals = Arc::new(Mutex::new(2));
    let (address, receiver) = receive(move |_| {
        let mut left = refusals.lock().unwrap();
        let refuses = *left > 0;
        *left -= i32::from(refuses);
        reply(if refuses { 401 } else { 204 }, &[], "")
    })
    .await;
    let sink = sink(address, json!({ "max_in_flight": 1 }), Ordering::None);
    let batch = [message("", "1"), message("", "2")];
    let (unauthorized, held) = (Some(ErrorKind::Unauthorized), Some(ErrorKind::Held));
    for expected in [[unauthorized, held], [unauthorized, held], [None, None]] {
        assert_eq!(kinds(&sink.send(&batch).await), expected);
    }
    assert_eq!(receiver.texts(), ["1", "1", "1", "2"]);
}

#[tokio::test]
async fn f057_nothing_is_posted_without_consent_or_beyond_its_rate() {
    let allowed = Arc::new(Mutex::new("other.example"));
    let granted = allowed.clone();
    let (address, receiver) = receive(move |got| {
        if got.method != hyper::Method::OPTIONS {
            return reply(204, &[], "");
        }
        assert_eq!(got.header("webhook-request-rate"), Some("120"));
        let origin = *granted.lock().unwrap();
        reply(405, &[("webhook-allowed-origin", origin), ("webhook-allowed-rate", "3")], "")
    })
    .await;
    let settings = json!({
        "webhook": { "origin": "here.example", "rate": 120 }, "max_in_flight": 1,
    });
    let sink = sink(address, settings, Ordering::None);
    let batch: Vec<Message> = (0..5).map(|n| message("", &n.to_string())).collect();
    assert_eq!(sink.probe().await.unwrap_err().kind(), ErrorKind::Unauthorized);
    assert_eq!(kinds(&sink.send(&batch).await)[0], Some(ErrorKind::Unauthorized));
    assert!(receiver.got().iter().all(|got| got.method == hyper::Method::OPTIONS));

    *allowed.lock().unwrap() = "here.example";
    let results = kinds(&sink.send(&batch).await);
    assert_eq!(results[..3], [None, None, None]);
    let Some(ErrorKind::Throttled(Some(wait))) = results[3] else { panic!("{results:?}") };
    assert!(wait > Duration::from_secs(10) && wait <= Duration::from_secs(20), "{wait:?}");
    assert_eq!(results[4], Some(ErrorKind::Held));
    let got = receiver.got();
    assert_eq!(got.iter().filter(|got| got.method == hyper::Method::OPTIONS).count(), 1);
    assert!(got.iter().all(|got| got.header("webhook-request-origin") == Some("here.example")));
}
