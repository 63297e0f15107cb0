//! Small facts that must survive: what the folder and each topic are.
//!
//! Each file holds its line twice, each with a checksum, so that no single damaged place loses it (two line ends, so that
//! a damaged one does not join the lines).

use std::io;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::disk::{self, Disk};

const LIMIT: usize = 64 << 10;

/// Writes a fact so that after a crash the old or the new one is there.
pub(crate) fn write<T: Serialize>(disk: &dyn Disk, path: &Path, fact: &T) -> io::Result<()> {
    let text = serde_json::to_string(fact)?;
    let line = format!("{text}\t{:08x}\n\n", crc32c::crc32c(text.as_bytes()));
    disk::replace(disk, path, format!("{line}{line}").as_bytes())
}

/// Reads a fact; `None` when the file is missing or both its lines are damaged.
pub(crate) fn read<T: DeserializeOwned>(disk: &dyn Disk, path: &Path) -> io::Result<Option<T>> {
    let content = match disk::read_small(disk, path, LIMIT) {
        Ok(content) => content,
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    Ok(content.split(|byte| *byte == b'\n').find_map(valid))
}

fn valid<T: DeserializeOwned>(line: &[u8]) -> Option<T> {
    let (text, crc) = std::str::from_utf8(line).ok()?.rsplit_once('\t')?;
    if u32::from_str_radix(crc, 16).ok()? != crc32c::crc32c(text.as_bytes()) {
        return None;
    }
    serde_json::from_str(text).ok()
}
