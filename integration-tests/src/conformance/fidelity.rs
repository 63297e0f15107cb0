//! What of a message survives a route from each connector to each other one: the table of
//! `docs/fidelity.md`.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;

use super::peer::{Also, Feature, Peer, Record};
use super::stage::Stage;
use super::{amqp::AmqpPeer, http::HttpPeer, jetstream::JetStreamPeer, kafka::KafkaPeer};
use crate::admin::Admin;

/// The name of the file, from the root of the workspace.
const FILE: &str = "docs/fidelity.md";
const NUMBER: &str = "x-one";
const KEY: &str = "k";

/// Something of a message that a route may keep.
struct Property {
    name: &'static str,
    /// Without it a source cannot have it.
    needs: Feature,
    record: fn() -> Record,
    kept: fn(&Record, &Record) -> bool,
    /// What may be in a header where the target has nothing else for it.
    text: fn(&Record) -> Option<&String>,
}

fn properties() -> Vec<Property> {
    fn plain() -> Record {
        Record::new(KEY, "body")
    }
    fn with(headers: &[(&str, Option<&'static [u8]>)]) -> Record {
        let header = |(name, value): &(&str, Option<&'static [u8]>)| {
            ((*name).to_owned(), value.map(Bytes::from_static))
        };
        Record { headers: headers.iter().map(header).collect(), ..plain() }
    }
    fn of(record: &Record, names: &[&str]) -> Vec<(String, Option<Bytes>)> {
        let wanted = record.headers.iter().filter(|(name, _)| names.contains(&name.as_str()));
        wanted.cloned().collect()
    }
    fn same_a(sent: &Record, arrived: &Record) -> bool {
        of(sent, &["x-a"]) == of(arrived, &["x-a"])
    }
    fn same_order(sent: &Record, arrived: &Record) -> bool {
        of(sent, &["x-a", "x-b"]) == of(arrived, &["x-a", "x-b"])
    }
    fn same_body(sent: &Record, arrived: &Record) -> bool {
        sent.payload == arrived.payload
    }
    fn same_key(sent: &Record, arrived: &Record) -> bool {
        sent.key == arrived.key
    }
    let property =
        |name, needs, record, kept| Property { name, needs, record, kept, text: |_| None };
    macro_rules! also {
        ($name:literal, $needs:ident, $field:ident, $value:literal) => {
            Property {
                name: $name,
                needs: Feature::$needs,
                record: || {
                    let also = Also { $field: Some($value.to_owned()), ..Also::default() };
                    Record { also, ..plain() }
                },
                kept: |sent, arrived| sent.also.$field == arrived.also.$field,
                text: |record| record.also.$field.as_ref(),
            }
        };
    }
    vec![
        property("key", Feature::Keys, plain, same_key),
        property("header", Feature::Headers, || with(&[("x-a", Some(b"1"))]), same_a),
        property(
            "header twice",
            Feature::DuplicateHeaders,
            || with(&[("x-a", Some(b"1")), ("x-a", Some(b"2"))]),
            same_a,
        ),
        property(
            "order of headers",
            Feature::HeaderOrder,
            || with(&[("x-b", Some(b"1")), ("x-a", Some(b"2"))]),
            same_order,
        ),
        property(
            "binary header",
            Feature::BinaryHeaders,
            || with(&[("x-a", Some(&[0xff, 0x00, 0x80]))]),
            same_a,
        ),
        property("null header", Feature::NullHeaders, || with(&[("x-a", None)]), same_a),
        property(
            "binary body",
            Feature::BinaryBodies,
            || Record::new(KEY, vec![0xff, 0x00, 0x80]),
            same_body,
        ),
        property("empty body", Feature::BinaryBodies, || Record::new(KEY, ""), same_body),
        property("no body", Feature::NullBodies, || Record { payload: None, ..plain() }, same_body),
        also!("time", Times, time, "1700000000000"),
        also!("partition", Partitions, partition, "1"),
        also!("content type", ContentTypes, content_type, "text/x-suite"),
        also!("reply to", Replies, reply_to, "suite.replies"),
        also!("priority", Priorities, priority, "7"),
        also!("time to live", Lifetimes, lifetime, "7654321"),
    ]
}

/// Sends one message for each property over every pair and writes down what arrived.
///
/// The result must be what `docs/fidelity.md` says; with `HYBRIDGE_WRITE_DOCS` in the environment it
/// is written there instead.
pub async fn check() -> Result<()> {
    let mut sources: Vec<Box<dyn Peer>> = vec![
        Box::new(KafkaPeer::start().await?),
        Box::new(JetStreamPeer::start().await?),
        Box::new(AmqpPeer::start().await?),
        Box::new(HttpPeer::new()?),
    ];
    let mut lines = String::new();
    for source in 0..sources.len() {
        for sink in 0..sources.len() {
            lines.push_str(&pair(&mut sources, source, sink).await?);
        }
    }
    let names: Vec<&str> = properties().iter().map(|property| property.name).collect();
    let head =
        format!("| from | to | {} |\n|---|---|{}\n", names.join(" | "), "---|".repeat(names.len()));
    let text = format!("{INTRODUCTION}\n{head}{lines}");
    let path = crate::binary::workspace().join(FILE);
    if std::env::var_os("HYBRIDGE_WRITE_DOCS").is_some() {
        return write(&path, &text);
    }
    let written = std::fs::read_to_string(&path).context(FILE)?;
    ensure!(written == text, "{FILE} is not what was seen:\n{text}");
    Ok(())
}

const INTRODUCTION: &str = "# What of a message survives

Written by a test that sends one message for each column through a route without steps, from the left system to the right one,
with each system's own client at both ends.

- `kept`: equal at the other end.
- `header`: it arrives in a header of its own, as the page of the target's connector says, because the target has nothing else for it.
- `lost`: the message arrives without it, or with something else in its place: the target has nothing that could hold it.
- `dead letter`: the target cannot take such a message at all, so it goes to the route's `dead_letter`, or holds its lane.
- `-`: the source has no such thing.

Some of what is lost is kept where a rule says so: the partition with `partition: keep` of the Kafka sink, the time to live with
`allow: [expiration]` of the AMQP sink.
";

fn write(path: &Path, text: &str) -> Result<()> {
    Ok(std::fs::write(path, text)?)
}

async fn pair(peers: &mut [Box<dyn Peer>], source: usize, sink: usize) -> Result<String> {
    let (from, to) = (peers[source].name(), peers[sink].name());
    let place = format!("fidelity-{from}-{to}");
    peers[source].create(&place).await?;
    if source != sink {
        peers[sink].create(&place).await?;
    }
    let into = format!("{place}-out");
    if from == to && from != "http" {
        peers[sink].create(&into).await?;
    }
    let target = if from == to && from != "http" { &into } else { &place };
    let connections = |index: usize, name: &str| {
        let lines = peers[index].sections(&place).connections;
        lines.replace("  broker:", &format!("  {name}:"))
    };
    let config = format!(
        "connections:\n{}\n{}\nroutes:\n  tested:\n    from: {}\n    to: {}\n    ordering: key\n    dead_letter: {{ to: {{ log: {{ topic: dead }} }} }}\n",
        connections(source, "from"),
        connections(sink, "to"),
        peers[source].from(&place, "").replace("connection: broker", "connection: from"),
        peers[sink].to(target).replace("connection: broker", "connection: to"),
    );
    let config = config.replace("connections:\n\n\n", "");
    let folder = tempfile::Builder::new().prefix("hybridge-suite-").tempdir()?;
    let daemon = crate::daemon::Daemon::new(folder.path(), &config)?;
    let mut stage = Stage::of(daemon, folder);
    stage.daemon.start_ready().await?;
    let features = peers[source].features();
    let mut sent = Vec::new();
    for (number, property) in properties().iter().enumerate() {
        let mut record = (property.record)();
        let header = (NUMBER.to_owned(), Some(number.to_string().into()));
        record.headers.push(header);
        if features.contains(&property.needs) {
            sent.push(record);
        }
    }
    peers[source].put(&stage, &place, &sent).await?;
    let admin: Admin = stage.admin()?;
    let settled = async || {
        let counts = admin.route("tested").await?.counts;
        Ok(counts.delivered + counts.dead_lettered >= sent.len() as u64)
    };
    stage.until("everything is settled", settled).await?;
    let delivered = admin.route("tested").await?.counts.delivered as usize;
    let arrived = peers[sink].take(&stage, target, delivered).await?;
    let ordered = peers[sink].features().contains(&Feature::HeaderOrder);
    let mut line = format!("| {from} | {to} |");
    for (number, property) in properties().iter().enumerate() {
        let with_number = |record: &&Record| number_of(record) == Some(number);
        let cell = match (sent.iter().find(with_number), arrived.iter().find(with_number)) {
            (None, _) => "-",
            (Some(_), None) => "dead letter",
            // Where headers have no order, theirs is chance.
            _ if property.needs == Feature::HeaderOrder && !ordered => "lost",
            (Some(sent), Some(arrived)) if (property.kept)(sent, arrived) => "kept",
            (Some(sent), Some(arrived)) if is_in_a_header((property.text)(sent), arrived) => {
                "header"
            }
            (Some(_), Some(_)) => "lost",
        };
        let _ = write!(line, " {cell} |");
    }
    line.push('\n');
    Ok(line)
}

fn is_in_a_header(text: Option<&String>, arrived: &Record) -> bool {
    let Some(text) = text else { return false };
    arrived.headers.iter().any(|(_, value)| value.as_deref() == Some(text.as_bytes()))
}

fn number_of(record: &Record) -> Option<usize> {
    let header = record.headers.iter().find(|(name, _)| name == NUMBER);
    let (_, value) = header?;
    std::str::from_utf8(value.as_deref()?).ok()?.parse().ok()
}
