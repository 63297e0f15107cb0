//! Which file it is, whatever it is called.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::UNIX_EPOCH;

/// A file by device, number and, where the file system knows it, time of birth: numbers are given
/// again to new files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
    born: u128,
}

impl FileId {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let born = metadata.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            born: born.map_or(0, |born| born.as_nanos()),
        }
    }

    /// The name under which its position is kept. Other machines give the device of a shared folder another number.
    pub(super) fn name(self, is_shared: bool) -> String {
        let device = if is_shared { 0 } else { self.device };
        format!("{device:x}.{:x}.{:x}", self.inode, self.born)
    }
}

/// The first bytes of a file: when they change, it is not the same content that goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head(Vec<u8>);

impl Head {
    const SIZE: usize = 256;

    pub(super) fn read(file: &File) -> io::Result<Self> {
        let mut bytes = vec![0; Self::SIZE];
        let length = read_at(file, &mut bytes, 0)?;
        bytes.truncate(length);
        Ok(Self(bytes))
    }

    /// Whether a file with this head may have had `earlier`: files only grow.
    pub(super) fn continues(&self, earlier: &Self) -> bool {
        self.0.starts_with(&earlier.0)
    }

    /// A fingerprint of the first bytes, as far as the file was read up to `position`.
    pub(super) fn print(&self, position: u64) -> u64 {
        let length = self.0.len().min(usize::try_from(position).unwrap_or(usize::MAX));
        ((length as u64) << 32) | u64::from(crc32c::crc32c(&self.0[..length]))
    }

    /// Whether a file with this head may be the one whose fingerprint this is.
    pub(super) fn matches(&self, print: u64) -> bool {
        let length = print >> 32;
        length <= self.0.len() as u64 && self.print(length) == print
    }
}

/// Fills `buffer` as far as the file reaches.
pub(super) fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
