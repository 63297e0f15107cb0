//! Readers of topics, as a subscriber sees them: server-sent events.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::{Buf, BytesMut};
use futures_util::{Stream, StreamExt};
use serde_json::Value;

/// One server-sent event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Its id, to resume after.
    pub id: String,
    /// Its event name.
    pub event: String,
    /// Its data lines, joined.
    pub data: String,
}

type Pieces = Pin<Box<dyn Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>;

/// An open subscription.
pub struct Subscription {
    pieces: Pieces,
    buffer: BytesMut,
}

impl Subscription {
    /// Opens `url`, after `last` when it is given; `headers` are sent with it.
    pub async fn open(
        url: &str,
        last: Option<&str>,
        headers: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let mut request = reqwest::Client::new().get(url).header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let response = request.send().await.with_context(|| url.to_owned())?;
        if !response.status().is_success() {
            bail!("{url} answered {}: {}", response.status(), response.text().await?);
        }
        Ok(Self { pieces: Box::pin(response.bytes_stream()), buffer: BytesMut::new() })
    }

    /// The next event with data; `None` at the end, or when nothing comes for `patience`.
    pub async fn next(&mut self, patience: Duration) -> Result<Option<Frame>> {
        loop {
            while let Some(end) = self.buffer.windows(2).position(|window| window == b"\n\n") {
                let frame = parse(&self.buffer[..end]);
                self.buffer.advance(end + 2);
                if !frame.data.is_empty() {
                    return Ok(Some(frame));
                }
            }
            match tokio::time::timeout(patience, self.pieces.next()).await {
                Ok(Some(piece)) => self.buffer.extend_from_slice(&piece?),
                Ok(None) | Err(_) => return Ok(None),
            }
        }
    }
}

/// The first `count` events of a topic, as JSON; an error when nothing comes for `patience`.
pub async fn read(base: &str, topic: &str, count: u64, patience: Duration) -> Result<Vec<Value>> {
    let mut events = Vec::new();
    if count == 0 {
        return Ok(events);
    }
    let url = format!("{base}/topics/{topic}/events?from=earliest");
    let mut subscription = Subscription::open(&url, None, &BTreeMap::new()).await?;
    while (events.len() as u64) < count {
        let Some(frame) = subscription.next(patience).await? else {
            bail!("{topic} gave {} of {count} events", events.len());
        };
        ensure!(frame.event != "io.hybridge.gap", "{topic} misses records: {}", frame.data);
        events.push(serde_json::from_str(&frame.data).with_context(|| frame.data.clone())?);
    }
    Ok(events)
}

/// A consumer of a group that pulls.
#[derive(Clone, Debug)]
pub struct Puller {
    base: String,
    client: reqwest::Client,
}

impl Puller {
    /// For this topic and group.
    pub fn new(base: &str, topic: &str, group: &str) -> Self {
        let base = format!("{base}/topics/{topic}/groups/{group}");
        Self { base, client: reqwest::Client::new() }
    }

    /// Up to `max` events from the earliest on, as a CloudEvents batch; empty when there are none.
    pub async fn receive(&self, max: u32) -> Result<String> {
        let url = format!(
            "{}/receive?max={max}&wait=500ms&lease=10s&from=earliest&data=base64",
            self.base
        );
        let response = self.client.post(&url).send().await?;
        let (status, text) = (response.status(), response.text().await?);
        ensure!(status.is_success(), "{url} answered {status}: {text}");
        Ok(text)
    }

    /// Says that the events with these receipts are done with; an error unless all are.
    pub async fn acknowledge(&self, receipts: &[String]) -> Result<()> {
        let url = format!("{}/acknowledge", self.base);
        let body = serde_json::json!({ "receipts": receipts });
        let answer: Value = self.client.post(&url).json(&body).send().await?.json().await?;
        let failed = answer["failed"].as_array().map_or(1, Vec::len);
        ensure!(failed == 0, "{url} answered {answer}");
        Ok(())
    }
}

fn parse(bytes: &[u8]) -> Frame {
    let mut frame = Frame::default();
    for line in String::from_utf8_lossy(bytes).lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => frame.id = value.to_owned(),
            "event" => frame.event = value.to_owned(),
            "data" if frame.data.is_empty() => frame.data = value.to_owned(),
            "data" => {
                frame.data.push('\n');
                frame.data.push_str(value);
            }
            _ => {}
        }
    }
    frame
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_frame_is_read_by_its_fields() {
        let frame = super::parse(b": comment\nid: 0-7\nevent: order\ndata: {\ndata: }\n");
        assert_eq!(frame.id, "0-7");
        assert_eq!(frame.event, "order");
        assert_eq!(frame.data, "{\n}");
    }
}
