//! What every connector must keep, whatever it talks to: one suite that runs each of them against
//! its real peer.
//!
//! A connector says what it can do ([`Feature`]); the suite picks the [`scenarios`](all) that this
//! allows and runs them, as source and as sink, through the real daemon. Which ones must be there
//! stands in `conformance.tsv`, so that a connector cannot quietly promise less.

pub mod access;
mod content;
mod fidelity;
mod flow;
mod peer;
mod settling;
mod stage;
mod stuck;

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use futures_util::future::LocalBoxFuture;

pub use fidelity::check as fidelity;
pub use peer::{Fault, Feature, Peer, Record, amqp, file, http, jetstream, kafka, log};
pub use settling::{Settles, documented as settling};
pub use stage::Stage;

/// Whether a connector gives messages or takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is the source of the route.
    Source,
    /// It is the target of the route.
    Sink,
}

impl Role {
    /// As it stands in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Sink => "sink",
        }
    }
}

/// Something that a connector must do.
pub struct Scenario {
    /// What it shows.
    pub name: String,
    role: Role,
    needs: &'static [Feature],
    fault: Option<Fault>,
    run: Run,
}

type Run = Box<dyn for<'a> Fn(&'a mut dyn Peer, String) -> LocalBoxFuture<'a, Result<()>>>;

impl Scenario {
    fn new(
        name: impl Into<String>,
        role: Role,
        needs: &'static [Feature],
        run: impl for<'a> Fn(&'a mut dyn Peer, String) -> LocalBoxFuture<'a, Result<()>> + 'static,
    ) -> Self {
        Self { name: name.into(), role, needs, fault: None, run: Box::new(run) }
    }

    fn under(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    fn is_for(&self, peer: &dyn Peer, role: Role) -> bool {
        let features = peer.features();
        self.role == role
            && self.needs.iter().all(|need| features.contains(need))
            && self.fault.is_none_or(|fault| peer.faults(role).contains(&fault))
    }
}

/// Every scenario, in the order in which they run.
pub fn all() -> Vec<Scenario> {
    let mut scenarios = flow::scenarios();
    scenarios.extend(content::scenarios());
    scenarios.extend(stuck::scenarios());
    scenarios.extend(settling::scenarios());
    scenarios
}

/// Runs what `peer` can do in `role`. All failures are told together; what was run must be what
/// `conformance.tsv` has for it.
pub async fn run(peer: &mut dyn Peer, role: Role) -> Result<()> {
    let only = std::env::var("HYBRIDGE_SCENARIO").unwrap_or_default();
    let mut names = BTreeSet::new();
    let mut failures = Vec::new();
    for (number, scenario) in all().into_iter().enumerate() {
        if !scenario.is_for(peer, role) {
            continue;
        }
        names.insert(scenario.name.clone());
        if !scenario.name.contains(&only) {
            continue;
        }
        let place = format!("{}-{number}", role.name());
        let started = std::time::Instant::now();
        let result = (scenario.run)(peer, place).await;
        let how = if result.is_ok() { "ok" } else { "FAILED" };
        let took = started.elapsed().as_secs_f32();
        println(&format!(
            "{} as {}: {}: {how} ({took:.1} s)",
            peer.name(),
            role.name(),
            scenario.name
        ));
        if let Err(error) = result {
            failures.push(format!("{}: {error:#}", scenario.name));
        }
    }
    ensure!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
    let expected = expected(peer.name(), role);
    ensure!(
        names == expected,
        "conformance.tsv and what was run differ\nonly in the table: {:?}\nonly run: {:?}",
        expected.difference(&names).collect::<Vec<_>>(),
        names.difference(&expected).collect::<Vec<_>>()
    );
    Ok(())
}

fn println(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// What the table has for a connector.
fn expected(connector: &str, role: Role) -> BTreeSet<String> {
    let table = include_str!("../conformance.tsv");
    let rows = table.lines().filter_map(|line| {
        let mut fields = line.split('\t');
        let matches = fields.next() == Some(connector) && fields.next() == Some(role.name());
        matches.then(|| fields.next().map(str::to_owned)).flatten()
    });
    rows.collect()
}

/// Ids of numbered records, in the order in which they came.
pub fn ids(records: &[Record]) -> Result<Vec<crate::event::Id>> {
    records.iter().map(id).collect()
}

fn id(record: &Record) -> Result<crate::event::Id> {
    let body = record.payload.as_deref().context("a record without a body")?;
    let value: serde_json::Value =
        serde_json::from_slice(body).with_context(|| String::from_utf8_lossy(body).into_owned())?;
    // A sink may write the whole event in structured mode.
    let id = value.get("data").and_then(|data| data.get("id")).or_else(|| value.get("id"));
    id.and_then(serde_json::Value::as_str).context("a body without an id")?.parse()
}
