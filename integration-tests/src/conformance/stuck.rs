//! What cannot go on waits, is said, and goes on by itself.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::peer::{Feature, Peer, Record};
use super::stage::{ROUTE, Stage};
use super::{Role, Scenario};
use crate::process;
use crate::target::{Mode, Target};

const MEMORY_MIB: u64 = 48;
const LARGE: usize = 64 << 10;
/// Twice the memory.
const MANY: usize = 1_536;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "a target that hangs holds memory, and everything arrives afterwards",
            Role::Source,
            &[Feature::Durable],
            |peer, place| Box::pin(a_target_that_hangs(peer, place)),
        ),
        Scenario::new(
            "a message that nobody takes holds its key, and nothing passes it",
            Role::Source,
            &[Feature::Durable, Feature::Ordered],
            |peer, place| Box::pin(a_message_that_nobody_takes(peer, place)),
        ),
    ]
}

async fn a_target_that_hangs(peer: &mut dyn Peer, place: String) -> Result<()> {
    peer.create(&place).await?;
    let target = Target::accepting().await?;
    target.set(Mode::Fail(503));
    let route = format!(
        "    from: {}
    to: {{ http: {{ url: \"http://{}/\" }} }}
    retry: {{ initial: 50ms, max: 500ms }}",
        peer.from(&place, ""),
        target.address
    );
    let limits = format!("limits: {{ memory: {MEMORY_MIB}MiB }}\n");
    let mut stage = Stage::with(peer, &place, &route, &limits)?;
    stage.daemon.start_ready().await?;
    let idle = process::resident(stage.daemon.pid()?)?.now;
    let record = |number: usize| {
        let mut body = format!("{number:08}").into_bytes();
        body.resize(LARGE, b'x');
        Record::new(&format!("k{}", number % 50), body)
    };
    let records: Vec<Record> = (0..MANY).map(record).collect();
    peer.put(&stage, &place, &records).await?;
    let refused = async || Ok(target.turned_away() > 20);
    stage.until("the target refuses", refused).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let peak = process::resident(stage.daemon.pid()?)?.peak;
    let most = idle + (MEMORY_MIB << 20) * 12 / 10;
    ensure!(peak <= most, "{} MiB were in use, {} MiB idle", peak >> 20, idle >> 20);
    target.set(Mode::Accept);
    let all = async || {
        let received = target.received();
        let different: std::collections::HashSet<&[u8]> =
            received.iter().map(|received| &received.body[..8]).collect();
        Ok(different.len() == MANY)
    };
    stage.until("everything has arrived", all).await?;
    stage.ledger_balances().await
}

/// Without a dead letter a permanent fault is held: later messages of its key wait, others go on
/// as far as their partition may be read, and readiness says so.
async fn a_message_that_nobody_takes(peer: &mut dyn Peer, place: String) -> Result<()> {
    peer.create(&place).await?;
    let refusal =
        |received: &crate::target::Received| (received.body.as_ref() == b"poison").then_some(422);
    let target = Target::start(Duration::ZERO, Box::new(refusal)).await?;
    let route = format!(
        "    from: {}
    to: {{ http: {{ url: \"http://{}/\" }} }}
    ordering: key
    retry: {{ initial: 50ms, max: 200ms }}",
        peer.from(&place, ""),
        target.address
    );
    let mut stage = Stage::new(peer, &place, &route)?;
    stage.daemon.start_ready().await?;
    let mut records = vec![Record::new("stuck", "before"), Record::new("stuck", "poison")];
    records.extend((0..20).map(|number| Record::new("stuck", format!("after-{number}"))));
    peer.put(&stage, &place, &records).await?;
    let refused = async || Ok(target.turned_away() > 0);
    stage.until("it is refused", refused).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let received: Vec<_> = target.received().into_iter().map(|received| received.body).collect();
    ensure!(received == ["before"], "passed it: {received:?}");
    let counts = stage.admin()?.route(ROUTE).await?.counts;
    ensure!((counts.delivered, counts.dead_lettered) == (1, 0), "{counts:?}");
    ensure!(!stage.admin()?.is_ready().await, "it says that it is ready");
    stage.ledger_balances().await
}
