//! `file`: files of lines, and files that are one message each.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lease::LeaseConfig;
use crate::{ByteSize, Duration};

/// Reads files and follows those that grow; the position of every file is kept over restarts.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FileSource")]
pub struct SourceConfig {
    /// A file, a folder (every file in it), or a pattern: `/var/spool/orders/*.jsonl`. `*` and `?` stand for
    /// characters of a name, `**` for folders.
    pub path: String,
    /// How a file is cut into messages.
    #[serde(default)]
    pub format: Format,
    /// How often files are looked at for more.
    #[serde(default = "default_poll")]
    pub poll: Duration,
    /// Where a file that has no position yet begins.
    #[serde(default)]
    pub start: Start,
    /// Ends the route when every file that was there at the start has been read, instead of waiting for more.
    #[serde(default)]
    pub once: bool,
    /// What becomes of a file of format `whole` once its message is settled.
    #[serde(default)]
    pub after: After,
    /// Longest line, or largest file of format `whole`; anything longer is a permanent fault, with its first bytes in
    /// the dead letter.
    #[serde(default = "default_max_message")]
    pub max_message: ByteSize,
    /// Lets several processes that see the same folder have this route: one of them reads, the others wait to take over.
    /// Default: this process alone reads.
    pub lease: Option<LeaseConfig>,
}

/// How a file is cut into messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "FileFormat")]
pub enum Format {
    /// One JSON value a line; a line that is none is a permanent fault. CloudEvents are recognised.
    #[default]
    JsonLines,
    /// One message a line, any bytes but the newline.
    Lines,
    /// One message a file. A file must be moved into place, since it is read once.
    Whole,
}

/// Where a file that has no position yet begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "FileStart")]
pub enum Start {
    /// At its first byte.
    #[default]
    Beginning,
    /// At its end, as of the first start; files that appear later begin at their first byte.
    End,
}

/// What becomes of a file of format `whole` once its message is settled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "FileAfter")]
pub enum After {
    /// It stays, and is remembered.
    #[default]
    Keep,
    /// It is removed.
    Remove,
    /// It is moved into this folder of the same file system; a number is appended to a name that is taken.
    Move(PathBuf),
}

/// Appends messages to a file, or writes one file a message.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FileSink")]
pub struct SinkConfig {
    /// The file to append to, in a folder that exists; for format `whole` the folder to write into, which is made.
    pub path: PathBuf,
    /// How messages are written.
    #[serde(default)]
    pub format: Format,
    /// When a new file begins. Default: never.
    pub rotate: Option<RotateConfig>,
    /// Confirms a message only when it is on disk; `false` leaves that to the operating system, which loses what it has
    /// not written when the machine stops.
    #[serde(default = "default_fsync")]
    pub fsync: bool,
}

/// When a new file begins. The old one gets its time appended to its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RotateConfig {
    /// At this size: a write that would go beyond it begins a new file. Default: at any.
    pub bytes: Option<ByteSize>,
    /// At this age. Default: at any.
    pub age: Option<Duration>,
}

fn default_poll() -> Duration {
    Duration::from_secs(1)
}

fn default_max_message() -> ByteSize {
    ByteSize::from_mib(1)
}

fn default_fsync() -> bool {
    true
}
