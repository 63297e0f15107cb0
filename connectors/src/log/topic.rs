//! A topic: a name, an incarnation and its partitions.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::disk::Disk;
use super::meta;
use super::segment;
use super::view::View;

const FACT: &str = "topic";
const MAX_PARTITIONS: u32 = 1024;

/// A topic as appenders and readers see it. A clone is the same topic.
#[derive(Clone)]
pub struct Topic {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) name: Arc<str>,
    pub(crate) incarnation: Uuid,
    pub(crate) partitions: Vec<Arc<View>>,
    /// The log thread's number of the first partition; the others follow.
    pub(crate) first: usize,
}

impl Topic {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Changes when a topic of the same name is made anew.
    #[must_use]
    pub fn incarnation(&self) -> Uuid {
        self.inner.incarnation
    }

    /// How many partitions it has.
    #[must_use]
    pub fn partitions(&self) -> u32 {
        self.inner.partitions.len() as u32
    }

    /// The partition that a key belongs to.
    #[must_use]
    pub fn partition_of(&self, key: &[u8]) -> u32 {
        murmur2(key) % self.partitions().max(1)
    }

    pub(crate) fn view(&self, partition: u32) -> Option<&Arc<View>> {
        self.inner.partitions.get(partition as usize)
    }
}

impl std::fmt::Debug for Topic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Topic")
            .field("name", &self.inner.name)
            .field("partitions", &self.partitions())
            .finish_non_exhaustive()
    }
}

/// Whether a topic can have this name: 1 to 200 characters of `A-Z a-z 0-9 . _ -`, but not `.` or `..`. Names that start
/// with `__` are the log's own.
#[must_use]
pub fn is_valid_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=200).contains(&name.len()) && name.bytes().all(allowed) && name != "." && name != ".."
}

/// Whether a route may read or write a topic of this name: not one of the log's own.
pub(crate) fn is_open_to_routes(name: &str) -> bool {
    is_valid_name(name) && !name.starts_with("__")
}

/// What is kept of a topic beside its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fact {
    pub(crate) incarnation: Uuid,
    pub(crate) partitions: u32,
}

/// Whether the file may lead a route to a topic of this name: also to one that an optional target follows, which only we name.
pub(crate) fn is_open_to_files(name: &str) -> bool {
    is_open_to_routes(name) || (is_valid_name(name) && is_spilled(name))
}

/// Whether messages in this topic keep the coordinates of where they came from.
pub(crate) fn is_spilled(name: &str) -> bool {
    name.starts_with(hybridge_config::BACKLOG_PREFIX)
}

/// Makes the folder of a new topic; its fact comes last, and without it there is no topic.
pub(crate) fn create(disk: &dyn Disk, dir: &Path, partitions: u32) -> io::Result<Fact> {
    let fact =
        Fact { incarnation: Uuid::new_v4(), partitions: partitions.clamp(1, MAX_PARTITIONS) };
    for number in 0..fact.partitions {
        disk.create_dir(&partition_dir(dir, number))?;
    }
    if let Some(parent) = dir.parent() {
        disk.sync_dir(parent)?;
    }
    meta::write(disk, &dir.join(FACT), &fact)?;
    Ok(fact)
}

/// Reads what a topic's folder is; from its segments where the fact is damaged. `None` where no topic was made.
pub(crate) fn find(disk: &dyn Disk, dir: &Path) -> io::Result<Option<Fact>> {
    if let Some(fact) = meta::read(disk, &dir.join(FACT))? {
        return Ok(Some(fact));
    }
    let mut partitions = 0;
    let mut incarnation = None;
    let Ok(names) = disk.list(dir) else { return Ok(None) };
    for name in names {
        let Ok(number) = name.parse::<u32>() else { continue };
        partitions = partitions.max(number.saturating_add(1).min(MAX_PARTITIONS));
        let folder = dir.join(&name);
        for file in disk.list(&folder)? {
            if incarnation.is_some() || segment::base_of(&file).is_none() {
                continue;
            }
            let file = disk.open(&folder.join(file), super::disk::Mode::Read)?;
            incarnation = segment::read_header(&*file)?.map(|header| header.identity.incarnation);
        }
    }
    let Some(incarnation) = incarnation else { return Ok(None) };
    tracing::error!(topic = %dir.display(), "the topic's file is damaged; taken from its segments");
    Ok(Some(Fact { incarnation, partitions }))
}

/// The folder of a partition.
pub(crate) fn partition_dir(topic: &Path, number: u32) -> PathBuf {
    topic.join(number.to_string())
}

/// The hash that Kafka's producers choose partitions by, so that a topic that was copied keeps its partitions.
/// MurmurHash2, 32 bit, seed 0x9747b28c, sign bit cleared.
fn murmur2(key: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ key.len() as u32;
    let mut words = key.chunks_exact(4);
    for word in &mut words {
        let mut k = word.first_chunk().map_or(0, |raw| u32::from_le_bytes(*raw)).wrapping_mul(M);
        k = (k ^ (k >> 24)).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |sum, byte| (sum << 8) | u32::from(*byte));
        hash = (hash ^ tail).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    (hash ^ (hash >> 15)) & 0x7fff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_where_kafka_puts_them() {
        // Apache Kafka, UtilsTest.testMurmur2, with the sign bit cleared as in Utils.toPositive.
        let known: [(&[u8], i32); 4] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"abc", 479_470_107),
        ];
        for (key, hash) in known {
            assert_eq!(murmur2(key), hash.cast_unsigned() & 0x7fff_ffff);
        }
    }

    #[test]
    fn names_are_safe_as_folders() {
        for name in ["a", "orders.dead", "A_b-9", "__cursors"] {
            assert!(is_valid_name(name), "{name}");
        }
        for name in ["", ".", "..", "a/b", "a b", "\u{e4}", "a\0", &"x".repeat(201)] {
            assert!(!is_valid_name(name), "{name:?}");
        }
    }
}
