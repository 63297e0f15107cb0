//! One assigned partition: its queue, its share of the budget and how far it is committed.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hybridge_core::{Assignment, Error, ErrorKind, Headers, Message, Origin, Permit, Share};
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::time::Instant;

use super::super::client;
use super::super::ffi::{Queue, Record};
use super::desk::{Desk, Fresh};

/// Most records that are taken at once.
const MOST: usize = 512;
/// Bytes that are taken at once where there are that many and the budget has them.
const CHUNK: u64 = 512 << 10;
/// Bytes that may be out and not settled before nothing more is read: what waits longer than one batch before it leaves the
/// processor's cache, and is in the client's queue anyway.
const AHEAD: u64 = 2 << 20;
/// Deliveries that may be out at least, however large they are.
const AHEAD_DELIVERIES: usize = 64;
/// What a record is taken to have before one was seen.
const USUAL: u64 = 1 << 10;

/// How long a partition may stand still before the cluster is asked whether it should.
const STALLED: Duration = Duration::from_secs(30);

/// What is read from one partition for one assignment.
pub(super) struct Partition {
    pub(super) assignment: Assignment,
    pub(super) topic: Arc<str>,
    pub(super) number: i32,
    /// The position that the group has at the broker.
    pub(super) committed: u64,
    /// The offset behind the last record that was given out.
    pub(super) next: u64,
    pub(super) share: Share,
    queue: Queue,
    /// There may be something in the queue.
    ready: Arc<AtomicBool>,
    /// Bytes of a usual record, with its overhead.
    usual: u64,
    /// The most that is taken at once.
    chunk: u64,
    /// Where it stood when it last moved, or had nothing to move for, and when that was.
    moved: (u64, Instant),
}

/// How a look at a partition ended.
pub(super) enum Read {
    /// Something was given out; there may be more.
    Some,
    /// There is nothing, or it must not be read now.
    Nothing,
    /// There may be something, and no room for it.
    Full,
}

impl Partition {
    pub(super) fn new(
        assignment: Assignment,
        begin: &super::start::Beginning,
        share: Share,
        queue: Queue,
        ready: Arc<AtomicBool>,
        cap: u64,
    ) -> Self {
        let offset = u64::try_from(begin.offset).unwrap_or(0);
        Self {
            assignment,
            topic: begin.topic.as_str().into(),
            number: begin.partition,
            // A beginning is committed before anything else, so that it stays what it is.
            committed: if begin.is_committed { offset } else { u64::MAX },
            next: offset,
            share,
            queue,
            ready,
            usual: USUAL,
            chunk: (cap / 16).clamp(4 << 10, CHUNK),
            moved: (offset, Instant::now()),
        }
    }

    /// Whether `position` is not what the group has at the broker.
    pub(super) fn is_behind(&self, position: u64) -> bool {
        self.committed == u64::MAX || position > self.committed
    }

    /// Whether it has stood at `position` for long although nothing keeps it there; says so once for each such time.
    pub(super) fn has_stalled(&mut self, position: u64, may_stall: bool) -> bool {
        let has_stalled =
            may_stall && self.moved.0 == position && self.moved.1.elapsed() >= STALLED;
        if !may_stall || self.moved.0 != position || has_stalled {
            self.moved = (position, Instant::now());
        }
        has_stalled
    }

    /// Takes what is there and gives it out, as far as there is room for it.
    pub(super) fn read(
        &mut self,
        desk: &Desk,
        records: &mut Vec<Record>,
        fresh: &mut Vec<Fresh>,
    ) -> Result<Read, Error> {
        if !self.assignment.is_live() || !self.ready.load(Ordering::Acquire) {
            return Ok(Read::Nothing);
        }
        let id = self.assignment.id();
        if desk.is_full(id) {
            return Ok(Read::Full);
        }
        if self.share.held() >= AHEAD && desk.uncommitted(id) >= AHEAD_DELIVERIES {
            return Ok(Read::Full);
        }
        let Some((count, permit)) = self.room() else { return Ok(Read::Full) };
        // Before the queue is asked: what comes meanwhile says so again.
        self.ready.store(false, Ordering::Release);
        self.queue.take(count, records);
        if records.len() == count {
            self.ready.store(true, Ordering::Release);
        }
        if records.is_empty() {
            return Ok(Read::Nothing);
        }
        let result = self.unpack(records, permit, fresh);
        records.clear();
        desk.deliver(&self.assignment, fresh);
        result.map(|()| Read::Some)
    }

    /// How many records may be taken now, with the bytes for them.
    fn room(&self) -> Option<(usize, Permit)> {
        let mut bytes = self.chunk.min(MOST as u64 * self.usual).max(self.usual);
        loop {
            if let Some(permit) = self.share.try_take(bytes) {
                let count = usize::try_from(bytes / self.usual).unwrap_or(MOST);
                return Some((count.clamp(1, MOST), permit));
            }
            if bytes <= self.usual {
                return None;
            }
            bytes = (bytes / 4).max(self.usual);
        }
    }

    /// Copies the records into one block of memory, which is charged until the last part of it is dropped; the overhead of
    /// each message is charged until it is settled.
    fn unpack(
        &mut self,
        records: &[Record],
        mut permit: Permit,
        fresh: &mut Vec<Fresh>,
    ) -> Result<(), Error> {
        let bare = |record: &Record| {
            record.key().map_or(0, <[u8]>::len) + record.value().map_or(0, <[u8]>::len)
        };
        let bytes: usize = records.iter().map(bare).sum();
        // Headers are seen only while they are copied; most are small.
        let mut block = Vec::with_capacity(bytes + records.len() * 64);
        let mut pieces: Vec<Piece> = Vec::with_capacity(records.len());
        let mut failure = None;
        for record in records {
            match record.error() {
                None => pieces.push(Piece::of(record, &mut block)),
                Some((Code::PartitionEOF, _)) => {}
                Some((code, text)) => {
                    failure = Some(self.fault(code, &text));
                    break;
                }
            }
        }
        let own = Message::OVERHEAD as u64;
        let size = block.capacity() as u64;
        let needed = size + own * pieces.len() as u64;
        if let Some(more) = needed.checked_sub(permit.bytes()).filter(|more| *more > 0) {
            permit.grow(more);
        }
        if let Some(last) = pieces.last() {
            self.next = last.offset + 1;
            self.usual = (needed / pieces.len() as u64).max(own + 1);
        }
        let block = Bytes::from_owner(Block { bytes: block, _memory: permit.split(size) });
        let place = self.assignment.place();
        for piece in pieces {
            let message = piece.message(&block, place);
            fresh.push(Fresh { message, permit: permit.split(own) });
        }
        failure.map_or(Ok(()), Err)
    }

    /// What an error in place of a record means.
    fn fault(&self, code: Code, text: &str) -> Error {
        let (topic, number) = (&self.topic, self.number);
        match code {
            Code::AutoOffsetReset | Code::OffsetOutOfRange => {
                let what = format!("the position in {topic}/{number} is lost: {text}");
                Error::transient(what)
            }
            code => {
                let what = format!("cannot read {topic}/{number}: {text}");
                Error::new(
                    match client::kind(code) {
                        ErrorKind::Unauthorized => ErrorKind::Unauthorized,
                        _ => ErrorKind::Transient,
                    },
                    what,
                )
            }
        }
    }
}

/// Memory of several messages.
struct Block {
    bytes: Vec<u8>,
    _memory: Permit,
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Where the parts of a record are in their block.
struct Piece {
    offset: u64,
    time: Option<i64>,
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
    headers: Range<usize>,
}

impl Piece {
    fn of(record: &Record, block: &mut Vec<u8>) -> Self {
        let mut put = |bytes: &[u8]| {
            let start = block.len();
            block.extend_from_slice(bytes);
            start..block.len()
        };
        let (key, value) = (record.key().map(&mut put), record.value().map(&mut put));
        let start = block.len();
        record.headers(|name, value| {
            Headers::append(block, &String::from_utf8_lossy(name), value);
        });
        let headers = start..block.len();
        let offset = u64::try_from(record.offset()).unwrap_or(0);
        Self { offset, time: record.time(), key, value, headers }
    }

    fn message(self, block: &Bytes, place: &Arc<hybridge_core::Place>) -> Message {
        let headers = match self.headers.is_empty() {
            true => Headers::new(),
            false => Headers::from_block(block.slice(self.headers)),
        };
        Message {
            key: self.key.map(|key| block.slice(key)),
            payload: self.value.map(|value| block.slice(value)),
            headers,
            origin: Origin { place: place.clone(), offset: self.offset, child: 0 },
            time: self.time,
            ..Message::default()
        }
    }
}
