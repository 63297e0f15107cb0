//! What a run strikes: a daemon with one route under test, what feeds it and what it feeds.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Error, Result, bail};
use tempfile::TempDir;

use super::feed::Feed;
use super::history::History;
use super::{KEYS, POISON_PER_MILLE};
use crate::admin::Route;
use crate::daemon::Daemon;
use crate::disk::Disk;
use crate::event::Id;
use crate::journal::Journal;
use crate::producer::Load;
use crate::target::{Mode, Target};
use crate::{ports, topic};

/// The routes that can be struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteKind {
    /// From HTTP into the embedded log.
    HttpLog,
    /// From the embedded log to an HTTP target.
    LogHttp,
    /// From one topic to another.
    LogLog,
    /// From a growing file into the embedded log.
    FileLog,
}

impl RouteKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::HttpLog => "http-log",
            Self::LogHttp => "log-http",
            Self::LogLog => "log-log",
            Self::FileLog => "file-log",
        }
    }
}

impl RouteKind {
    /// The pause of a feed that gives some thousand events a second.
    pub(super) fn fast(self) -> Duration {
        match self {
            Self::HttpLog => Duration::from_millis(8),
            Self::LogHttp => Duration::from_millis(250),
            Self::LogLog => Duration::from_millis(100),
            Self::FileLog => Duration::from_millis(60),
        }
    }

    /// The same once enough was sent, until all strikes are done.
    pub(super) fn slow(self) -> Duration {
        self.fast() * 5
    }
}

impl FromStr for RouteKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let kinds = [Self::HttpLog, Self::LogHttp, Self::LogLog, Self::FileLog];
        match kinds.into_iter().find(|kind| kind.name() == name) {
            Some(kind) => Ok(kind),
            None => bail!("no route {name}: one of http-log, log-http, log-log, file-log"),
        }
    }
}

const DISK_MEBIBYTES: u64 = 192;
const SIZE: usize = 500;
const TARGET_PACE: Duration = Duration::from_millis(2);
pub(super) const UNDER_TEST: &str = "struck";

/// Everything of one run but its plan.
pub(super) struct Fixture {
    pub(super) daemon: Daemon,
    pub(super) target: Option<Target>,
    pub(super) disk: Option<Disk>,
    pub(super) journal: Arc<Journal>,
    pub(super) history: History,
    kind: RouteKind,
    ingress: std::net::SocketAddr,
    subscribe: std::net::SocketAddr,
    file: PathBuf,
    // Last, so that it outlives the mount in it.
    _folder: TempDir,
}

impl Fixture {
    pub(super) async fn new(kind: RouteKind, seed: u64) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("hybridge-chaos-").tempdir()?;
        let disk = Disk::mount(&folder.path().join("disk"), DISK_MEBIBYTES).ok();
        let target = match kind {
            RouteKind::LogHttp => Some(poison_refusing_target().await?),
            _ => None,
        };
        let (ingress, subscribe) = (ports::free()?, ports::free()?);
        let file = folder.path().join("events.jsonl");
        let under_test = match kind {
            RouteKind::HttpLog => {
                format!("    from: {{ http: {{ listen: \"{ingress}\" }} }}\n{TO_LOG}")
            }
            RouteKind::LogLog => format!("    from: {{ log: {{ topic: in }} }}\n{SLOWLY}{TO_LOG}"),
            RouteKind::FileLog => format!(
                "    from: {{ file: {{ path: \"{}\", poll: 20ms, max_message: 64KiB }} }}\n{SLOWER}{TO_LOG}",
                file.display()
            ),
            RouteKind::LogHttp => format!(
                "    from: {{ log: {{ topic: in }} }}\n    to: {{ http: {{ url: \"http://{}/\" }} }}\n",
                target.as_ref().context("no target")?.address
            ),
        };
        let mut config = format!(
            "subscribe: {{ listen: \"{subscribe}\" }}\n{TOPICS}routes:\n  {UNDER_TEST}:\n{under_test}\
             \x20   dead_letter: {{ to: {{ log: {{ topic: dead }} }} }}\n    retry: {{ initial: 20ms, max: 1s }}\n"
        );
        if matches!(kind, RouteKind::LogHttp | RouteKind::LogLog) {
            config.push_str(&format!(
                "  feed:\n    from: {{ http: {{ listen: \"{ingress}\" }} }}\n    to: {{ log: {{ topic: in }} }}\n"
            ));
        }
        let storage = folder.path().join("disk/storage");
        let daemon = Daemon::with_storage(folder.path(), &storage, &config)?;
        let journal = Arc::new(Journal::new(seed, KEYS, POISON_PER_MILLE));
        let history = History::start(daemon.admin()?);
        Ok(Self {
            daemon,
            target,
            disk,
            journal,
            history,
            kind,
            ingress,
            subscribe,
            file,
            _folder: folder,
        })
    }

    /// Which route is under test.
    pub(super) fn kind(&self) -> RouteKind {
        self.kind
    }

    /// Starts what gives events.
    pub(super) fn feed(&self) -> Result<Feed> {
        let journal = self.journal.clone();
        match self.kind {
            RouteKind::FileLog => Feed::file(&self.file, KEYS, SIZE, self.kind.fast(), journal),
            kind => {
                let batch = if kind == RouteKind::HttpLog { 1 } else { 15 };
                let load = Load {
                    address: self.ingress,
                    path: "/".to_owned(),
                    connections: 64,
                    keys: KEYS,
                    batch,
                    size: SIZE,
                    events: u64::MAX / 2,
                    pause: self.kind.fast(),
                };
                Ok(Feed::http(load, journal))
            }
        }
    }

    /// What the route under test says of itself.
    pub(super) async fn route(&self) -> Result<Route> {
        self.daemon.admin()?.route(UNDER_TEST).await
    }

    /// The greatest difference of any ledger.
    pub(super) async fn ledger_difference(&self) -> Result<i64> {
        let metrics = self.daemon.admin()?.metrics().await?;
        let differences =
            metrics.0.iter().filter(|sample| sample.name == "hybridge_ledger_difference");
        let worst = differences.map(|sample| sample.value as i64).max_by_key(|value| value.abs());
        worst.context("no ledger difference in /metrics")
    }

    /// Starts the daemon again after a kill.
    pub(super) async fn restart(&mut self) -> Result<()> {
        self.daemon.start()?;
        self.daemon.live(Duration::from_secs(30)).await?;
        self.history.restarted();
        Ok(())
    }

    pub(super) fn fill_disk(&self) -> Result<()> {
        self.disk.as_ref().context("no disk of its own")?.fill()
    }

    pub(super) fn free_disk(&self) -> Result<()> {
        self.disk.as_ref().context("no disk of its own")?.free()
    }

    /// The target answers so for a while.
    pub(super) async fn target_does(&self, mode: Mode, lasts: Duration) {
        if let Some(target) = &self.target {
            target.set(mode);
            tokio::time::sleep(lasts).await;
            target.set(Mode::Accept);
        }
    }

    /// Ids at the target, in order of arrival.
    pub(super) async fn arrived(&self) -> Result<Vec<Id>> {
        let Some(target) = &self.target else { return self.topic("out").await };
        let received = target.received();
        received
            .iter()
            .map(|request| request.head.get("ce-id").context("a request without ce-id")?.parse())
            .collect()
    }

    /// Ids among the dead letters, in order of arrival.
    pub(super) async fn dead_letters(&self) -> Result<Vec<Id>> {
        self.topic("dead").await
    }

    async fn topic(&self, name: &str) -> Result<Vec<Id>> {
        let base = format!("http://{}", self.subscribe);
        let count = self.daemon.admin()?.topic(name).await?.records();
        let events = topic::read(&base, name, count, Duration::from_secs(10)).await?;
        events
            .iter()
            .map(|event| event["id"].as_str().with_context(|| event.to_string())?.parse())
            .collect()
    }

    /// How many messages wait at the source of the route under test, as the route itself says where it can.
    pub(super) fn backlog(&self, feed: &Feed, route: &Route) -> u64 {
        match self.kind {
            RouteKind::HttpLog => feed.open(),
            RouteKind::LogHttp | RouteKind::LogLog | RouteKind::FileLog => route.lag.unwrap_or(0),
        }
    }

    /// Most messages that a crash right now may repeat at the target: what was taken and is not
    /// committed, and what the producer has open, since nobody else remembers that.
    pub(super) async fn uncommitted(&self, feed: &Feed) -> Result<u64> {
        Ok(match self.kind {
            RouteKind::HttpLog => feed.open(),
            RouteKind::LogHttp | RouteKind::LogLog => {
                let unread = self.route().await?.lag.unwrap_or(0);
                let topic = self.daemon.admin()?.topic("in").await?;
                let read = topic.records().saturating_sub(unread);
                read.saturating_sub(topic.committed(UNDER_TEST))
                    + self.history.margin()
                    + feed.open()
            }
            RouteKind::FileLog => self.history.uncommitted() + self.history.margin(),
        })
    }

    /// Whether so many events can have arrived, duplicates counted.
    pub(super) async fn may_have(&self, sent: u64) -> Result<bool> {
        let admin = self.daemon.admin()?;
        let arrived = match &self.target {
            Some(target) => target.count(),
            None => admin.topic("out").await?.records(),
        };
        Ok(arrived + admin.topic("dead").await?.records() >= sent)
    }

    /// What the daemon says of itself, and the end of its log without what is expected there.
    pub(super) async fn diagnosis(&self) -> String {
        let routes = match self.daemon.admin() {
            Ok(admin) => admin.routes().await.map_or_else(|e| format!("{e:#}"), |r| r.to_string()),
            Err(error) => error.to_string(),
        };
        let log = self.daemon.log();
        let lines: Vec<&str> =
            log.lines().filter(|line| !line.contains("message is a dead letter")).collect();
        format!("{routes}\n{}", lines[lines.len().saturating_sub(20)..].join("\n"))
    }
}

/// One partition order for each key, several partitions.
const TOPICS: &str = "topics: { in: { partitions: 4 }, out: { partitions: 3 } }\n";
/// A poisoned event has no customer, which is a permanent fault of that event.
const TO_LOG: &str = "    transform: [ { map: { set: { \"event.customer\": \"{{ event.data.customer }}\" } } } ]\n    to: { log: { topic: out } }\n";
/// Small batches, so that a fast route still has a backlog when it is struck.
const SLOWLY: &str = "    limits: { in_flight: 4MiB, lanes: 4 }\n";

/// Smaller ones, since lines wait in no broker that could be slow to give them.
const SLOWER: &str = "    limits: { in_flight: 256KiB, lanes: 4 }\n";

async fn poison_refusing_target() -> Result<Target> {
    let refusal = |received: &crate::target::Received| {
        let poisoned = received.body.windows(10).any(|window| window == b"\"poisoned\"");
        poisoned.then_some(422)
    };
    Target::start(TARGET_PACE, Box::new(refusal)).await
}
