//! The file system as the log sees it: the few calls it makes, so that tests can put a modelled disk underneath.
//!
//! All calls block. Writes are positional; nothing is durable before `sync_data` of the file and `sync_dir` of the
//! directory that names it have returned `Ok`. After a failed `sync_data` the unsynced data must be considered lost.

#[cfg(any(test, feature = "testing"))]
pub mod model;

use std::any::Any;
use std::fs;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

/// One open file.
pub trait File: Send + Sync {
    /// Writes all of `data` at `at`. After an error any part of it may have been written.
    fn write_at(&self, data: &[u8], at: u64) -> io::Result<()>;
    /// Fills `buffer` from `at` as far as the file reaches, and returns how many bytes that were.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;
    /// Does [`read_at`](Self::read_at) without waiting for the disk: it may stop before the buffer is full where the rest is
    /// not in memory, and gives `None` where nothing is.
    fn read_cached_at(&self, _buffer: &mut [u8], _at: u64) -> io::Result<Option<usize>> {
        Ok(None)
    }
    /// Makes everything that was written durable (`fdatasync`).
    fn sync_data(&self) -> io::Result<()>;
    /// Cuts (or extends with zeros) the file to `len` bytes.
    fn truncate(&self, len: u64) -> io::Result<()>;
    /// The length in bytes.
    fn size(&self) -> io::Result<u64>;
}

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It must exist; for reading.
    Read,
    /// It must exist; for reading and writing.
    Write,
    /// It must not exist yet; for reading and writing.
    Create,
}

/// Directories and names.
pub trait Disk: Send + Sync {
    /// Opens a file.
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn File>>;
    /// The names in a directory, in no particular order.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Creates a directory and its parents; it is no error when they exist.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// Renames a file, replacing what has the new name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Takes the exclusive lock of a file (created when missing) until the guard is dropped; `None` when somebody holds it.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>>;
}

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
/// What opening and reading report, and `InvalidData` for a larger file.
pub(crate) fn read_small(disk: &dyn Disk, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let file = disk.open(path, Mode::Read)?;
    let too_large = || io::Error::new(io::ErrorKind::InvalidData, "file is larger than expected");
    let size = usize::try_from(file.size()?).ok().filter(|size| *size <= limit);
    let mut content = vec![0; size.ok_or_else(too_large)?];
    let len = file.read_at(&mut content, 0)?;
    content.truncate(len);
    Ok(content)
}

/// Writes a whole file so that after a crash either the old or the new content is there.
///
/// # Errors
/// What the disk reports; the old content is then still in place.
pub(crate) fn replace(disk: &dyn Disk, path: &Path, content: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("tmp");
    remove_if_present(disk, &fresh)?;
    let file = disk.open(&fresh, Mode::Create)?;
    file.write_at(content, 0)?;
    file.sync_data()?;
    disk.rename(&fresh, path)?;
    match path.parent() {
        Some(dir) => disk.sync_dir(dir),
        None => Ok(()),
    }
}

/// Removes a file; a missing one is no error.
///
/// # Errors
/// What the disk reports.
pub(crate) fn remove_if_present(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Whether an error says that there is no room left.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The operating system's file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct Os;

impl Disk for Os {
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn File>> {
        let file = fs::OpenOptions::new()
            .read(true)
            .write(mode != Mode::Read)
            .create_new(mode == Mode::Create)
            .open(path)?;
        Ok(Arc::new(file))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            // A name that is not UTF-8 is not one of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        // The parent of a relative path with one part is the empty path.
        let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
        fs::File::open(dir)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

impl File for fs::File {
    fn write_at(&self, data: &[u8], at: u64) -> io::Result<()> {
        self.write_all_at(data, at)
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match std::os::unix::fs::FileExt::read_at(self, rest, at + filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn read_cached_at(&self, buffer: &mut [u8], at: u64) -> io::Result<Option<usize>> {
        read_cached(self, buffer, at)
    }

    fn sync_data(&self) -> io::Result<()> {
        fs::File::sync_data(self)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

#[cfg(target_os = "linux")]
fn read_cached(file: &fs::File, buffer: &mut [u8], at: u64) -> io::Result<Option<usize>> {
    use rustix::io::{Errno, ReadWriteFlags, preadv2};

    match preadv2(file, &mut [io::IoSliceMut::new(buffer)], at, ReadWriteFlags::NOWAIT) {
        Ok(filled) => Ok(Some(filled)),
        // Not in memory, interrupted, or a file system that cannot tell: then it is read where it may block.
        Err(Errno::AGAIN | Errno::INTR | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn read_cached(_file: &fs::File, _buffer: &mut [u8], _at: u64) -> io::Result<Option<usize>> {
    Ok(None)
}
