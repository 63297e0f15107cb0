//! The log over the modelled disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use hybridge_core::Message;
use tokio::sync::oneshot;

use super::cursors;
use super::disk::model::Model;
use super::engine::{Engine, Request};
use super::error::{OpenError, WriteError};
use super::frame::Frames;
use super::options::{Options, TopicOptions};
use super::read::{self, Cause, Cursor, Gap, Step};
use super::topic::Topic;
use super::view::lock;

mod crash;
mod damage;
mod engine;
mod route;
mod store;

const ROOT: &str = "/log";

fn small() -> Options {
    small_with(1 << 10)
}

fn small_with(segment_bytes: u64) -> Options {
    let defaults = TopicOptions { segment_bytes, ..TopicOptions::default() };
    Options { reserve_bytes: 4096, defaults, ..Options::default() }
}

fn open(disk: &Model, options: &Options) -> Result<Engine, OpenError> {
    Engine::open(Arc::new(disk.clone()), Path::new(ROOT), options.clone(), false)
}

fn topic(engine: &mut Engine, name: &str) -> Result<Topic, WriteError> {
    let (reply, answer) = oneshot::channel();
    engine.commit(vec![Request::Topic { name: name.to_owned(), reply }], 0);
    answer.blocking_recv().unwrap()
}

fn message(payload: &[u8]) -> Message {
    Message { payload: Some(Bytes::copy_from_slice(payload)), ..Message::default() }
}

/// An append request of one record for partition 0, and where its answer comes.
type Answer = oneshot::Receiver<Vec<Result<u64, WriteError>>>;
fn request(topic: &Topic, payloads: &[&[u8]]) -> (Request, Answer) {
    let mut frames = Frames::default();
    payloads.iter().for_each(|payload| frames.push(&message(payload)));
    let (reply, answer) = oneshot::channel();
    (Request::Append { parts: vec![(topic.inner.first, frames)], reply }, answer)
}

fn append(
    engine: &mut Engine,
    topic: &Topic,
    payloads: &[&[u8]],
    now: i64,
) -> Result<u64, WriteError> {
    let (request, answer) = request(topic, payloads);
    engine.commit(vec![request], now);
    answer.blocking_recv().unwrap().remove(0)
}

fn commit(engine: &mut Engine, topic: &Topic, group: &str, offset: u64) -> Result<(), WriteError> {
    let key = cursors::Key { topic: topic.name().into(), partition: 0, group: group.into() };
    let position = cursors::Position { incarnation: topic.incarnation(), offset };
    let (reply, answer) = oneshot::channel();
    engine.commit(vec![Request::Commit { commits: vec![(key, Some(position))], reply }], 0);
    answer.blocking_recv().unwrap()
}

fn cursor(engine: &Engine, topic: &Topic, group: &str) -> Option<u64> {
    let key = cursors::Key { topic: topic.name().into(), partition: 0, group: group.into() };
    lock(&engine.registry().cursors).get(&key, topic.incarnation())
}

/// Every record from `offset` on, and every gap, in order.
fn read_from(topic: &Topic, offset: u64) -> (BTreeMap<u64, Vec<u8>>, Vec<Gap>) {
    let view = topic.view(0).unwrap();
    let mut cursor = Cursor::at(offset);
    let (mut records, mut gaps) = (BTreeMap::new(), Vec::new());
    let mut max = 300;
    loop {
        match read::step(view, &mut cursor, max, false).unwrap() {
            Step::Records(chunk) => {
                for record in chunk.into_records(()) {
                    let payload = record.message.payload.unwrap().to_vec();
                    assert!(records.insert(record.offset, payload).is_none());
                }
            }
            Step::Gap(gap) => gaps.push(gap),
            Step::TooSmall(needed) => max = needed,
            Step::End => return (records, gaps),
            Step::Cold => unreachable!("only a cached step is cold"),
        }
    }
}

fn read_all(topic: &Topic) -> (BTreeMap<u64, Vec<u8>>, Vec<Gap>) {
    read_from(topic, topic.view(0).unwrap().extent().earliest)
}

fn segment_files(disk: &Model) -> BTreeMap<PathBuf, Vec<u8>> {
    let is_data = |path: &Path| {
        path.extension().is_some_and(|e| e == "seg") && !path.to_string_lossy().contains("__")
    };
    disk.files().into_iter().filter(|(path, _)| is_data(path)).collect()
}
