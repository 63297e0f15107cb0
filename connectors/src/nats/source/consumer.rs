//! Reads a stream through a durable consumer that several processes may share; for routes that keep no order.
//!
//! Each message is acknowledged by itself, without waiting for the server. While it is in flight the server is asked
//! for more time; what is abandoned is given back with a delay. A connection that ends is replaced while what is in
//! flight goes on: acknowledgements are good on any connection.

mod open;
pub(super) mod session;

use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use hybridge_config::connector::nats::{SourceConfig, Start};
use hybridge_core::{Assignment, Budget, Error, ErrorKind, Event, Outcome, Place, Tag, Text};

use self::open::Open;
pub(super) use self::open::message;
use crate::nats::endpoint::Endpoint;

/// Reads one stream through one durable consumer.
pub(super) struct Source {
    plan: Rc<Plan>,
    uncommitted: usize,
    open: Option<Open>,
}

/// What the file says about the source.
pub(super) struct Plan {
    pub(super) endpoint: Endpoint,
    pub(super) cluster: Text,
    pub(super) stream: String,
    pub(super) durable: String,
    pub(super) subjects: Vec<String>,
    pub(super) start: Start,
    pub(super) ack_wait: Option<Duration>,
    pub(super) route: String,
}

impl Source {
    pub(super) fn new(
        config: &SourceConfig,
        stream: &str,
        route: &str,
        uncommitted: usize,
    ) -> Result<Self, Error> {
        let plan = Plan {
            endpoint: Endpoint::new(config.endpoint.as_ref(), route)?,
            cluster: Text::from(config.connection.as_str()),
            stream: stream.to_owned(),
            durable: super::durable(config, route),
            subjects: config.subjects.clone(),
            start: config.start.clone(),
            ack_wait: config.ack_wait.map(|wait| wait.get()),
            route: route.to_owned(),
        };
        Ok(Self { plan: Rc::new(plan), uncommitted, open: None })
    }
}

impl Plan {
    /// The sequence that positions of this stream count in.
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

#[async_trait(?Send)]
impl hybridge_core::Source for Source {
    async fn probe(&self) -> Result<(), Error> {
        session::look_up(&self.plan.endpoint, &self.plan.stream).await.map(drop)
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

    fn lag(&self) -> Option<u64> {
        self.open.as_ref().and_then(Open::lag)
    }

    async fn close(&mut self) {
        if let Some(open) = self.open.take() {
            open.close().await;
        }
    }
}
