//! The bytes of one record, and how they are checked.
//!
//! All numbers are little endian.
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 4 | length of what follows the checksum |
//! | 4 | 4 | CRC-32C of what follows, seeded by topic, partition and segment |
//! | 8 | 8 | offset |
//! | 16 | 8 | when it was appended, milliseconds since 1970 |
//! | 24 | 8 | when it was produced, milliseconds since 1970 |
//! | 32 | 2 | flags: has a key, has a payload, has a time |
//! | 34 | 2 | check of the length, so that a damaged one is seen before that much is read |
//! | 36 | 4 | length of the key |
//! | 40 | 4 | length of the attributes |
//! | 44 | 4 | length of the headers |
//! | 48 | | key, attributes, headers, payload; attributes and headers as the blocks that a message holds |
//!
//! The seed makes a frame valid only in its own segment: a payload that holds a copy of another segment is never taken
//! for records when the reader looks for the next one after a damaged record.

use bytes::Bytes;
use hybridge_core::{Attributes, Headers, Message};

/// Bytes before the key; no frame is shorter.
pub(crate) const HEAD: usize = 48;
/// No frame is longer, whatever its length says.
pub(crate) const MAX_FRAME: usize = 256 << 20;

const HAS_KEY: u16 = 1;
const HAS_PAYLOAD: u16 = 2;
const HAS_TIME: u16 = 4;

/// The bytes that a message takes up as a record.
pub(crate) fn frame_len(message: &Message) -> usize {
    HEAD + message.key.as_ref().map_or(0, Bytes::len)
        + message.attributes.size()
        + message.headers.size()
        + message.payload.as_ref().map_or(0, Bytes::len)
}

/// Frames in a row, made by whoever appends and stamped by whoever writes.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    bytes: Vec<u8>,
    starts: Vec<usize>,
}

impl Frames {
    pub(crate) fn with_capacity(bytes: usize, records: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), starts: Vec::with_capacity(records) }
    }

    pub(crate) fn count(&self) -> usize {
        self.starts.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where each frame starts.
    pub(crate) fn starts(&self) -> &[usize] {
        &self.starts
    }

    /// Adds a message, which [`frame_len`] has found to be no longer than [`MAX_FRAME`].
    pub(crate) fn push(&mut self, message: &Message) {
        let start = self.bytes.len();
        self.starts.push(start);
        let key = message.key.as_deref();
        let payload = message.payload.as_deref();
        let attributes = message.attributes.as_block();
        let headers = message.headers.as_block();
        let total = HEAD + key.map_or(0, <[u8]>::len) + attributes.len() + headers.len();
        let length = (total + payload.map_or(0, <[u8]>::len) - 8) as u32;
        let flags = if key.is_some() { HAS_KEY } else { 0 }
            | if payload.is_some() { HAS_PAYLOAD } else { 0 }
            | if message.time.is_some() { HAS_TIME } else { 0 };

        let mut head = [0_u8; HEAD];
        head[0..4].copy_from_slice(&length.to_le_bytes());
        head[24..32].copy_from_slice(&message.time.unwrap_or(0).to_le_bytes());
        head[32..34].copy_from_slice(&flags.to_le_bytes());
        head[34..36].copy_from_slice(&length_check(length).to_le_bytes());
        head[36..40].copy_from_slice(&(key.map_or(0, <[u8]>::len) as u32).to_le_bytes());
        head[40..44].copy_from_slice(&(attributes.len() as u32).to_le_bytes());
        head[44..48].copy_from_slice(&(headers.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(&head);
        self.bytes.extend_from_slice(key.unwrap_or_default());
        self.bytes.extend_from_slice(attributes);
        self.bytes.extend_from_slice(headers);
        self.bytes.extend_from_slice(payload.unwrap_or_default());
    }

    /// Moves the frames of `other` behind these.
    pub(crate) fn absorb(&mut self, other: &Self) {
        let base = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.starts.extend(other.starts.iter().map(|start| base + start));
    }

    /// Gives the frames their offsets from `first`, the time of appending and their checksums.
    pub(crate) fn stamp(&mut self, first: u64, appended: i64, seed: u32) {
        let mut rest = self.bytes.as_mut_slice();
        for offset in first..first + self.starts.len() as u64 {
            let length = u32_at(rest, 0) as usize + 8;
            let Some((frame, after)) = rest.split_at_mut_checked(length) else { return };
            frame[8..16].copy_from_slice(&offset.to_le_bytes());
            frame[16..24].copy_from_slice(&appended.to_le_bytes());
            let crc = crc32c::crc32c_append(seed, &frame[8..]);
            frame[4..8].copy_from_slice(&crc.to_le_bytes());
            rest = after;
        }
    }
}

/// A record whose checksum was right, as lengths into the bytes that it was found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Bytes of the whole frame.
    pub(crate) total: u32,
    pub(crate) offset: u64,
    pub(crate) appended: i64,
    time: i64,
    flags: u16,
    key: u32,
    attributes: u32,
    headers: u32,
}

/// Why there is no valid record at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The bytes end before the frame does; this many would tell.
    Incomplete(usize),
    /// These bytes are no record.
    Damaged,
}

/// Reads the frame at the start of `bytes`, which may go on behind it.
pub(crate) fn parse(bytes: &[u8], seed: u32) -> Result<Head, Fault> {
    let head = parse_unverified(bytes)?;
    let total = head.total as usize;
    let Some(frame) = bytes.get(..total) else { return Err(Fault::Incomplete(total)) };
    if crc32c::crc32c_append(seed, &frame[8..]) != u32_at(frame, 4) {
        return Err(Fault::Damaged);
    }
    Ok(head)
}

/// Reads a frame's head and checks only that its lengths agree.
pub(crate) fn parse_unverified(bytes: &[u8]) -> Result<Head, Fault> {
    let Some(head) = bytes.first_chunk::<HEAD>() else { return Err(Fault::Incomplete(HEAD)) };
    let length = u32_at(head, 0);
    let total = length as usize + 8;
    if u16_at(head, 34) != length_check(length) || !(HEAD..=MAX_FRAME).contains(&total) {
        return Err(Fault::Damaged);
    }
    let parsed = Head {
        total: total as u32,
        offset: u64_at(head, 8),
        appended: u64_at(head, 16).cast_signed(),
        time: u64_at(head, 24).cast_signed(),
        flags: u16_at(head, 32),
        key: u32_at(head, 36),
        attributes: u32_at(head, 40),
        headers: u32_at(head, 44),
    };
    let inner = u64::from(parsed.key) + u64::from(parsed.attributes) + u64::from(parsed.headers);
    if HEAD as u64 + inner > u64::from(parsed.total) {
        return Err(Fault::Damaged);
    }
    Ok(parsed)
}

impl Head {
    /// The message, sharing `frame`, which starts with this record. Its origin is left to the caller.
    pub(crate) fn message(&self, frame: &Bytes) -> Message {
        let key_end = HEAD + self.key as usize;
        let attributes_end = key_end + self.attributes as usize;
        let headers_end = attributes_end + self.headers as usize;
        let has = |flag: u16| self.flags & flag != 0;
        Message {
            key: has(HAS_KEY).then(|| frame.slice(HEAD..key_end)),
            payload: has(HAS_PAYLOAD).then(|| frame.slice(headers_end..self.total as usize)),
            headers: Headers::from_block(frame.slice(attributes_end..headers_end)),
            attributes: Attributes::from_block(frame.slice(key_end..attributes_end)),
            time: has(HAS_TIME).then_some(self.time),
            ..Message::default()
        }
    }
}

const fn length_check(length: u32) -> u16 {
    (length ^ (length >> 16)) as u16 ^ 0xA55A
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |raw| u16::from_le_bytes(*raw))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |raw| u32::from_le_bytes(*raw))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |raw| u64::from_le_bytes(*raw))
}

#[cfg(test)]
mod tests {
    use hybridge_core::{Header, Text, Value};
    use proptest::prelude::*;

    use super::*;

    fn bytes() -> impl Strategy<Value = Bytes> {
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Bytes::from)
    }

    fn text() -> impl Strategy<Value = Text> {
        "\\PC{0,20}".prop_map(Text::from)
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<bool>().prop_map(Value::Boolean),
            any::<i32>().prop_map(Value::Integer),
            bytes().prop_map(Value::Binary),
            text().prop_map(Value::String),
            text().prop_map(Value::Uri),
            text().prop_map(Value::UriRef),
            text().prop_map(Value::Timestamp),
        ]
    }

    fn message() -> impl Strategy<Value = Message> {
        let header =
            (text(), prop::option::of(bytes())).prop_map(|(name, value)| Header { name, value });
        (
            prop::option::of(bytes()),
            prop::option::of(bytes()),
            prop::collection::vec(header, 0..4),
            prop::collection::vec((text(), value()), 0..4),
            prop::option::of(any::<i64>()),
        )
            .prop_map(|(key, payload, headers, attributes, time)| Message {
                key,
                payload,
                headers: headers.into_iter().collect(),
                attributes: attributes.into_iter().collect(),
                time,
                ..Message::default()
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn what_was_framed_is_read_back(messages in prop::collection::vec(message(), 1..4), seed: u32) {
            let mut frames = Frames::default();
            let mut lens = Vec::new();
            for message in &messages {
                frames.push(message);
                lens.push(frame_len(message));
            }
            frames.stamp(7, 99, seed);
            let mut rest = Bytes::from(frames.bytes().to_vec());
            for (index, message) in messages.iter().enumerate() {
                let head = parse(&rest, seed).unwrap();
                prop_assert_eq!(head.total as usize, lens[index]);
                prop_assert_eq!((head.offset, head.appended), (7 + index as u64, 99));
                let read = head.message(&rest);
                prop_assert_eq!(&read.key, &message.key);
                prop_assert_eq!(&read.payload, &message.payload);
                prop_assert_eq!(&read.headers, &message.headers);
                prop_assert_eq!(&read.attributes, &message.attributes);
                prop_assert_eq!(read.time, message.time);
                rest = rest.slice(head.total as usize..);
            }
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn no_changed_bit_passes(message in message(), seed: u32, bit: prop::sample::Index) {
            let mut frames = Frames::default();
            frames.push(&message);
            frames.stamp(0, 0, seed);
            let mut bytes = frames.bytes().to_vec();
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(parse(&bytes, seed).is_err());
        }

        #[test]
        fn arbitrary_bytes_never_panic(junk in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&junk, 0);
        }
    }
}
