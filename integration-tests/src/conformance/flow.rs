//! Nothing is lost and no key loses its order, whatever fails meanwhile.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::peer::{Fault, Feature, Peer, Record};
use super::stage::{PATIENCE, ROUTE, Stage};
use super::{Role, Scenario, ids};
use crate::event::Id;
use crate::journal::Journal;
use crate::producer::{Load, Producer};
use crate::sys::Signal;
use crate::target::Target;
use crate::{oracle, ports};

const KEYS: u32 = 40;
const EVENTS: u32 = 2_000;
const SIZE: usize = 300;
/// So many have gone through when the fault strikes.
const UNDER_WAY: u64 = 300;
const PACE: Duration = Duration::from_millis(5);
const FROZEN: Duration = Duration::from_secs(3);
const DRAIN: Duration = Duration::from_secs(30);

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for fault in Fault::ALL {
        let name = format!("nothing is lost when {}", fault.name());
        let source = Scenario::new(name.clone(), Role::Source, &[], move |peer, place| {
            Box::pin(from_peer(peer, place, fault))
        });
        let sink = Scenario::new(name, Role::Sink, &[], move |peer, place| {
            Box::pin(to_peer(peer, place, fault))
        });
        scenarios.extend([source.under(fault), sink.under(fault)]);
    }
    scenarios
}

/// Numbered records, each key in turn.
fn numbered(journal: &Journal, count: u32) -> (Vec<Id>, Vec<Record>) {
    let ids: Vec<Id> = (0..count).map(|number| journal.next(number % KEYS)).collect();
    let record = |id: &Id| Record::new(&id.key_text(), id.body(SIZE, false));
    let records = ids.iter().map(record).collect();
    (ids, records)
}

async fn from_peer(peer: &mut dyn Peer, place: String, fault: Fault) -> Result<()> {
    peer.create(&place).await?;
    let target = Target::start(PACE, Box::new(|_| None)).await?;
    let route = format!(
        "    from: {}
    to: {{ http: {{ url: \"http://{}/\", max_in_flight: 16, timeout: 5s }} }}
    ordering: key
    retry: {{ initial: 20ms, max: 1s }}",
        peer.from(&place, ""),
        target.address
    );
    let mut stage = Stage::with(peer, &place, &route, "limits: { drain: 10s }\n")?;
    let journal = Journal::new(1, KEYS, 0);
    let (ids_sent, records) = numbered(&journal, EVENTS);
    let durable = peer.features().contains(&Feature::Durable);
    stage.daemon.start_ready().await?;
    let half = if durable { records.len() / 2 } else { 0 };
    peer.put(&stage, &place, &records[..half]).await?;
    if durable {
        stage.until("it flows", async || Ok(target.count() >= UNDER_WAY)).await?;
        strike(peer, &mut stage, fault).await?;
        peer.put(&stage, &place, &records[half..]).await?;
    } else {
        // Nobody but the sender has the messages: it sends while the fault strikes.
        struck_while_sending(peer, &mut stage, &place, &records, &target, fault).await?;
    }
    ids_sent.iter().for_each(|id| journal.accepted(*id));
    let all = async || {
        let arrived = ids_of(&target)?;
        let different: std::collections::HashSet<&Id> = arrived.iter().collect();
        Ok(different.len() == EVENTS as usize)
    };
    stage.until("everything has arrived", all).await?;
    let verdict = oracle::judge(&journal, &ids_of(&target)?, &[]);
    ensure!(verdict.lost == 0 && verdict.misplaced == 0, "{verdict:?}");
    if peer.features().contains(&Feature::Ordered) {
        ensure!(verdict.order_violations == 0, "{verdict:?}");
    }
    if fault == Fault::DaemonStopped && durable {
        ensure!(verdict.duplicates == 0, "a graceful stop repeats {}", verdict.duplicates);
    }
    let idle = async || Ok(stage.admin()?.route(ROUTE).await?.counts.in_flight == 0);
    stage.until("nothing is in flight", idle).await?;
    stage.ledger_balances().await
}

async fn struck_while_sending(
    peer: &mut dyn Peer,
    stage: &mut Stage,
    place: &str,
    records: &[Record],
    target: &Target,
    fault: Fault,
) -> Result<()> {
    for (number, piece) in records.chunks(500).enumerate() {
        if number == 1 {
            let before = target.count();
            ensure!(before > 0, "nothing flowed");
            strike(peer, stage, fault).await?;
        }
        peer.put(stage, place, piece).await?;
    }
    Ok(())
}

fn ids_of(target: &Target) -> Result<Vec<Id>> {
    let records: Vec<Record> = target
        .received()
        .into_iter()
        .map(|received| Record { payload: Some(received.body), ..Record::default() })
        .collect();
    ids(&records)
}

async fn to_peer(peer: &mut dyn Peer, place: String, fault: Fault) -> Result<()> {
    peer.create(&place).await?;
    let listen = ports::free()?;
    let route = format!(
        "    from: {{ http: {{ listen: \"{listen}\", timeout: 20s }} }}
    to: {}
    ordering: key
    retry: {{ initial: 20ms, max: 1s }}",
        peer.to(&place)
    );
    let mut stage = Stage::with(peer, &place, &route, "limits: { drain: 10s }\n")?;
    stage.daemon.start_ready().await?;
    let journal = Arc::new(Journal::new(1, KEYS, 0));
    let load = Load {
        address: listen,
        path: "/".to_owned(),
        connections: 20,
        keys: KEYS,
        batch: 1,
        size: SIZE,
        events: u64::from(EVENTS),
        pause: PACE,
    };
    let producer = Producer::start(load, journal.clone());
    let under_way = async || Ok(journal.counts().1 >= UNDER_WAY);
    stage.until("it flows", under_way).await?;
    strike(peer, &mut stage, fault).await?;
    producer.finish(PATIENCE).await?;
    let (sent, accepted) = journal.counts();
    ensure!(sent == accepted, "{} were never accepted", sent - accepted);
    let taken = peer.take(&stage, &place, sent as usize).await?;
    let verdict = oracle::judge(&journal, &ids(&taken)?, &[]);
    ensure!(verdict.lost == 0 && verdict.misplaced == 0, "{verdict:?}");
    if peer.features().contains(&Feature::Ordered) {
        ensure!(verdict.order_violations == 0, "{verdict:?}");
    }
    stage.ledger_balances().await
}

async fn strike(peer: &mut dyn Peer, stage: &mut Stage, fault: Fault) -> Result<()> {
    match fault {
        Fault::DaemonKilled => {
            stage.daemon.kill()?;
            stage.daemon.start()?;
            stage.daemon.live(PATIENCE).await
        }
        Fault::DaemonStopped => {
            let status = stage.daemon.terminate(DRAIN).await?;
            ensure!(status.success(), "{status}");
            stage.daemon.start()?;
            stage.daemon.live(PATIENCE).await
        }
        Fault::DaemonFrozen => {
            stage.daemon.signal(Signal::Stop)?;
            tokio::time::sleep(FROZEN).await;
            stage.daemon.signal(Signal::Continue)
        }
        _ => peer.strike(fault).await,
    }
}
