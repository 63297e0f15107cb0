//! The file that is appended to; all of it blocks.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hybridge_config::connector::file::SinkConfig;
use jiff::Timestamp;

use super::super::sync_folder;

/// Appends, rotates, syncs.
///
/// Nothing stays of what could not be written whole and synced: the file is cut back to what was
/// confirmed, so that the next attempt neither follows a torn line nor repeats whole ones.
pub(super) struct Appender {
    path: PathBuf,
    fsync: bool,
    rotate_bytes: u64,
    rotate_age: Duration,
    open: Option<Open>,
}

struct Open {
    file: File,
    is_regular: bool,
    inode: u64,
    /// What is confirmed.
    length: u64,
    /// Written after that and not synced.
    pending: u64,
    since: SystemTime,
}

impl Appender {
    pub(super) fn new(config: &SinkConfig) -> Self {
        let rotate = config.rotate.clone().unwrap_or_default();
        Self {
            path: config.path.clone(),
            fsync: config.fsync,
            rotate_bytes: rotate.bytes.map_or(u64::MAX, |bytes| bytes.get()),
            rotate_age: rotate.age.map_or(Duration::MAX, |age| age.get()),
            open: None,
        }
    }

    /// Appends all of them, in order, and syncs once.
    pub(super) fn append(&mut self, batches: &[Vec<u8>]) -> io::Result<()> {
        let result = self.append_all(batches);
        if result.is_err()
            && let Some(open) = self.open.take()
            && open.is_regular
            && let Err(error) = open.file.set_len(open.length)
        {
            // The next attempt finds a torn line and ends it.
            tracing::warn!(path = %self.path.display(), %error, "could not cut the file back");
        }
        result
    }

    fn append_all(&mut self, batches: &[Vec<u8>]) -> io::Result<()> {
        self.close_if_replaced();
        self.opened()?;
        for lines in batches {
            let open = self.opened()?;
            let length = open.length + open.pending;
            if length > 0 && self.is_time_to_rotate(lines.len() as u64) {
                self.sync()?;
                self.rotate()?;
            }
            let open = self.opened()?;
            open.file.write_all(lines)?;
            open.pending += lines.len() as u64;
        }
        self.sync()
    }

    fn sync(&mut self) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        if open.pending > 0 && self.fsync && open.is_regular {
            open.file.sync_data()?;
        }
        open.length += std::mem::take(&mut open.pending);
        Ok(())
    }

    /// Somebody moved or removed the file: what comes next goes to a new one of that name.
    fn close_if_replaced(&mut self) {
        let inode = fs::metadata(&self.path).map(|metadata| metadata.ino());
        if let (Some(open), now) = (&self.open, inode.ok())
            && now != Some(open.inode)
        {
            self.open = None;
        }
    }

    fn opened(&mut self) -> io::Result<&mut Open> {
        let open = match self.open.take() {
            Some(open) => open,
            None => open(&self.path, self.fsync)?,
        };
        Ok(self.open.insert(open))
    }

    fn is_time_to_rotate(&self, more: u64) -> bool {
        let Some(open) = &self.open else { return false };
        // A clock that went back makes no file older.
        let age = open.since.elapsed().unwrap_or_default();
        let length = open.length + open.pending;
        open.is_regular && (length + more > self.rotate_bytes || age >= self.rotate_age)
    }

    fn rotate(&mut self) -> io::Result<()> {
        let time = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let named = |suffix: &str| {
            let mut name = OsString::from(&self.path);
            name.push(suffix);
            PathBuf::from(name)
        };
        let mut old = named(&format!(".{time}"));
        let mut number = 0;
        while fs::symlink_metadata(&old).is_ok() {
            number += 1;
            old = named(&format!(".{time}.{number}"));
        }
        fs::rename(&self.path, &old)?;
        self.open = None;
        // Opening the new file makes both names durable.
        self.opened().map(|_| ())
    }
}

/// Opens the file for this writer alone; ends a line that a crash tore.
fn open(path: &Path, fsync: bool) -> io::Result<Open> {
    let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, "another sink writes to it"));
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let metadata = file.metadata()?;
    let mut open = Open {
        is_regular: metadata.is_file(),
        inode: metadata.ino(),
        length: metadata.len(),
        pending: 0,
        since: metadata.created().or_else(|_| metadata.modified())?,
        file,
    };
    if !open.is_regular {
        return Ok(open);
    }
    if open.length > 0 {
        let mut last = [0];
        open.file.read_exact_at(&mut last, open.length - 1)?;
        if last != *b"\n" {
            tracing::warn!(path = %path.display(), "ended a line that was torn");
            open.file.write_all(b"\n")?;
            open.length += 1;
        }
    }
    if fsync {
        open.file.sync_all()?;
        sync_folder(path.parent().unwrap_or(Path::new("")))?;
    }
    Ok(open)
}
