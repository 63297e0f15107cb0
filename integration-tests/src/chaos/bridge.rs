//! Runs between two real brokers, or from HTTP into one.
//!
//! The brokers are started once and struck in every run; each run has places of its own. Events are
//! put into the source in portions, and while the route moves a portion something is struck.

use std::collections::HashSet;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, bail, ensure};
use fastrand::Rng;

use super::report::{Fault as Struck, Report};
use crate::conformance::{
    Fault, Feature, Peer, Record, Stage, amqp::AmqpPeer, ids, jetstream::JetStreamPeer,
    kafka::KafkaPeer,
};
use crate::daemon::Daemon;
use crate::event::Id;
use crate::journal::Journal;
use crate::oracle;
use crate::producer::{Load, Producer};
use crate::sys::Signal;

const KEYS: u32 = 1_000;
const SIZE: usize = 500;
/// Events that are put at once.
const PORTION: u64 = 8_000;
/// Portions that a route may move before it is caught in the act.
const TRIES: usize = 10;
/// Longer than sessions, acknowledgement time-outs and leases last.
const FROZEN: Duration = Duration::from_secs(8);
const RECOVERY: Duration = Duration::from_secs(120);
const ROUTE: &str = "tested";

/// The systems that a route can lie between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Apache Kafka.
    Kafka,
    /// NATS JetStream.
    JetStream,
    /// RabbitMQ.
    Amqp,
    /// Requests to the daemon; only a source.
    Http,
}

/// A route between two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BridgeKind {
    source: Kind,
    sink: Kind,
    name: &'static str,
}

const KINDS: [BridgeKind; 7] = [
    BridgeKind { source: Kind::Kafka, sink: Kind::Kafka, name: "kafka-kafka" },
    BridgeKind { source: Kind::Kafka, sink: Kind::JetStream, name: "kafka-jetstream" },
    BridgeKind { source: Kind::JetStream, sink: Kind::Kafka, name: "jetstream-kafka" },
    BridgeKind { source: Kind::Kafka, sink: Kind::Amqp, name: "kafka-amqp" },
    BridgeKind { source: Kind::Amqp, sink: Kind::Kafka, name: "amqp-kafka" },
    BridgeKind { source: Kind::JetStream, sink: Kind::Amqp, name: "jetstream-amqp" },
    BridgeKind { source: Kind::Http, sink: Kind::Kafka, name: "http-kafka" },
];

impl FromStr for BridgeKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match KINDS.into_iter().find(|kind| kind.name == name) {
            Some(kind) => Ok(kind),
            None => {
                let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
                bail!("no route {name}: one of {}", names.join(", "))
            }
        }
    }
}

/// The brokers of one kind of route.
pub struct Bridge {
    kind: BridgeKind,
    source: Option<Box<dyn Peer>>,
    sink: Box<dyn Peer>,
}

impl Bridge {
    /// Starts the brokers: two, also where both are of one kind.
    pub async fn start(kind: BridgeKind) -> Result<Self> {
        let source = match kind.source {
            Kind::Http => None,
            other => Some(start(other).await?),
        };
        Ok(Self { kind, source, sink: start(kind.sink).await? })
    }

    /// One run; an error of the harness itself is a failure of the run.
    pub async fn run(&mut self, seed: u64) -> Report {
        let mut report = Report { route: self.kind.name, seed, ..Report::default() };
        if let Err(error) = self.attempt(seed, &mut report).await {
            report.expect(false, || format!("{error:#}"));
        }
        report
    }

    async fn attempt(&mut self, seed: u64, report: &mut Report) -> Result<()> {
        let place = format!("chaos-{seed}");
        self.sink.create(&place).await?;
        if let Some(source) = &mut self.source {
            source.create(&place).await?;
        }
        let listen = crate::ports::free()?;
        let mut stage = self.stage(&place, listen)?;
        stage.daemon.start_ready().await?;
        let result = match self.kind.source {
            Kind::Http => self.requests(seed, &place, listen, &mut stage, report).await,
            _ => self.portions(seed, &place, &mut stage, report).await,
        };
        result.with_context(|| stage.daemon.log_tail())
    }

    fn stage(&self, place: &str, listen: std::net::SocketAddr) -> Result<Stage> {
        let from = match &self.source {
            None => format!("{{ http: {{ listen: \"{listen}\", timeout: 20s }} }}"),
            Some(source) => {
                source.from(place, "").replace("connection: broker", "connection: from")
            }
        };
        let to = self.sink.to(place).replace("connection: broker", "connection: to");
        let mut connections = self.sink.sections(place).connections.replace("  broker:", "  to:");
        if let Some(source) = &self.source {
            let more = source.sections(place).connections.replace("  broker:", "  from:");
            connections = format!("{connections}\n{more}");
        }
        let config = format!(
            "connections:\n{connections}\nlimits: {{ drain: 5s }}\nroutes:\n  {ROUTE}:\n    from: {from}\n    to: {to}\n    ordering: key\n    retry: {{ initial: 20ms, max: 1s }}\n"
        );
        let folder = tempfile::Builder::new().prefix("hybridge-chaos-").tempdir()?;
        let daemon = Daemon::new(folder.path(), &config)?;
        Ok(Stage::of(daemon, folder))
    }

    async fn portions(
        &mut self,
        seed: u64,
        place: &str,
        stage: &mut Stage,
        report: &mut Report,
    ) -> Result<()> {
        let mut rng = Rng::with_seed(seed);
        let journal = Journal::new(seed, KEYS, 0);
        let mut turn = 0;
        for strike in self.draw(&mut rng) {
            let mut caught = false;
            for _ in 0..TRIES {
                self.portion(place, stage, &journal, &mut turn, true).await?;
                caught = busy(stage).await?;
                if caught {
                    break;
                }
            }
            ensure!(caught, "the route is never busy");
            self.strike(strike, place, stage, &mut rng, report).await?;
        }
        self.portion(place, stage, &journal, &mut turn, false).await?;
        let struck = Instant::now();
        let (sent, _) = journal.counts();
        let idle = async || {
            let route = stage.admin()?.route(ROUTE).await?;
            Ok(route.counts.in_flight == 0 && route.lag == Some(0))
        };
        stage.until("it has caught up", idle).await?;
        self.judge(place, stage, &journal, sent, struck, report).await
    }

    /// Puts a portion there; `still` while the daemon stands still, where that does not need it: the route is as fast as
    /// whoever writes, and would be done with it before it is struck.
    async fn portion(
        &self,
        place: &str,
        stage: &Stage,
        journal: &Journal,
        turn: &mut u64,
        still: bool,
    ) -> Result<()> {
        let source = self.source.as_ref().context("no source")?;
        let keys = (0..PORTION).map(|number| ((*turn + number) % u64::from(KEYS)) as u32);
        let ids: Vec<Id> = keys.map(|key| journal.next(key)).collect();
        *turn += PORTION;
        let record = |id: &Id| Record::new(&id.key_text(), id.body(SIZE, false));
        let records: Vec<Record> = ids.iter().map(record).collect();
        let stands = still && source.name() != "http";
        if stands {
            stage.daemon.signal(Signal::Stop)?;
        }
        let put = source.put(stage, place, &records).await;
        if stands {
            stage.daemon.signal(Signal::Continue)?;
        }
        put?;
        ids.into_iter().for_each(|id| journal.accepted(id));
        Ok(())
    }

    async fn requests(
        &mut self,
        seed: u64,
        place: &str,
        listen: std::net::SocketAddr,
        stage: &mut Stage,
        report: &mut Report,
    ) -> Result<()> {
        let mut rng = Rng::with_seed(seed);
        let journal = Arc::new(Journal::new(seed, KEYS, 0));
        let load = Load {
            address: listen,
            path: "/".to_owned(),
            connections: 64,
            keys: KEYS,
            batch: 1,
            size: SIZE,
            events: u64::MAX / 2,
            pause: Duration::from_millis(5),
        };
        let producer = Producer::start(load, journal.clone());
        for strike in self.draw(&mut rng) {
            let before = journal.counts().1;
            let flows = async || Ok(journal.counts().1 > before + 500 && producer.open() > 0);
            stage.until("it flows", flows).await?;
            self.strike(strike, place, stage, &mut rng, report).await?;
        }
        let struck = Instant::now();
        producer.stop();
        producer.finish(RECOVERY).await?;
        let (sent, accepted) = journal.counts();
        ensure!(sent == accepted, "{} were never accepted", sent - accepted);
        self.judge(place, stage, &journal, sent, struck, report).await
    }

    /// The strikes of a run, by the seed: SIGKILL of the daemon in every run, and three others of
    /// all that is possible.
    fn draw(&self, rng: &mut Rng) -> Vec<Strike> {
        use Fault::{BlackHole, DaemonFrozen, DaemonStopped, PeerFrozen, PeerKilled, Reset};
        let mut strikes = vec![Strike::Daemon(DaemonFrozen), Strike::Daemon(DaemonStopped)];
        for fault in [PeerKilled, PeerFrozen, Reset, BlackHole] {
            strikes.push(Strike::Sink(fault));
            if self.source.is_some() {
                strikes.push(Strike::Source(fault));
            }
        }
        if self.kind.source == Kind::Kafka {
            strikes.push(Strike::Members);
            strikes.push(Strike::Members);
        }
        rng.shuffle(&mut strikes);
        strikes.truncate(3);
        strikes.push(Strike::Daemon(Fault::DaemonKilled));
        rng.shuffle(&mut strikes);
        strikes
    }

    async fn strike(
        &mut self,
        strike: Strike,
        place: &str,
        stage: &mut Stage,
        rng: &mut Rng,
        report: &mut Report,
    ) -> Result<()> {
        let counts = stage.admin()?.route(ROUTE).await?.counts;
        report.in_flight_at_fault += counts.in_flight;
        let (in_flight, kind) = (counts.in_flight, strike.name());
        report.faults.push(Struck { kind, in_flight, backlog: 0 });
        match strike {
            Strike::Source(fault) => {
                self.source.as_mut().context("no source")?.strike(fault).await?;
            }
            Strike::Sink(fault) => self.sink.strike(fault).await?,
            Strike::Members => self.members(place, stage, rng).await?,
            Strike::Daemon(Fault::DaemonKilled) => {
                stage.daemon.kill()?;
                stage.daemon.start()?;
            }
            Strike::Daemon(Fault::DaemonStopped) => {
                stage.daemon.terminate(Duration::from_secs(30)).await?;
                stage.daemon.start()?;
            }
            Strike::Daemon(_) => {
                stage.daemon.signal(Signal::Stop)?;
                tokio::time::sleep(FROZEN).await;
                stage.daemon.signal(Signal::Continue)?;
            }
        }
        stage.daemon.live(RECOVERY).await?;
        let difference = stage.admin()?.route(ROUTE).await?.ledger_difference;
        if difference.abs() > report.ledger_difference.abs() {
            report.ledger_difference = difference;
        }
        Ok(())
    }

    /// Two more daemons share the route, come and go, gracefully and not, for some seconds.
    async fn members(&self, place: &str, stage: &Stage, rng: &mut Rng) -> Result<()> {
        let config = std::fs::read_to_string(stage.daemon.config())?;
        let (_, routes) = config.split_once("connections:").context("no connections")?;
        let mut others = Vec::new();
        for _ in 0..2 {
            let folder = tempfile::Builder::new().prefix("hybridge-chaos-").tempdir()?;
            let daemon = Daemon::new(folder.path(), &format!("connections:{routes}"))?;
            others.push(Stage::of(daemon, folder));
        }
        for turn in 0..4 {
            let other = &mut others[turn % 2];
            if other.daemon.pid().is_err() {
                other.daemon.start()?;
            }
            tokio::time::sleep(Duration::from_millis(rng.u64(300..2_000))).await;
            let other = &mut others[rng.usize(0..2)];
            if other.daemon.pid().is_err() {
                continue;
            }
            if rng.bool() {
                other.daemon.kill()?;
            } else {
                let status = other.daemon.terminate(Duration::from_secs(30)).await;
                status.with_context(|| format!("a member of {place}"))?;
            }
        }
        Ok(())
    }

    async fn judge(
        &self,
        place: &str,
        stage: &Stage,
        journal: &Journal,
        sent: u64,
        struck: Instant,
        report: &mut Report,
    ) -> Result<()> {
        let started = Instant::now();
        let mut arrived = Vec::new();
        // What is repeated may arrive before what is missing does, such as what members that were killed had to move.
        loop {
            let different = arrived.iter().collect::<HashSet<_>>().len() as u64;
            if different >= sent || started.elapsed() > RECOVERY {
                break;
            }
            if self.kind.sink == Kind::Amqp {
                // A queue gives everything once.
                let taken = self.sink.take(stage, place, (sent - different) as usize).await?;
                arrived.extend(ids(&taken)?);
            } else {
                arrived = ids(&self.sink.take(stage, place, sent as usize).await?)?;
            }
        }
        report.recovery_ms = struck.elapsed().as_millis() as u64;
        let verdict = oracle::judge(journal, &arrived, &[]);
        report.sent = verdict.sent;
        report.delivered = verdict.delivered;
        report.duplicates = verdict.duplicates;
        report.lost = verdict.lost;
        report.order_violations = verdict.order_violations;
        report.misplaced = verdict.misplaced;
        let difference = stage.admin()?.route(ROUTE).await?.ledger_difference;
        if difference.abs() > report.ledger_difference.abs() {
            report.ledger_difference = difference;
        }
        report.expect(verdict.lost == 0, || format!("{} lost", verdict.lost));
        let ordered = self.sink.features().contains(&Feature::Ordered);
        let violations = verdict.order_violations;
        report.expect(!ordered || violations == 0, || format!("{violations} out of order"));
        report.expect(verdict.misplaced == 0, || format!("{} misplaced", verdict.misplaced));
        report.expect(report.ledger_difference == 0, || "the ledger does not balance".into());
        Ok(())
    }
}

/// Whether the route has something in flight, soon.
async fn busy(stage: &Stage) -> Result<bool> {
    let admin = stage.admin()?;
    let started = Instant::now();
    loop {
        let route = admin.route(ROUTE).await?;
        if route.counts.in_flight > 0 {
            return Ok(true);
        }
        // After a member of its group was killed, a source gets nothing until that one's session is over.
        let limit = if route.lag == Some(0) { Duration::from_millis(500) } else { RECOVERY };
        if started.elapsed() > limit {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[derive(Clone, Copy, Debug)]
enum Strike {
    Daemon(Fault),
    Source(Fault),
    Sink(Fault),
    /// Other members of the group come and go.
    Members,
}

impl Strike {
    fn name(self) -> &'static str {
        match self {
            Self::Daemon(fault) => fault.name(),
            Self::Source(Fault::PeerKilled) => "the source is killed",
            Self::Source(Fault::PeerFrozen) => "the source is frozen",
            Self::Source(Fault::Reset) => "connections to the source are reset",
            Self::Source(_) => "the network to the source swallows everything",
            Self::Sink(Fault::PeerKilled) => "the target is killed",
            Self::Sink(Fault::PeerFrozen) => "the target is frozen",
            Self::Sink(Fault::Reset) => "connections to the target are reset",
            Self::Sink(_) => "the network to the target swallows everything",
            Self::Members => "members come and go",
        }
    }
}

async fn start(kind: Kind) -> Result<Box<dyn Peer>> {
    Ok(match kind {
        Kind::Kafka => Box::new(KafkaPeer::start().await?),
        Kind::JetStream => Box::new(JetStreamPeer::start().await?),
        Kind::Amqp => Box::new(AmqpPeer::start().await?),
        Kind::Http => bail!("http is no target of these runs"),
    })
}
