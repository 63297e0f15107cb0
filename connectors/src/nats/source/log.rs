//! Reads a stream or a bucket as a log: in order, from a position of its own, by one process at a time.
//!
//! Nothing is acknowledged to the server. The position is in the entry of a lease; what is settled moves a watermark,
//! and its position is written there about once a second and at each flush. Who does not hold the lease waits for it.

mod claim;
mod open;
mod session;

use std::rc::Rc;

use async_trait::async_trait;
use hybridge_config::connector::nats::{Read, SourceConfig, Start};
use hybridge_core::{
    Assignment, Budget, Error, ErrorKind, Event, Message, Outcome, Place, Tag, Text,
};

use self::open::Open;
use crate::nats::endpoint::Endpoint;
use crate::nats::lease::Terms;
use crate::nats::source::consumer::session::look_up;

/// Reads one stream.
pub(super) struct Source {
    plan: Rc<Plan>,
    uncommitted: usize,
    open: Option<Open>,
}

/// What the file says about the source.
pub(super) struct Plan {
    endpoint: Endpoint,
    cluster: Text,
    stream: String,
    /// What subjects begin with that are keys of a bucket.
    bucket: Option<String>,
    subjects: Vec<String>,
    start: Start,
    lease: Rc<Terms>,
    route: String,
}

impl Source {
    pub(super) fn new(
        config: &SourceConfig,
        route: &str,
        uncommitted: usize,
        instance: &str,
    ) -> Result<Self, Error> {
        let (stream, bucket) = match config.read() {
            Read::Kv(bucket) => (format!("KV_{bucket}"), Some(format!("$KV.{bucket}."))),
            Read::Stream(stream) => (stream.to_owned(), None),
            Read::Core => return Err(Error::new(ErrorKind::Fatal, "core NATS has no log")),
        };
        let key = format!("{stream}.{}", super::durable(config, route));
        let endpoint = Endpoint::new(config.endpoint.as_ref(), route)?;
        let plan = Plan {
            endpoint: Endpoint::new(config.endpoint.as_ref(), route)?,
            cluster: Text::from(config.connection.as_str()),
            stream,
            bucket,
            subjects: config.subjects.clone(),
            start: config.start.clone(),
            lease: Rc::new(Terms::new(endpoint, config.lease.clone(), &key, route, instance)),
            route: route.to_owned(),
        };
        Ok(Self { plan: Rc::new(plan), uncommitted, open: None })
    }
}

impl Plan {
    fn place(&self, created: &str) -> Place {
        Place {
            connector: Text::from_static("nats"),
            cluster: self.cluster.clone(),
            topic: Text::from(self.stream.as_str()),
            incarnation: Text::from(created),
            partition: 0,
        }
    }
}

/// A message of a bucket: its key without what every subject of the bucket begins with, and no body where the key was
/// deleted.
fn as_entry(prefix: &str, message: &mut Message) {
    if let Some(key) = &mut message.key
        && key.starts_with(prefix.as_bytes())
    {
        *key = key.slice(prefix.len()..);
    }
    let operation = message.headers.get("KV-Operation");
    if operation.is_some_and(|operation| matches!(&operation[..], b"DEL" | b"PURGE")) {
        message.payload = None;
    }
}

#[async_trait(?Send)]
impl hybridge_core::Source for Source {
    async fn probe(&self) -> Result<(), Error> {
        self.plan.check(&look_up(&self.plan.endpoint, &self.plan.stream).await?)?;
        self.plan.lease.probe().await
    }

    async fn connect(&mut self, budget: Budget) -> Result<(), Error> {
        self.open = Some(Open::connect(self.plan.clone(), budget, self.uncommitted).await?);
        Ok(())
    }

    async fn next(&mut self) -> Result<Event, Error> {
        let Some(open) = &mut self.open else {
            return Err(Error::new(ErrorKind::Fatal, "the nats source is not connected"));
        };
        open.next().await
    }

    fn settle(&mut self, settled: &[(Tag, Outcome)]) {
        if let Some(open) = &mut self.open {
            open.settle(settled);
        }
    }

    fn flush(&mut self) {
        if let Some(open) = &mut self.open {
            open.flush();
        }
    }

    fn release(&mut self, assignment: &Assignment) {
        if let Some(open) = &mut self.open {
            open.release(assignment);
        }
    }

    fn stop(&mut self) {
        if let Some(open) = &mut self.open {
            open.stop();
        }
    }

    fn position(&self) -> Vec<(Assignment, u64)> {
        self.open.as_ref().map_or_else(Vec::new, Open::positions)
    }

    fn lag(&self) -> Option<u64> {
        self.open.as_ref().and_then(Open::lag)
    }

    fn waits_for(&self) -> Option<String> {
        self.open.as_ref().and_then(Open::waits_for)
    }

    async fn close(&mut self) {
        if let Some(open) = self.open.take() {
            open.close().await;
        }
    }
}
