mod groups;

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use hybridge_connectors::log::{Options, Retention, TopicOptions, WriteError};
use hybridge_core::{Attributes, Message};
use serde_json::{Value, json};

use super::*;
use crate::serve;

/// A log in a folder of its own, and a listener that speaks for it.
struct Server {
    base: String,
    store: Store,
    http: reqwest::Client,
    stop: CancellationToken,
    folder: tempfile::TempDir,
}

fn open(folder: &tempfile::TempDir) -> Store {
    let retention_interval = Duration::from_millis(20);
    let mut options = Options { retention_interval, ..Options::default() };
    let retention = Retention { bytes: Some(200_000), ..Retention::default() };
    options.topics.insert("short".into(), TopicOptions { retention, ..TopicOptions::default() });
    options.topics.insert("wide".into(), TopicOptions { partitions: 3, ..TopicOptions::default() });
    Store::open(folder.path(), options).unwrap()
}

impl Server {
    async fn start() -> Self {
        Self::start_with(tempfile::tempdir().unwrap(), &[], serve::Limits::default()).await
    }

    async fn start_with(folder: tempfile::TempDir, tokens: &[&str], limits: serve::Limits) -> Self {
        let store = open(&folder);
        let listener = serve::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let tokens = tokens.iter().map(|token| (*token).to_owned()).collect();
        let router = router(Subscribe::new(store.clone(), stop.clone()), address, tokens);
        tokio::spawn(serve::serve(listener, router, limits, stop.clone(), Duration::ZERO));
        Self {
            base: format!("http://{address}"),
            store,
            http: reqwest::Client::new(),
            stop,
            folder,
        }
    }

    /// The same folder, after the process ended without any farewell to its groups.
    async fn restart(self) -> Self {
        self.stop.cancel();
        self.store.close();
        Self::start_with(self.folder, &[], serve::Limits::default()).await
    }

    async fn append(&self, topic: &str, messages: &[Message]) {
        let topic = self.store.topic(topic).await.unwrap();
        for result in self.store.append(&topic, messages).await {
            result.unwrap();
        }
    }

    /// Appends events with these ids, of type `t.N`.
    async fn events(&self, topic: &str, ids: std::ops::Range<u32>) {
        let messages: Vec<_> = ids.map(|id| event(&id.to_string(), &format!("t.{id}"))).collect();
        self.append(topic, &messages).await;
    }

    async fn subscribe(&self, path: &str) -> Stream {
        Stream { answer: self.get(path).await, text: String::new() }
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        self.http.get(format!("{}{path}", self.base)).send().await.unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.base)).body(body.to_string());
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// Receives from group `g` of topic `t`.
    async fn receive(&self, query: &str) -> Vec<Value> {
        let (status, body) =
            self.post(&format!("/topics/t/groups/g/receive?{query}"), json!(null)).await;
        assert_eq!(status, 200, "{body}");
        body.as_array().unwrap().clone()
    }

    /// How many of these the group takes as done with.
    async fn acknowledge(&self, events: &[Value]) -> usize {
        let receipts: Vec<_> = events.iter().map(|event| &event["hybridgereceipt"]).collect();
        let body = json!({ "receipts": receipts });
        let (status, body) = self.post("/topics/t/groups/g/acknowledge", body).await;
        assert_eq!(status, 200, "{body}");
        let (succeeded, failed) = (body["succeeded"].as_array(), body["failed"].as_array());
        assert_eq!(succeeded.unwrap().len() + failed.unwrap().len(), events.len());
        succeeded.unwrap().len()
    }
}

fn event(id: &str, kind: &str) -> Message {
    let mut attributes = Attributes::new();
    for (name, value) in [("specversion", "1.0"), ("id", id), ("source", "/s"), ("type", kind)] {
        attributes.set(name.into(), value.into());
    }
    attributes.set("datacontenttype".into(), "application/json".into());
    Message {
        attributes,
        payload: Some(Bytes::from_static(b"{ \"a\":1.0 }\n")),
        ..Message::default()
    }
}

fn ids(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

/// Server-sent events as they come.
struct Stream {
    answer: reqwest::Response,
    text: String,
}

#[derive(Debug, Default, PartialEq)]
struct Frame {
    id: String,
    event: String,
    data: String,
}

impl Stream {
    /// The next event; comments and what has no data are passed over. `None` at the end.
    async fn next(&mut self) -> Option<Frame> {
        loop {
            while let Some(end) = self.text.find("\n\n") {
                let text: String = self.text.drain(..end + 2).collect();
                let mut frame = Frame::default();
                for line in text.lines() {
                    match line.split_once(": ") {
                        Some(("id", id)) => frame.id = id.to_owned(),
                        Some(("event", event)) => frame.event = event.to_owned(),
                        Some(("data", data)) => frame.data.push_str(data),
                        _ => {}
                    }
                }
                if !frame.data.is_empty() {
                    return Some(frame);
                }
            }
            let chunk = self.answer.chunk().await.ok()??;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn take(&mut self, count: usize) -> Vec<Frame> {
        let mut frames = Vec::new();
        for _ in 0..count {
            frames.push(self.next().await.unwrap());
        }
        frames
    }
}

#[tokio::test]
async fn a_subscriber_resumes_behind_its_last_event() {
    let server = Server::start().await;
    server.store.topic("t").await.unwrap();
    let mut stream = server.subscribe("/topics/t/events").await;
    assert_eq!(stream.answer.headers()["content-type"], "text/event-stream");
    server.events("t", 0..5).await;
    let frames = stream.take(3).await;
    assert_eq!(frames[2].event, "t.2");
    let data: Value = serde_json::from_str(&frames[2].data).unwrap();
    assert_eq!((&data["id"], &data["data"]["a"]), (&json!("2"), &json!(1.0)));

    let last = frames[2].id.clone();
    let url = format!("{}/topics/t/events?from=earliest", server.base);
    let answer = server.http.get(url).header("last-event-id", &last).send().await.unwrap();
    let mut again = Stream { answer, text: String::new() };
    assert_eq!(again.next().await.unwrap().event, "t.3", "the header counts before the query");
    let mut again = server.subscribe(&format!("/topics/t/events?last_event_id={last}")).await;
    assert_eq!(again.next().await.unwrap().event, "t.3");

    server.stop.cancel();
    assert_eq!(stream.take(2).await.len(), 2, "what was on its way arrives");
    assert_eq!(stream.next().await, None, "a subscription ends with the process");
}

#[tokio::test]
async fn partitions_are_merged_and_their_cursor_is_whole() {
    let server = Server::start().await;
    let keyed =
        |id: u32| Message { key: Some(id.to_string().into()), ..event(&id.to_string(), "t") };
    server.append("wide", &(0..60).map(keyed).collect::<Vec<_>>()).await;
    let mut stream = server.subscribe("/topics/wide/events?from=earliest").await;
    let first = stream.take(25).await;
    let path = format!("/topics/wide/events?last_event_id={}", first[24].id);
    let rest = server.subscribe(&path).await.take(35).await;
    let seen: BTreeSet<_> = first.iter().chain(&rest).map(|frame| frame.data.clone()).collect();
    assert_eq!(seen.len(), 60, "each once");
    assert_eq!(rest[34].id.split(',').count(), 3);
}

#[tokio::test]
async fn only_what_the_filter_lets_through_is_sent() {
    let server = Server::start().await;
    server.events("t", 0..30).await;
    let mut stream =
        server.subscribe("/topics/t/events?from=earliest&type=t.1*&type=t.5&source=/s").await;
    let kinds: Vec<_> = stream.take(12).await.into_iter().map(|frame| frame.event).collect();
    assert_eq!(kinds[..3], ["t.1", "t.5", "t.10"]);
    assert_eq!(kinds[11], "t.19");
    let mut none = server.subscribe("/topics/t/events?from=earliest&subject=x").await;
    server
        .append(
            "t",
            &[{
                let mut message = event("s", "t.subject");
                message.attributes.set("subject".into(), "x".into());
                message
            }],
        )
        .await;
    assert_eq!(none.next().await.unwrap().event, "t.subject");
}

#[tokio::test]
async fn a_message_that_is_no_event_is_wrapped_with_its_place() {
    let server = Server::start().await;
    let payload = Bytes::from_static(b"a\xff\n");
    let message = Message {
        key: Some("k".into()),
        payload: Some(payload),
        time: Some(0),
        ..Message::default()
    };
    server.append("t", &[message]).await;
    let frame = server.subscribe("/topics/t/events?from=earliest").await.next().await.unwrap();
    let data: Value = serde_json::from_str(&frame.data).unwrap();
    assert_eq!(frame.event, "io.hybridge.message");
    assert_eq!(data["id"], "0:0");
    assert!(data["source"].as_str().unwrap().starts_with("/topics/t/"), "{data}");
    assert_eq!(
        (&data["time"], &data["partitionkey"]),
        (&json!("1970-01-01T00:00:00Z"), &json!("k"))
    );
    assert_eq!(data["data_base64"], "Yf8K");
}

#[tokio::test]
async fn every_byte_can_be_asked_for() {
    let server = Server::start().await;
    server.events("t", 0..1).await;
    let frame =
        server.subscribe("/topics/t/events?from=earliest&data=base64").await.next().await.unwrap();
    let data: Value = serde_json::from_str(&frame.data).unwrap();
    assert_eq!(data["data_base64"], "eyAiYSI6MS4wIH0K", "white space is kept");
    let events = server.receive("data=base64").await;
    assert_eq!(events[0]["data_base64"], "eyAiYSI6MS4wIH0K");
    assert_eq!(events[0]["hybridgedeliveries"], 1);
}

#[tokio::test]
async fn what_cannot_be_served_says_why() {
    let server = Server::start().await;
    server.events("t", 0..2).await;
    let too_far = "/topics/t/events?last_event_id=0:3";
    for (path, status, text) in [
        ("/topics/none/events", 404, "topic `none` does not exist"),
        ("/topics/__cursors/events", 404, "does not exist"),
        ("/topics/t/events?last_event_id=x", 400, "partition:offset"),
        ("/topics/t/events?last_event_id=1:0", 400, "partition 1 does not exist"),
        (too_far, 400, "was never reached"),
        ("/topics/t/events?from=yesterday", 400, "earliest, latest or a time"),
        ("/topics/t/events?typ=x", 400, "`typ` is not known"),
        ("/nothing", 404, "nothing at this path"),
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status().as_u16(), status, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let body: Value = answer.json().await.unwrap();
        assert!(body["detail"].as_str().unwrap().contains(text), "{path}: {body}");
    }
    for (path, text) in [
        ("/topics/t/groups/g/receive?max=0", "a number from 1 to 1000"),
        ("/topics/t/groups/g/receive?lease=5", "did you mean `5s`"),
        ("/topics/t/groups/g/receive?wait=2h", "a time from 0s to 1m"),
        ("/topics/t/groups/a%20b/receive", "not a group name"),
        ("/topics/t/groups/g/acknowledge", "the body is not"),
    ] {
        let (status, body) = server.post(path, json!("x")).await;
        assert_eq!(status, 400, "{path}");
        assert!(body["detail"].as_str().unwrap().contains(text), "{path}: {body}");
    }
}

#[tokio::test]
async fn a_token_is_asked_for_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder, &["right"], serve::Limits::default()).await;
    server.events("t", 0..1).await;
    for path in ["/topics", "/topics/t/events", "/nothing"] {
        assert_eq!(server.get(path).await.status(), 401, "{path}");
    }
    let (status, _) = server.post("/topics/t/groups/g/receive", json!(null)).await;
    assert_eq!(status, 401);
    let url = format!("{}/topics", server.base);
    let answer = server.http.get(url).bearer_auth("right").send().await.unwrap();
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["topics"], json!([{ "topic": "t", "partitions": 1 }]));
}

#[tokio::test]
async fn a_large_event_goes_the_whole_way() {
    let server = Server::start().await;
    let payload = format!("\"{}\"", "x".repeat(3_000_000));
    let large = Message { payload: Some(payload.clone().into()), ..event("large", "t.large") };
    server.append("t", &[event("0", "t.0"), large, event("2", "t.2")]).await;
    let frames = server.subscribe("/topics/t/events?from=earliest").await.take(3).await;
    assert!(frames[1].data.contains(&payload));
    assert_eq!(frames[2].event, "t.2");
    let events = server.receive("max=10").await;
    assert_eq!(events[1]["data"].as_str().unwrap().len(), 3_000_000);
    assert_eq!(server.receive("max=10").await.len() + events.len(), 3);
}

/// A subscriber that does not read is cut off, and another one gets everything meanwhile.
#[tokio::test]
async fn a_slow_subscriber_holds_nobody_else() {
    let server = Server::start().await;
    let payload = Bytes::from(vec![b'x'; 100_000]);
    let message = Message { payload: Some(payload), ..event("0", "t") };
    for _ in 0..12 {
        server.append("t", &vec![message.clone(); 10]).await;
    }
    let mut slow = server.subscribe("/topics/t/events?from=earliest").await;
    slow.next().await.unwrap();
    let mut quick = server.subscribe("/topics/t/events?from=earliest").await;
    assert_eq!(quick.take(120).await.len(), 120);
    tokio::time::pause();
    tokio::time::advance(serve::Limits::default().write_time + Duration::from_secs(1)).await;
    tokio::time::resume();
    let mut seen = 1;
    while slow.next().await.is_some() {
        seen += 1;
    }
    assert!(seen < 120, "the connection was cut");
}

/// A partition whose first event is never acknowledged fills up and stops; the others go on.
/// What retention took before a subscriber or a group came is told, and never passed over in silence.
#[tokio::test]
async fn a_gap_is_told() {
    let server = Server::start().await;
    let body = Bytes::from(vec![b'"'; 10_000]);
    let message = Message { payload: Some(body), ..event("0", "t") };
    let topic = server.store.topic("short").await.unwrap();
    while server.store.range(&topic, 0).0 == 0 {
        server.append("short", &vec![message.clone(); 10]).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let frames = server.subscribe("/topics/short/events?last_event_id=0:0").await.take(2).await;
    let gap: Value = serde_json::from_str(&frames[0].data).unwrap();
    assert_eq!((frames[0].event.as_str(), &gap["cause"]), ("io.hybridge.gap", &json!("removed")));
    assert_eq!(gap["from"], 0);
    assert_eq!(frames[0].id, format!("0:{}", gap["to"]));
    assert_eq!(frames[1].event, "t");
    let (_, events) = server.post("/topics/short/groups/g/receive", json!(null)).await;
    assert!(!events.as_array().unwrap().is_empty());
}
