//! What is in a message stays as it is.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;

use super::peer::{Feature, Peer, Record};
use super::stage::{ROUTE, Stage};
use super::{Role, Scenario};
use crate::ports;
use crate::wire::Connection;

const MAX: usize = 2 << 20;

pub(super) fn scenarios() -> Vec<Scenario> {
    let source = |name: &'static str, needs, records: fn() -> Vec<Record>| {
        Scenario::new(name, Role::Source, needs, move |peer, place| {
            Box::pin(arrives_as_it_was(peer, place, records()))
        })
    };
    vec![
        source("an empty body and one of 1 MB arrive as they are", &[], sizes),
        source("any bytes are a body", &[Feature::BinaryBodies], binary_bodies),
        source("no body is not an empty one", &[Feature::NullBodies], null_body),
        source("a key arrives as it is", &[Feature::Keys], keys),
        source("any bytes are a key, and none is none", &[Feature::BinaryKeys], binary_keys),
        source("headers arrive as they are", &[Feature::Headers], headers),
        source(
            "a header that comes twice arrives twice",
            &[Feature::DuplicateHeaders],
            duplicate_headers,
        ),
        source("headers arrive in their order", &[Feature::HeaderOrder], ordered_headers),
        source("any bytes are the value of a header", &[Feature::BinaryHeaders], binary_headers),
        source("no value is not an empty one", &[Feature::NullHeaders], null_headers),
        Scenario::new(
            "a message over the source's limit is a dead letter, and no other is",
            Role::Source,
            &[Feature::Durable, Feature::SourceLimit],
            |peer, place| Box::pin(over_the_limit_of_a_source(peer, place)),
        ),
        Scenario::new(
            "an empty body and one of almost the limit arrive as they are",
            Role::Sink,
            &[],
            |peer, place| Box::pin(sizes_at_a_sink(peer, place)),
        ),
        Scenario::new(
            "a message over the peer's limit is a dead letter, and no other is",
            Role::Sink,
            &[Feature::SizeLimit],
            |peer, place| Box::pin(over_the_limit_of_a_peer(peer, place)),
        ),
    ]
}

fn body(payload: impl Into<Bytes>) -> Record {
    Record { payload: Some(payload.into()), ..Record::default() }
}

fn header(name: &str, value: Option<&'static [u8]>) -> (String, Option<Bytes>) {
    (name.to_owned(), value.map(Bytes::from_static))
}

fn sizes() -> Vec<Record> {
    vec![body(""), body(vec![b'x'; 1_000_000]), body("end")]
}

fn binary_bodies() -> Vec<Record> {
    vec![body((0..=255).collect::<Vec<u8>>()), body(vec![0xff, 0xfe, 0x00])]
}

fn null_body() -> Vec<Record> {
    vec![Record::new("gone", "there"), Record { payload: None, ..Record::new("gone", "") }]
}

fn keys() -> Vec<Record> {
    vec![Record::new("a.b", "1"), Record::new("c", "2")]
}

fn binary_keys() -> Vec<Record> {
    let key = |key: Option<&'static [u8]>| Record {
        key: key.map(Bytes::from_static),
        ..body(format!("{key:?}"))
    };
    vec![key(Some(&[0, 0xff, 0x80])), key(None), key(Some(b""))]
}

fn headers() -> Vec<Record> {
    let headers = vec![header("x-one", Some(b"1")), header("x-two", Some("\u{e4} b".as_bytes()))];
    vec![Record { headers, ..Record::new("k", "{}") }]
}

fn duplicate_headers() -> Vec<Record> {
    let headers = vec![header("x-a", Some(b"1")), header("x-a", Some(b"2"))];
    vec![Record { headers, ..Record::new("k", "{}") }]
}

fn ordered_headers() -> Vec<Record> {
    let headers =
        vec![header("x-b", Some(b"1")), header("x-a", Some(b"2")), header("x-c", Some(b"3"))];
    vec![Record { headers, ..Record::new("k", "{}") }]
}

fn binary_headers() -> Vec<Record> {
    vec![Record {
        headers: vec![header("x-a", Some(&[0xff, 0x00, 0x80]))],
        ..Record::new("k", "{}")
    }]
}

fn null_headers() -> Vec<Record> {
    let headers = vec![header("x-a", None), header("x-b", Some(b""))];
    vec![Record { headers, ..Record::new("k", "{}") }]
}

/// From the peer into the embedded log: equal in everything that the peer can hold.
async fn arrives_as_it_was(peer: &mut dyn Peer, place: String, records: Vec<Record>) -> Result<()> {
    peer.create(&place).await?;
    let route = format!("    from: {}\n    to: {{ log: {{ topic: out }} }}", peer.from(&place, ""));
    let mut stage = Stage::new(peer, &place, &route)?;
    stage.daemon.start_ready().await?;
    peer.put(&stage, &place, &records).await?;
    let all = async || Ok(stage.topic("out").await?.len() >= records.len());
    stage.until("everything has arrived", all).await?;
    let mut arrived = stage.topic("out").await?;
    let features = peer.features();
    for record in &records {
        let same = |other: &Record| {
            other.payload == record.payload
                && (!features.contains(&Feature::Keys) || other.key == record.key)
                && has_headers(other, record, features.contains(&Feature::HeaderOrder))
        };
        let found = arrived.iter().position(same);
        let index = found.with_context(|| format!("{record:?} is not among {arrived:?}"))?;
        arrived.remove(index);
    }
    ensure!(arrived.is_empty(), "nobody sent {arrived:?}");
    Ok(())
}

/// Whether the headers that were sent are there; a protocol may add its own. Without an order of
/// all of them, those of one name have theirs.
fn has_headers(arrived: &Record, sent: &Record, in_order: bool) -> bool {
    let ours = |record: &Record| {
        let ours = record.headers.iter().filter(|(name, _)| name.starts_with("x-"));
        let mut ours: Vec<(String, Option<Bytes>)> = ours.cloned().collect();
        if !in_order {
            ours.sort_by(|(one, _), (other, _)| one.cmp(other));
        }
        ours
    };
    ours(arrived) == ours(sent)
}

async fn over_the_limit_of_a_source(peer: &mut dyn Peer, place: String) -> Result<()> {
    peer.create(&place).await?;
    let route = format!(
        "    from: {}
    to: {{ log: {{ topic: out }} }}
    dead_letter: {{ to: {{ log: {{ topic: dead }} }} }}",
        peer.from(&place, ", max_message: 16KiB")
    );
    let mut stage = Stage::new(peer, &place, &route)?;
    stage.daemon.start_ready().await?;
    let records =
        [Record::new("a", "1"), Record::new("a", vec![b'x'; 100_000]), Record::new("a", "2")];
    peer.put(&stage, &place, &records).await?;
    let settled = async || Ok(stage.admin()?.route(ROUTE).await?.counts.delivered >= 2);
    stage.until("the others have arrived", settled).await?;
    let dead = async || Ok(stage.admin()?.route(ROUTE).await?.counts.dead_lettered >= 1);
    stage.until("it is a dead letter", dead).await?;
    let bodies: Vec<Option<Bytes>> =
        stage.topic("out").await?.into_iter().map(|record| record.payload).collect();
    ensure!(bodies == [Some("1".into()), Some("2".into())], "{bodies:?}");
    ensure!(stage.topic("dead").await?.len() == 1);
    stage.ledger_balances().await
}

/// A route from HTTP to the peer, with dead letters.
async fn route_to(peer: &mut dyn Peer, place: &str) -> Result<(Stage, Connection)> {
    peer.create(place).await?;
    let listen = ports::free()?;
    let route = format!(
        "    from: {{ http: {{ listen: \"{listen}\", max_message: 24MiB }} }}
    to: {}
    dead_letter: {{ to: {{ log: {{ topic: dead, max_message: 32MiB }} }} }}",
        peer.to(place)
    );
    let mut stage = Stage::with(peer, place, &route, "limits: { memory: 512MiB }\n")?;
    stage.daemon.start_ready().await?;
    Ok((stage, Connection::open(listen).await?))
}

async fn post(connection: &mut Connection, number: u32, body: &[u8]) -> Result<u16> {
    let headers = format!(
        "ce-specversion: 1.0\r\nce-id: {number}\r\nce-source: /s\r\nce-type: t\r\nce-partitionkey: k\r\ncontent-type: application/octet-stream\r\n"
    );
    Ok(connection.post("/", &headers, body).await?.status)
}

async fn sizes_at_a_sink(peer: &mut dyn Peer, place: String) -> Result<()> {
    let (stage, mut connection) = route_to(peer, &place).await?;
    let bodies = [Vec::new(), vec![0xff; peer.largest().min(MAX) * 9 / 10], b"end".to_vec()];
    for (number, body) in (0..).zip(&bodies) {
        let status = post(&mut connection, number, body).await?;
        ensure!((200..300).contains(&status), "body {number} is answered with {status}");
    }
    let taken = peer.take(&stage, &place, bodies.len()).await?;
    let taken: Vec<&[u8]> =
        taken.iter().map(|record| record.payload.as_deref().unwrap_or_default()).collect();
    let sent: Vec<&[u8]> = bodies.iter().map(Vec::as_slice).collect();
    ensure!(taken == sent, "lengths {:?}", taken.iter().map(|body| body.len()).collect::<Vec<_>>());
    Ok(())
}

async fn over_the_limit_of_a_peer(peer: &mut dyn Peer, place: String) -> Result<()> {
    let (stage, mut connection) = route_to(peer, &place).await?;
    let large = vec![b'x'; peer.largest() + (1 << 20)];
    for (number, body) in (0..).zip([b"1".as_slice(), &large, b"2"]) {
        let status = post(&mut connection, number, body).await?;
        ensure!((200..300).contains(&status), "body {number} is answered with {status}");
    }
    let taken = peer.take(&stage, &place, 2).await?;
    let taken: Vec<&[u8]> =
        taken.iter().map(|record| record.payload.as_deref().unwrap_or_default()).collect();
    ensure!(taken == [b"1".as_slice(), b"2"], "{} arrived", taken.len());
    let counts = stage.admin()?.route(ROUTE).await?.counts;
    ensure!((counts.delivered, counts.dead_lettered) == (2, 1), "{counts:?}");
    stage.ledger_balances().await
}
