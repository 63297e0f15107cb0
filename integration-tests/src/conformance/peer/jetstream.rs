//! JetStream with the vendor's own client.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use async_nats::jetstream::{self, consumer, stream};
use async_nats::{HeaderMap, HeaderName, HeaderValue};
use async_trait::async_trait;
use futures_util::StreamExt;

use super::{Also, Fault, Feature, Peer, Record, Sections};
use crate::broker::nats::Nats;
use crate::conformance::stage::PATIENCE;
use crate::conformance::{Role, Settles, Stage};
use crate::proxy::Weather;

const CONTENT_TYPE: &str = "content-type";
const FROZEN: Duration = Duration::from_secs(4);
/// Publishes whose acknowledgements are awaited together.
const WINDOW: usize = 256;
/// A bare server takes no more in one message.
const LARGEST: usize = 1 << 20;

/// How it is settled as a source.
pub const SETTLES: Settles = Settles {
    connector: "jetstream",
    source: "`nats`, a stream in order",
    done: "the watermark moves; the position in the lease follows within a second, and at the end",
    abandoned: "nothing: read again from the position",
    rejected: "its lane stops; readiness names it",
};

/// One server.
pub struct JetStreamPeer {
    /// The server.
    pub nats: Nats,
}

impl JetStreamPeer {
    /// Starts it.
    pub async fn start() -> Result<Self> {
        Ok(Self { nats: Nats::start().await? })
    }

    async fn context(&self) -> Result<jetstream::Context> {
        Ok(jetstream::new(self.nats.client().await?))
    }
}

#[async_trait(?Send)]
impl Peer for JetStreamPeer {
    fn name(&self) -> &'static str {
        "jetstream"
    }

    fn features(&self) -> Vec<Feature> {
        use Feature::*;
        vec![Durable, Ordered, BinaryBodies, Headers, DuplicateHeaders, SizeLimit, ContentTypes]
    }

    fn faults(&self, _: Role) -> Vec<Fault> {
        Fault::ALL.to_vec()
    }

    fn sections(&self, _: &str) -> Sections {
        let servers: Vec<String> =
            self.nats.urls().iter().map(|url| format!("\"{url}\"")).collect();
        let connections = format!("  broker: {{ nats: {{ servers: [{}] }} }}", servers.join(", "));
        Sections { connections, ..Sections::default() }
    }

    fn from(&self, place: &str, more: &str) -> String {
        format!(
            "{{ nats: {{ connection: broker, stream: {place}, lease: {{ create: true }}{more} }} }}"
        )
    }

    fn to(&self, place: &str) -> String {
        format!(
            "{{ nats: {{ connection: broker, stream: {place}, subject: \"{place}.{{{{ key }}}}\" }} }}"
        )
    }

    async fn create(&mut self, place: &str) -> Result<()> {
        let config = stream::Config {
            name: place.to_owned(),
            subjects: vec![format!("{place}.>")],
            ..Default::default()
        };
        self.context().await?.create_stream(config).await?;
        Ok(())
    }

    async fn put(&self, _: &Stage, place: &str, records: &[Record]) -> Result<()> {
        let context = self.context().await?;
        for piece in records.chunks(WINDOW) {
            let mut acks = Vec::new();
            for record in piece {
                let key = record.key.as_deref().unwrap_or(b"none");
                let subject = format!("{place}.{}", String::from_utf8_lossy(key));
                let mut headers = HeaderMap::new();
                for (name, value) in &record.headers {
                    let text = String::from_utf8_lossy(value.as_deref().unwrap_or_default());
                    headers.append(name.parse::<HeaderName>()?, text.parse::<HeaderValue>()?);
                }
                if let Some(kind) = &record.also.content_type {
                    headers.insert(CONTENT_TYPE, kind.as_str());
                }
                let body = record.payload.clone().unwrap_or_default();
                acks.push(context.publish_with_headers(subject, headers, body).await?);
            }
            for ack in acks {
                ack.await?;
            }
        }
        Ok(())
    }

    async fn take(&self, stage: &Stage, place: &str, least: usize) -> Result<Vec<Record>> {
        let context = self.context().await?;
        let mut stream = context.get_stream(place).await?;
        let mut count = 0;
        stage
            .until("everything is in the stream", async || {
                count = stream.info().await?.state.messages as usize;
                Ok(count >= least)
            })
            .await?;
        let config = consumer::pull::OrderedConfig::default();
        let mut messages = stream.create_consumer(config).await?.messages().await?;
        let mut records = Vec::new();
        while records.len() < count {
            let next = tokio::time::timeout(PATIENCE, messages.next()).await?;
            let message = next.context("the stream has ended")??;
            let headers = message.headers.iter().flat_map(HeaderMap::iter);
            let headers = headers.flat_map(|(name, values)| {
                let one = |value: &HeaderValue| {
                    (name.to_string(), Some(value.as_str().to_owned().into()))
                };
                values.iter().map(one).collect::<Vec<_>>()
            });
            let kind = message.headers.as_ref().and_then(|headers| headers.get(CONTENT_TYPE));
            let content_type = kind.map(|kind| kind.as_str().to_owned());
            records.push(Record {
                also: Also { content_type, ..Also::default() },
                key: message
                    .subject
                    .strip_prefix(&format!("{place}."))
                    .map(|key| key.to_owned().into()),
                headers: headers.collect(),
                payload: Some(message.payload.clone()),
            });
        }
        Ok(records)
    }

    /// The server knows nothing of a reader that acknowledges nothing to it.
    async fn owed(&self, _: &Stage, _: &str) -> Result<Option<u64>> {
        Ok(None)
    }

    async fn strike(&mut self, fault: Fault) -> Result<()> {
        let server = self.nats.servers.first_mut().context("no server")?;
        match fault {
            Fault::PeerKilled => {
                server.child().kill()?;
                tokio::time::sleep(Duration::from_secs(1)).await;
                server.begin()?;
                self.nats.up().await?;
            }
            Fault::PeerFrozen => {
                server.child().pause()?;
                tokio::time::sleep(FROZEN).await;
                server.child().resume()?;
            }
            Fault::Reset | Fault::BlackHole => {
                let weather =
                    if fault == Fault::Reset { Weather::Reset } else { Weather::BlackHole };
                server.proxy.set(weather);
                tokio::time::sleep(FROZEN).await;
                server.proxy.set(Weather::Clear);
            }
            _ => bail!("{fault:?} is not for a peer"),
        }
        Ok(())
    }

    fn largest(&self) -> usize {
        LARGEST
    }
}
