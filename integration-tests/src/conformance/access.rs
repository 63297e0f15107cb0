//! Logins that are refused or taken away, and brokers that are not trusted: the route is held and says why, nothing is
//! dropped, and everything flows by itself as soon as it is put right.

pub mod amqp;
pub mod kafka;
pub mod nats;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use async_trait::async_trait;

use super::stage::{ROUTE, Stage};
use super::{Role, println};
use crate::authority::{Authority, Identity};
use crate::daemon::Daemon;
use crate::sys::Signal;
use crate::target::Target;

/// The user that the daemon logs in as.
pub const USER: &str = "bridge";
/// The user that tests log in as.
pub const ADMIN: &str = "admin";
/// The password of both, as long as it is not changed.
pub const RIGHT: &str = "a-r1ght-s3cret";
const WRONG: &str = "a-wr0ng-s3cret";
const EACH: usize = 50;
/// How long nothing may pass that must not.
const HELD: Duration = Duration::from_secs(2);

/// A broker that encrypts and asks for a password.
#[async_trait(?Send)]
pub trait Guarded {
    /// As in the table.
    fn name(&self) -> &'static str;

    /// The connection, with this text as password and this file as authority.
    fn connection(&self, password: &str, ca: &Path) -> String;

    /// The source that reads a place, as it is written after `from:`.
    fn from(&self, place: &str) -> String;

    /// The sink that writes there, as it is written after `to:`.
    fn to(&self, place: &str) -> String;

    /// Makes a place that keeps the order of everything.
    async fn create(&self, place: &str) -> Result<()>;

    /// Puts these numbers there.
    async fn put(&self, place: &str, numbers: Range<usize>) -> Result<()>;

    /// Every number that is there.
    async fn taken(&self, place: &str) -> Result<Vec<usize>>;

    /// Takes only this password for [`USER`] from now on, and ends its sessions.
    async fn change_password(&mut self, password: &str) -> Result<()>;
}

/// Certificates of a broker and of somebody else.
pub struct Certificates {
    folder: tempfile::TempDir,
    authority: Authority,
    stranger: Authority,
    /// What the broker shows.
    pub server: Identity,
}

impl Certificates {
    /// Makes them.
    pub fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let authority = Authority::new(folder.path(), "authority")?;
        let stranger = Authority::new(folder.path(), "stranger")?;
        let server = authority.issue("server", &["127.0.0.1", "localhost"])?;
        Ok(Self { folder, authority, stranger, server })
    }

    /// The authority that has signed what the broker shows.
    pub fn ca(&self) -> PathBuf {
        self.authority.ca()
    }

    /// A file beside them.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// The configuration has another password.
    Refused,
    /// The broker takes another one in the middle of the run.
    TakenAway,
    /// The broker's certificate is of another authority.
    NotTrusted,
}

impl Trouble {
    const ALL: [Self; 3] = [Self::Refused, Self::TakenAway, Self::NotTrusted];

    fn name(self) -> &'static str {
        match self {
            Self::Refused => "a password that is refused holds everything until it is right",
            Self::TakenAway => "a password that is changed holds everything until it is back",
            Self::NotTrusted => "a broker that is not trusted gets and gives nothing until it is",
        }
    }
}

/// Runs everything in both roles; what was run must be what `conformance.tsv` has.
pub async fn run(peer: &mut dyn Guarded, certificates: &Certificates) -> Result<()> {
    let mut failures = Vec::new();
    for role in [Role::Source, Role::Sink] {
        let mut names = BTreeSet::new();
        for (number, trouble) in Trouble::ALL.into_iter().enumerate() {
            names.insert(trouble.name().to_owned());
            let place = format!("{}-{number}", role.name());
            let result = play(peer, certificates, role, trouble, &place).await;
            let how = if result.is_ok() { "ok" } else { "FAILED" };
            println(&format!("{} as {}: {}: {how}", peer.name(), role.name(), trouble.name()));
            if let Err(error) = result {
                // What comes next needs the right one.
                peer.change_password(RIGHT).await?;
                failures.push(format!("{}, {}: {error:#}", role.name(), trouble.name()));
            }
        }
        let expected = super::expected(peer.name(), role);
        ensure!(names == expected, "conformance.tsv has {expected:#?} for {}", peer.name());
    }
    ensure!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
    Ok(())
}

async fn play(
    peer: &mut dyn Guarded,
    certificates: &Certificates,
    role: Role,
    trouble: Trouble,
    place: &str,
) -> Result<()> {
    peer.create(place).await?;
    let mut scene = Scene::new(peer, certificates, role, trouble, place).await?;
    scene.stage.daemon.start()?;
    if trouble == Trouble::TakenAway {
        scene.put(peer, 0..EACH).await?;
        scene.arrive(peer, EACH).await?;
        peer.change_password(WRONG).await?;
    }
    let before = scene.arrived(peer).await?.len();
    scene.put(peer, before..before + EACH).await?;
    scene.is_held(trouble).await?;
    tokio::time::sleep(HELD).await;
    ensure!(scene.arrived(peer).await?.len() == before, "something passed");
    let stage = &scene.stage;
    // A target that has had no work for long is no reason, so that takes its time; once is enough.
    if role == Role::Source || trouble == Trouble::TakenAway {
        stage.until("it is not ready", async || Ok(!stage.admin()?.is_ready().await)).await?;
    }
    match trouble {
        Trouble::Refused => {
            std::fs::write(scene.file("password"), RIGHT)?;
            scene.stage.daemon.signal(Signal::HangUp)?;
        }
        Trouble::TakenAway => peer.change_password(RIGHT).await?,
        Trouble::NotTrusted => {
            std::fs::copy(certificates.ca(), scene.file("ca.pem"))?;
        }
    }
    scene.arrive(peer, before + EACH).await?;
    let stage = &scene.stage;
    stage.until("it is ready again", async || Ok(stage.admin()?.is_ready().await)).await?;
    stage.ledger_balances().await?;
    let log = stage.daemon.log();
    ensure!(!log.contains(RIGHT) && !log.contains(WRONG), "a password in the log");
    Ok(())
}

/// A daemon between the broker and a file or a target over HTTP.
struct Scene {
    role: Role,
    place: String,
    stage: Stage,
    target: Target,
}

impl Scene {
    async fn new(
        peer: &dyn Guarded,
        certificates: &Certificates,
        role: Role,
        trouble: Trouble,
        place: &str,
    ) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("hybridge-access-").tempdir()?;
        let file = |name: &str| folder.path().join(name);
        let is_refused = trouble == Trouble::Refused;
        std::fs::write(file("password"), if is_refused { WRONG } else { RIGHT })?;
        let is_strange = trouble == Trouble::NotTrusted;
        let ca = if is_strange { certificates.stranger.ca() } else { certificates.ca() };
        std::fs::copy(ca, file("ca.pem"))?;
        std::fs::write(file("in.txt"), "")?;
        let target = Target::accepting().await?;
        let (from, to) = match role {
            Role::Source => {
                (peer.from(place), format!("{{ http: {{ url: \"http://{}/\" }} }}", target.address))
            }
            Role::Sink => {
                let path = file("in.txt");
                let from = format!(
                    "{{ file: {{ path: \"{}\", format: lines, poll: 50ms }} }}",
                    path.display()
                );
                (from, peer.to(place))
            }
        };
        let password = format!("${{file:{}}}", file("password").display());
        let connection = peer.connection(&password, &file("ca.pem"));
        let config = format!(
            "connections:\n  broker: {connection}\nroutes:\n  {ROUTE}:\n    from: {from}\n    to: {to}\n    retry: {{ initial: 50ms, max: 1s }}\n"
        );
        let daemon = Daemon::new(folder.path(), &config)?;
        let stage = Stage::of(daemon, folder);
        Ok(Self { role, place: place.to_owned(), stage, target })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.stage.daemon.folder().join(name)
    }

    async fn put(&self, peer: &dyn Guarded, numbers: Range<usize>) -> Result<()> {
        if self.role == Role::Source {
            return peer.put(&self.place, numbers).await;
        }
        let mut text = std::fs::read_to_string(self.file("in.txt"))?;
        numbers.for_each(|number| text.push_str(&format!("{number}\n")));
        Ok(std::fs::write(self.file("in.txt"), text)?)
    }

    async fn arrived(&self, peer: &dyn Guarded) -> Result<Vec<usize>> {
        if self.role == Role::Sink {
            return peer.taken(&self.place).await;
        }
        let received = self.target.received();
        let number = |body: &[u8]| anyhow::Ok(std::str::from_utf8(body)?.parse()?);
        received.iter().map(|received| number(&received.body)).collect()
    }

    /// All numbers are there, the first of each in order.
    async fn arrive(&self, peer: &dyn Guarded, count: usize) -> Result<()> {
        let what = format!("{count} have arrived");
        self.stage
            .until(&what, async || {
                let mut next = 0;
                for number in self.arrived(peer).await? {
                    ensure!(number <= next, "{number} came before {next}");
                    next = next.max(number + 1);
                }
                Ok(next == count)
            })
            .await
    }

    /// Red, and it says what to check.
    async fn is_held(&self, trouble: Trouble) -> Result<()> {
        let advice = match trouble {
            Trouble::Refused | Trouble::TakenAway => "check the credentials of the connection",
            Trouble::NotTrusted => "check `tls` of the connection",
        };
        self.stage
            .until(advice, async || {
                let route = self.stage.admin()?.route(ROUTE).await?;
                let reason = route.reason.unwrap_or_default();
                Ok(route.health == "red" && reason.contains(advice))
            })
            .await
    }
}
