//! What each source does with the outcome of a message: the table of `docs/connectors.md`, and the scenarios that confirm it.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::peer::{Feature, Peer, Record};
use super::stage::{ROUTE, Stage};
use super::{Role, Scenario, expected, peer};
use crate::target::{Mode, Received, Target};

const SETTLED: &str = "what is delivered or a dead letter is settled, and what is not comes again";
const ANSWERED: &str = "whoever sends is told what became of it";
const HELD: &str = "a message that nobody takes holds its key, and nothing passes it";
const POISON: &str = "poison";
const DRAIN: Duration = Duration::from_secs(30);

/// What a source does, in words.
#[derive(Clone, Copy, Debug)]
pub struct Settles {
    /// As in `conformance.tsv`.
    pub connector: &'static str,
    /// As in the documentation.
    pub source: &'static str,
    /// With what is delivered, filtered, expired or a dead letter.
    pub done: &'static str,
    /// With what was not delivered when its route or assignment ended.
    pub abandoned: &'static str,
    /// With a permanent fault where there is no dead letter.
    pub rejected: &'static str,
}

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(SETTLED, Role::Source, &[Feature::Durable], |peer, place| {
            Box::pin(settled(peer, place))
        }),
        Scenario::new(ANSWERED, Role::Source, &[Feature::Answers], |peer, place| {
            Box::pin(answered(peer, place))
        }),
    ]
}

async fn target() -> Result<Target> {
    let refusal =
        |received: &Received| (received.body.as_ref() == POISON.as_bytes()).then_some(422);
    Target::start(Duration::ZERO, Box::new(refusal)).await
}

fn route(from: &str, target: &Target, more: &str) -> String {
    format!(
        "    from: {from}
    to: {{ http: {{ url: \"http://{}/\" }} }}
    ordering: key
    retry: {{ initial: 50ms, max: 500ms }}{more}",
        target.address
    )
}

const DEAD_LETTER: &str = "\n    dead_letter: { to: { log: { topic: dead } } }";

async fn settled(peer: &mut dyn Peer, place: String) -> Result<()> {
    peer.create(&place).await?;
    let target = target().await?;
    let route = route(&peer.from(&place, ""), &target, DEAD_LETTER);
    let mut stage = Stage::with(peer, &place, &route, "limits: { drain: 1s }\n")?;
    stage.daemon.start_ready().await?;
    let records = |bodies: &[&'static str]| -> Vec<Record> {
        bodies.iter().map(|body| Record::new(body, *body)).collect()
    };
    peer.put(&stage, &place, &records(&["one", POISON, "two"])).await?;
    let done = async || {
        let counts = stage.admin()?.route(ROUTE).await?.counts;
        Ok((counts.delivered, counts.dead_lettered, counts.in_flight) == (2, 1, 0))
    };
    stage.until("two are delivered, and one is a dead letter", done).await?;
    let nothing = async || Ok(peer.owed(&stage, &place).await?.unwrap_or(0) == 0);
    stage.until("all three are settled", nothing).await?;

    target.set(Mode::Fail(503));
    let before = target.turned_away();
    peer.put(&stage, &place, &records(&["three", "four"])).await?;
    let tried = async || Ok(target.turned_away() >= before + 4);
    stage.until("they are tried", tried).await?;
    let owed = peer.owed(&stage, &place).await?;
    ensure!(owed.is_none_or(|owed| owed == 2), "{owed:?} are owed while two are not delivered");
    stage.daemon.terminate(DRAIN).await?;

    target.set(Mode::Accept);
    stage.daemon.start_ready().await?;
    let four = async || Ok(target.count() >= 4);
    stage.until("what was given back comes again", four).await?;
    let nothing = async || Ok(peer.owed(&stage, &place).await?.unwrap_or(0) == 0);
    stage.until("all are settled", nothing).await?;
    let mut bodies: Vec<String> = target
        .received()
        .iter()
        .map(|received| String::from_utf8_lossy(&received.body).into_owned())
        .collect();
    bodies.sort();
    ensure!(bodies == ["four", "one", "three", "two"], "arrived: {bodies:?}");
    stage.ledger_balances().await
}

async fn answered(peer: &mut dyn Peer, place: String) -> Result<()> {
    peer.create(&place).await?;
    let target = target().await?;
    let from = peer.from(&place, ", timeout: 2s");
    let url = format!("http://{}/", peer.listens().context("no listener")?);
    let client = reqwest::Client::new();
    let post = async |body: &'static str| {
        let answer = client.post(&url).body(body).send().await?;
        let again = answer.headers().contains_key("retry-after");
        anyhow::Ok((answer.status().as_u16(), again))
    };
    let mut stage = Stage::new(peer, &place, &route(&from, &target, DEAD_LETTER))?;
    stage.daemon.start_ready().await?;
    for (body, outcome) in [("one", "delivered"), (POISON, "a dead letter")] {
        let answer = post(body).await?;
        ensure!(answer == (204, false), "{outcome}: {answer:?}");
    }
    target.set(Mode::Fail(503));
    let answer = post("two").await?;
    ensure!(answer == (503, true), "abandoned: {answer:?}");
    stage.daemon.terminate(DRAIN).await?;

    let mut stage = Stage::new(peer, &place, &route(&from, &target, ""))?;
    target.set(Mode::Accept);
    stage.daemon.start_ready().await?;
    let answer = post(POISON).await?;
    ensure!(answer == (422, false), "rejected: {answer:?}");
    Ok(())
}

/// Checks that the table of the documentation is what the peers declare, and that the suite confirms each line of it; with
/// `HYBRIDGE_WRITE_DOCS` in the environment it is written.
pub fn documented() -> Result<()> {
    const FILE: &str = "docs/connectors.md";
    const BEGIN: &str = "<!-- settled -->\n";
    const END: &str = "<!-- end -->";
    let mut table = "| source | delivered, filtered, expired, dead-lettered | abandoned | rejected: permanent, no dead letter |\n|---|---|---|---|\n".to_owned();
    for Settles { connector, source, done, abandoned, rejected } in [
        peer::log::SETTLES,
        peer::file::SETTLES,
        peer::http::SETTLES,
        peer::kafka::SETTLES,
        peer::jetstream::SETTLES,
        peer::amqp::SETTLES,
    ] {
        let scenarios = expected(connector, Role::Source);
        let is_confirmed = scenarios.contains(ANSWERED)
            || (scenarios.contains(SETTLED) && scenarios.contains(HELD));
        ensure!(is_confirmed, "no scenario confirms how {connector} is settled");
        let _ = writeln!(table, "| {source} | {done} | {abandoned} | {rejected} |");
    }
    let path = crate::binary::workspace().join(FILE);
    let page = std::fs::read_to_string(&path).context(FILE)?;
    let (before, rest) = page.split_once(BEGIN).context("no place for the table")?;
    let (written, after) = rest.split_once(END).context("no end of the table")?;
    if std::env::var_os("HYBRIDGE_WRITE_DOCS").is_some() {
        return Ok(std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}"))?);
    }
    ensure!(written == table, "{FILE} is not what the suite confirms:\n{table}");
    Ok(())
}
