//! `GET /topics/{topic}/events`: server-sent events.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hybridge_connectors::log::{Cause, Gap, Read, Topic};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::event::{self, Data};
use super::filter::{self, Filter};
use super::frame;
use super::room::{self, Large, PIECE, Room};
use super::{Subscribe, find};
use crate::feed::{Cursor, Feed, Start};
use crate::serve::Refusal;
use crate::serve::query::Query;

/// How often something is written where there is no event to write.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a client that lost its connection is asked to wait, in milliseconds.
const RETRY: &[u8] = b"retry: 1000\n";
const KNOWN: [&str; 6] = ["from", "last_event_id", "type", "source", "subject", "data"];

pub(super) async fn events(
    State(subscribe): State<Subscribe>,
    Path(topic): Path<String>,
    axum::extract::Query(query): axum::extract::Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let query = Query(query);
    query.only(&KNOWN)?;
    let topic = find(&subscribe.store, &topic)?;
    let start = start(&query, &headers)?;
    let mut filter = Filter::default();
    for attribute in filter::ATTRIBUTES {
        for pattern in query.all(attribute) {
            filter.add(attribute, pattern);
        }
    }
    let data = Data::of(&query)?;
    let feed = Feed::open(&subscribe.store, &topic, &start).await?;
    let subscription = Subscription {
        cursor: feed.cursor(),
        written: Instant::now(),
        counted: Counted::new(topic.name()),
        room: subscribe.room,
        stop: subscribe.stop,
        begun: false,
        topic,
        feed,
        filter,
        data,
    };
    let frames = futures_util::stream::unfold(subscription, async |mut subscription| {
        let frame = subscription.frame().await?;
        Some((Ok::<_, std::convert::Infallible>(frame), subscription))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // Proxies that buffer answers (nginx) would hold events back.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(frames)).into_response())
}

/// A client that comes back says where it was; the header, which browsers send, counts before the
/// parameter of its first request.
fn start(query: &Query, headers: &HeaderMap) -> Result<Start, Refusal> {
    let header = match headers.get("last-event-id").map(|value| value.to_str()) {
        Some(Ok(text)) => Some(text),
        Some(Err(_)) => return Err(Refusal::bad("Last-Event-ID is not text")),
        None => None,
    };
    let id = header.or(query.get("last_event_id")).filter(|id| !id.is_empty());
    if let Some(id) = id {
        let cursor: Cursor =
            id.parse().map_err(|error| Refusal::bad(format!("Last-Event-ID `{id}`: {error}")))?;
        return Ok(Start::Cursor(cursor));
    }
    Ok(query.from()?.unwrap_or(Start::Latest))
}

/// One subscriber: its own reader, and no more in memory than one piece of the log.
struct Subscription {
    topic: Topic,
    feed: Feed,
    /// How far what was written has come.
    cursor: Cursor,
    filter: Filter,
    data: Data,
    room: Room,
    stop: CancellationToken,
    begun: bool,
    written: Instant,
    counted: Counted,
}

impl Subscription {
    /// The next bytes to write; `None` at the end. Called when the last ones went out.
    async fn frame(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.begun, true) {
            let mut out = RETRY.to_vec();
            frame::heartbeat(&mut out, &self.cursor);
            return Some(self.write(out, None));
        }
        let stop = self.stop.clone();
        loop {
            let frame = tokio::select! {
                () = stop.cancelled() => return None,
                () = tokio::time::sleep_until(self.written + HEARTBEAT) => Step::Quiet,
                step = next(&mut self.feed, &self.room) => step,
            };
            let mut out = Vec::new();
            let mut held = None;
            match frame {
                Step::Quiet => frame::heartbeat(&mut out, &self.cursor),
                Step::Records(partition, chunk, large) => {
                    self.records(partition, chunk, &mut out);
                    held = large;
                }
                Step::Gap(partition, gap) => self.gap(partition, gap, &mut out),
                Step::Failed(error) => {
                    tracing::warn!(topic = self.topic.name(), %error, "a subscription ended");
                    return None;
                }
            }
            if !out.is_empty() {
                return Some(self.write(out, held));
            }
            // Everything was filtered out: let others have their turn, and say so now and then.
            tokio::task::yield_now().await;
        }
    }

    fn write(&mut self, out: Vec<u8>, large: Option<Large>) -> Bytes {
        self.written = Instant::now();
        room::hold(out, large.into_iter().collect())
    }

    fn records(
        &mut self,
        partition: u32,
        chunk: hybridge_connectors::log::Chunk,
        out: &mut Vec<u8>,
    ) {
        let mut json = Vec::new();
        let mut sent = 0;
        for record in chunk.into_records(()) {
            self.cursor.set(partition, record.offset + 1);
            let event = event::event(&self.topic, partition, record);
            if !self.filter.passes(&event.attributes) {
                continue;
            }
            let kind = event.attributes.text("type").unwrap_or("message").to_owned();
            json.clear();
            event::write(event, self.data, &mut json);
            frame::event(out, &self.cursor, &kind, &json);
            sent += 1;
        }
        self.counted.sent.increment(sent);
    }

    fn gap(&mut self, partition: u32, gap: Gap, out: &mut Vec<u8>) {
        self.cursor.set(partition, gap.to);
        let cause = match gap.cause {
            Cause::Removed => "removed",
            Cause::Damaged => "damaged",
        };
        let data = serde_json::json!({
            "partition": partition, "from": gap.from, "to": gap.to, "cause": cause,
        });
        frame::event(out, &self.cursor, "io.hybridge.gap", data.to_string().as_bytes());
    }
}

enum Step {
    Records(u32, hybridge_connectors::log::Chunk, Option<Large>),
    Gap(u32, Gap),
    Quiet,
    Failed(hybridge_connectors::log::ReadError),
}

/// Waits for records or a gap. Cancel-safe.
async fn next(feed: &mut Feed, room: &Room) -> Step {
    let mut large: Option<Large> = None;
    let mut max = PIECE;
    loop {
        match feed.read(max, |_| true).await {
            Ok(None) => feed.wait().await,
            Ok(Some((_, Read::End))) => {}
            Ok(Some((_, Read::TooSmall(needed)))) => {
                // Give back before asking for more: two who hold and ask would wait for ever.
                drop(large.take());
                large = Some(room.take(needed).await);
                max = needed;
            }
            Ok(Some((partition, Read::Records(chunk)))) => {
                return Step::Records(partition, chunk, large);
            }
            Ok(Some((partition, Read::Gap(gap)))) => return Step::Gap(partition, gap),
            Err(error) => return Step::Failed(error),
        }
    }
}

/// Counts a subscriber while it is there, and its events.
struct Counted {
    subscribers: metrics::Gauge,
    sent: metrics::Counter,
}

impl Counted {
    fn new(topic: &str) -> Self {
        let subscribers = metrics::gauge!("hybridge_subscribers", "topic" => topic.to_owned());
        subscribers.increment(1);
        let labels = [("topic", topic.to_owned()), ("interface", "sse".to_owned())];
        Self { subscribers, sent: metrics::counter!("hybridge_subscriber_events_total", &labels) }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.subscribers.decrement(1);
    }
}
