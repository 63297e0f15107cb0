//! The `nats` connector on real servers.

use anyhow::Result;
use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::{self, Context, stream};
use bytes::Bytes;
use futures_util::StreamExt;
use hybridge_integration_tests::broker::nats::Nats;
use hybridge_integration_tests::daemon::Daemon;
use tempfile::TempDir;

mod access;
mod bridge;
mod buckets;
mod faults;
mod leaders;
mod leased;
mod sharing;

/// A server, a client that goes past the proxy, and a folder.
struct Fixture {
    nats: Nats,
    context: Context,
    folder: TempDir,
}

impl Fixture {
    async fn start() -> Result<Self> {
        Self::of(Nats::start().await?).await
    }

    async fn of(nats: Nats) -> Result<Self> {
        let context = jetstream::new(nats.client().await?);
        Ok(Self { nats, context, folder: tempfile::tempdir()? })
    }

    /// A stream on the subjects below its name in lower case.
    async fn stream(&self, name: &str) -> Result<()> {
        let subjects = vec![format!("{}.>", name.to_lowercase())];
        let config = stream::Config { name: name.to_owned(), subjects, ..Default::default() };
        self.context.create_stream(config).await?;
        Ok(())
    }

    /// Publishes `range` as bodies under `keys` subjects of a stream.
    async fn publish(
        &self,
        stream: &str,
        range: std::ops::Range<usize>,
        keys: usize,
    ) -> Result<()> {
        let mut acks = Vec::new();
        for number in range {
            let subject = format!("{}.{}", stream.to_lowercase(), number % keys);
            acks.push(
                self.context.publish(subject, number.to_string().into()).await?.into_future(),
            );
            if acks.len() == 500 {
                futures_util::future::try_join_all(acks.drain(..)).await?;
            }
        }
        futures_util::future::try_join_all(acks).await?;
        Ok(())
    }

    /// Everything that is in a stream.
    async fn all(&self, name: &str) -> Result<Vec<Stored>> {
        let mut stream = self.context.get_stream(name).await?;
        let count = stream.info().await?.state.messages;
        let config = pull::Config {
            ack_policy: AckPolicy::None,
            deliver_policy: DeliverPolicy::All,
            ..Default::default()
        };
        let consumer = stream.create_consumer(config).await?;
        let mut all = Vec::new();
        while (all.len() as u64) < count {
            let mut batch = consumer.fetch().max_messages(5_000).messages().await?;
            while let Some(message) = batch.next().await {
                let message = message.map_err(|error| anyhow::anyhow!("{error}"))?.message;
                all.push(Stored {
                    subject: message.subject.to_string(),
                    headers: message.headers.unwrap_or_default(),
                    body: message.payload,
                });
            }
        }
        Ok(all)
    }

    async fn count(&self, stream: &str) -> Result<u64> {
        Ok(self.context.get_stream(stream).await?.info().await?.state.messages)
    }

    /// A daemon with one connection, `nats`, and these routes.
    fn daemon(&self, routes: &str) -> Result<Daemon> {
        self.daemon_in("daemon", routes)
    }

    fn daemon_in(&self, name: &str, routes: &str) -> Result<Daemon> {
        let servers = self.nats.urls();
        let config = format!(
            "connections: {{ nats: {{ nats: {{ servers: {servers:?} }} }} }}\nroutes:\n{routes}"
        );
        Daemon::new(&self.folder.path().join(name), &config)
    }
}

/// A message as a client sees it.
struct Stored {
    subject: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Stored {
    fn number(&self) -> usize {
        String::from_utf8_lossy(&self.body).parse().unwrap_or(usize::MAX)
    }
}

/// The numbers in the bodies, sorted, and how many there were.
fn numbers(all: &[Stored]) -> Vec<usize> {
    let mut numbers: Vec<usize> = all.iter().map(Stored::number).collect();
    numbers.sort_unstable();
    numbers
}
