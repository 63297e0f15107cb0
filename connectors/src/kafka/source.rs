//! Reads topics as a member of a consumer group.
//!
//! The reader is a thread that owns the consumer: it polls it, answers its rebalances, reads each partition from a queue of
//! its own and commits. The worker that the route runs on takes deliveries from the desk that both share and puts outcomes
//! there. Nothing here waits for the other side.

mod context;
mod desk;
mod partition;
mod reader;
mod start;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hybridge_config::connector::kafka::{GroupProtocol, Isolation, SourceConfig};
use hybridge_core::{Assignment, Budget, Error, ErrorKind, Event, Outcome, Tag, Text};
use rdkafka::ClientConfig;
use tokio::sync::oneshot;

use self::desk::Desk;
use self::reader::Reader;
use self::start::Policy;
use super::client;
use super::token::Tokens;

/// How long a reader may take to leave its group before it is left alone.
const LEAVING: Duration = Duration::from_secs(8);
/// The session time-out where the configuration has none: that of the client library.
const SESSION: Duration = Duration::from_secs(45);

/// Reads the topics of one route.
pub struct Source {
    plan: Plan,
    uncommitted: usize,
    open: Option<Open>,
}

struct Open {
    desk: Arc<Desk>,
    /// Fails once the thread has ended.
    ended: oneshot::Receiver<()>,
}

/// What a reader is made from.
#[derive(Clone)]
struct Plan {
    connection: Arc<hybridge_config::connector::kafka::ConnectionConfig>,
    tokens: Option<Arc<Tokens>>,
    client: ClientConfig,
    /// The name of the connection: what the cluster is called where it has no name for itself.
    name: String,
    topics: Vec<String>,
    group: String,
    /// The member is static only so that a crash costs the group nothing: it leaves when it is told to end.
    leaves: bool,
    route: String,
    policy: Policy,
    /// How long an assignment that is taken away may drain.
    drain: Duration,
    max_message: u64,
}

impl Source {
    /// A source for `route`, whose name is the group's where the configuration has none, in the process `instance`. At most
    /// `uncommitted` deliveries of each partition are given out and not behind its watermark.
    ///
    /// # Errors
    /// [`Fatal`](ErrorKind::Fatal) when the connection is not there, or the start time is none.
    pub fn new(
        config: &SourceConfig,
        route: &str,
        instance: &Text,
        uncommitted: usize,
    ) -> Result<Self, Error> {
        let connection = config.endpoint.clone().ok_or_else(|| {
            Error::new(ErrorKind::Fatal, format!("no connection `{}`", config.connection))
        })?;
        let group = config.group.clone().unwrap_or_else(|| route.to_owned());
        let session = config.session_timeout.map_or(SESSION, |timeout| timeout.get());
        let mut client = consumer(config, &connection, &group);
        let leaves =
            config.instance_id.is_none() && config.group_protocol == GroupProtocol::Classic;
        if leaves {
            // The process that comes back after a crash is known to the group, which need not wait until the one that died
            // is given up.
            client.set("group.instance.id", format!("{instance}.{route}"));
        }
        let plan = Plan {
            client,
            leaves,
            tokens: Tokens::of(&connection),
            connection,
            name: config.connection.clone(),
            topics: config.topics.clone(),
            group,
            route: route.to_owned(),
            policy: Policy::new(&config.start, config.on_lost_position)?,
            drain: session.mul_f64(0.75),
            max_message: config.max_message.as_usize() as u64,
        };
        Ok(Self { plan, uncommitted, open: None })
    }
}

/// What the consumer is configured with, but the sizes of its queues.
fn consumer(
    config: &SourceConfig,
    connection: &hybridge_config::connector::kafka::ConnectionConfig,
    group: &str,
) -> ClientConfig {
    let mut client = client::config(connection);
    client.set("group.id", group);
    client.set("enable.auto.commit", "false");
    client.set("enable.auto.offset.store", "false");
    client.set("auto.offset.reset", "error");
    // A queue that was full a moment ago is asked for again at once: the default of a second starves the route.
    client.set("fetch.queue.backoff.ms", "10");
    let isolation = match config.isolation {
        Isolation::ReadCommitted => "read_committed",
        Isolation::ReadUncommitted => "read_uncommitted",
    };
    client.set("isolation.level", isolation);
    match config.group_protocol {
        GroupProtocol::Classic => {
            client.set("partition.assignment.strategy", "cooperative-sticky");
            if let Some(timeout) = config.session_timeout {
                let millis = timeout.get().as_millis();
                client.set("session.timeout.ms", millis.to_string());
                client.set("heartbeat.interval.ms", (millis / 10).clamp(100, 3_000).to_string());
            }
        }
        GroupProtocol::Consumer => {
            client.set("group.protocol", "consumer");
        }
    }
    if let Some(instance) = &config.instance_id {
        client.set("group.instance.id", instance);
    }
    client::apply(&mut client, &config.options);
    client
}

#[async_trait(?Send)]
impl hybridge_core::Source for Source {
    async fn probe(&self) -> Result<(), Error> {
        let plan = self.plan.clone();
        // It waits for the cluster, so it must not be done where others run.
        let looking = tokio::task::spawn_blocking(move || Reader::look(&plan));
        looking.await.map_err(|_| Error::transient("the probe panicked"))?
    }

    async fn connect(&mut self, budget: Budget) -> Result<(), Error> {
        let desk = Arc::new(Desk::new(self.uncommitted));
        let (up, connected) = oneshot::channel();
        let (alive, ended) = oneshot::channel();
        let (plan, shared) = (self.plan.clone(), desk.clone());
        let thread = std::thread::Builder::new().name("kafka-reader".to_owned());
        let started = thread.spawn(move || {
            let _alive: oneshot::Sender<()> = alive;
            Reader::live(&plan, budget, &shared, up);
        });
        started.map_err(|error| Error::with_source(ErrorKind::Transient, "no thread", error))?;
        self.open = Some(Open { desk, ended });
        connected.await.unwrap_or_else(|_| Err(gone()))
    }

    async fn next(&mut self) -> Result<Event, Error> {
        let Some(open) = &mut self.open else {
            return Err(Error::new(ErrorKind::Fatal, "kafka is not connected"));
        };
        tokio::select! {
            biased;
            event = open.desk.next() => event,
            _ = &mut open.ended => Err(gone()),
        }
    }

    fn settle(&mut self, settled: &[(Tag, Outcome)]) {
        if let Some(open) = &self.open {
            open.desk.settle(settled);
        }
    }

    fn flush(&mut self) {
        if let Some(open) = &self.open {
            open.desk.order(|orders| orders.flush = true);
        }
    }

    fn release(&mut self, assignment: &Assignment) {
        if let Some(open) = &self.open {
            open.desk.order(|orders| orders.released.push(assignment.id()));
        }
    }

    fn stop(&mut self) {
        if let Some(open) = &self.open {
            open.desk.order(|orders| orders.stop = true);
        }
    }

    fn position(&self) -> Vec<(Assignment, u64)> {
        self.open.as_ref().map_or_else(Vec::new, |open| open.desk.positions())
    }

    fn lag(&self) -> Option<u64> {
        self.open.as_ref()?.desk.lag()
    }

    fn waits_for(&self) -> Option<String> {
        let open = self.open.as_ref()?;
        let has_none = open.desk.positions().is_empty();
        has_none.then(|| format!("partitions of the group `{}`", self.plan.group))
    }

    async fn close(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        open.desk.order(|orders| orders.close = true);
        if tokio::time::timeout(LEAVING, &mut open.ended).await.is_err() {
            tracing::warn!(group = self.plan.group, "the group is not left in time");
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if let Some(open) = &self.open {
            open.desk.order(|orders| orders.close = true);
        }
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::Disconnected, "the reader of the group has ended")
}
