//! Reads a stream or a bucket as a log: in order, from a position of its own, by one process at a time.
//!
//! Nothing is acknowledged to the server. The position is in the entry of a lease; what is settled moves a watermark,
//! and its position is written there about once a second and at each flush. Who does not hold the lease waits for it.

mod open;
mod session;
mod tenure;

use std::cell::RefCell;
use std::rc::Rc;

use async_trait::async_trait;
use hybridge_config::connector::nats::{LeaseConfig, Read, SourceConfig, Start};
use hybridge_core::{
    Assignment, Budget, Error, ErrorKind, Event, Message, Outcome, Place, Tag, Text,
};

use self::open::Open;
use crate::nats::endpoint::Endpoint;
use crate::nats::lease::Lease;
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
    durable: String,
    subjects: Vec<String>,
    start: Start,
    lease: LeaseConfig,
    route: String,
    /// The name under which this source holds the lease: the same after a crash, so that it need not wait for its own
    /// lease to end. Once somebody else has taken it under this name, another one.
    holder: RefCell<String>,
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
        let plan = Plan {
            endpoint: Endpoint::new(config.endpoint.as_ref(), route)?,
            cluster: Text::from(config.connection.as_str()),
            stream,
            bucket,
            durable: super::durable(config, route),
            subjects: config.subjects.clone(),
            start: config.start.clone(),
            lease: config.lease.clone(),
            route: route.to_owned(),
            holder: RefCell::new(holder(instance, route)),
        };
        Ok(Self { plan: Rc::new(plan), uncommitted, open: None })
    }
}

/// Only one process has the storage of an instance; a copy of its folder is on another machine.
fn holder(instance: &str, route: &str) -> String {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{instance}@{}/{route}", machine.trim())
}

impl Plan {
    fn holder(&self) -> String {
        self.holder.borrow().clone()
    }

    /// Is somebody else from now on: another source has the same name.
    fn rename(&self) {
        *self.holder.borrow_mut() = uuid::Uuid::new_v4().to_string();
    }

    fn place(&self, created: &str) -> Place {
        Place {
            connector: Text::from_static("nats"),
            cluster: self.cluster.clone(),
            topic: Text::from(self.stream.as_str()),
            incarnation: Text::from(created),
            partition: 0,
        }
    }

    /// The key of the lease.
    fn key(&self) -> String {
        format!("{}.{}", self.stream, self.durable)
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
        if self.plan.lease.create {
            return Ok(());
        }
        let lease = Lease::open(&self.plan.endpoint, &self.plan.lease, &self.plan.key()).await?;
        lease.close().await;
        Ok(())
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

    async fn close(&mut self) {
        if let Some(open) = self.open.take() {
            open.close().await;
        }
    }
}
