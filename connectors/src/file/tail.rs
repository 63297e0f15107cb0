//! One file that is being followed.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use hybridge_core::{Assignment, Share};
use tokio::time::Instant;

use super::identity::{FileId, Head};
use crate::positions::Numbers;

/// A file and how far it was read.
pub(super) struct Tail {
    pub path: PathBuf,
    pub id: FileId,
    /// Counts the contents that the file has had: it grows when the file is cut and filled anew.
    pub generation: u64,
    pub assignment: Assignment,
    pub share: Share,
    pub head: Head,
    /// Open, so that it can be read on after its name has gone.
    pub file: Option<Arc<File>>,
    /// Where the next line starts.
    pub next: u64,
    /// Up to where the line at `next` is known to have no end.
    pub tried: u64,
    /// How long the file was when it was last looked at.
    pub length: u64,
    /// Nothing is left to read, as far as was seen.
    pub at_end: bool,
    /// There was no permit for the next line.
    pub starved: bool,
    /// Since when no file that matches has been this one, and it has not grown.
    pub gone: Option<Instant>,
    /// What was saved of it last.
    pub saved: Numbers,
    /// When it was read last, as a count of reads.
    pub read: u64,
}

/// How a file stands in the saved positions: where it was read to, the fingerprint of its head, and
/// its generation.
pub(super) const NUMBERS: usize = 3;

impl Tail {
    /// What to save when everything before `position` is settled.
    pub(super) fn numbers(&self, position: u64) -> Numbers {
        vec![position, self.head.print(position), self.generation]
    }
}

/// Where to go on in a file that is seen for the first time by this source: its position and
/// generation. What was saved of another content starts a generation.
pub(super) fn resume(saved: &Numbers, head: &Head, length: u64, fresh: u64) -> (u64, u64) {
    match saved.as_slice() {
        [position, print, generation] if *position <= length && head.matches(*print) => {
            (*position, *generation)
        }
        [_, _, generation] => (0, generation + 1),
        _ => (fresh, 0),
    }
}
