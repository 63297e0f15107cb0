//! What can go wrong with the log.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a folder cannot be opened as a log.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or this one, has it open.
    #[error("{} is in use by another process", .0.display())]
    Locked(PathBuf),
    /// There is no log in the folder.
    #[error("{} holds no log", .0.display())]
    Missing(PathBuf),
    /// A later version of this program wrote it.
    #[error("{} has format version {found}, this program reads up to {known}", .path.display())]
    Version {
        /// The folder.
        path: PathBuf,
        /// The version that was found.
        found: u32,
        /// The latest version that is known.
        known: u32,
    },
    /// The disk failed.
    #[error("{}: {source}", .path.display())]
    Disk {
        /// The folder.
        path: PathBuf,
        /// What it reported.
        source: io::Error,
    },
}

/// Why something was not written. Nothing of it will be seen by a reader, unless the process ends before it was cut off.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// There is no room left on the disk. May be tried again: it heals when there is room.
    #[error("the disk is full")]
    Full,
    /// The disk failed. May be tried again.
    #[error("the disk failed: {0}")]
    Disk(Arc<io::Error>),
    /// The record is larger than the log takes.
    #[error("record of {size} bytes is larger than {limit}")]
    TooLarge {
        /// Its size as a record.
        size: usize,
        /// The most that is taken.
        limit: usize,
    },
    /// No topic can have this name.
    #[error(
        "`{0}` is not a topic name: 1 to 200 of A-Z a-z 0-9 . _ - without __ in front, not . or .."
    )]
    Name(String),
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
}

/// Why something was not read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// The disk failed. May be tried again.
    #[error("the disk failed: {0}")]
    Disk(Arc<io::Error>),
    /// The runtime shuts down.
    #[error("the read was cancelled")]
    Cancelled,
}
