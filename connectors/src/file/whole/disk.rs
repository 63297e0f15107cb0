//! What is asked of the file system; all of it blocks.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use hybridge_config::connector::file::After;

use super::super::identity::FileId;
use super::super::pattern::Pattern;

/// A file that matches.
#[derive(Debug)]
pub(super) struct Found {
    pub path: PathBuf,
    pub id: FileId,
    pub length: u64,
}

/// What was in a file.
pub(super) enum Content {
    Whole(Vec<u8>),
    /// It is longer than the limit.
    First {
        bytes: Vec<u8>,
        length: u64,
    },
    /// It has become longer than the permit that was taken for it.
    Grown(u64),
    /// Its name is another file's, or nobody's.
    Gone,
}

/// The files that match now, each once, by name.
pub(super) fn scan(pattern: &Pattern) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for path in pattern.files()? {
        match fs::metadata(&path) {
            Ok(metadata) if seen.insert(FileId::of(&metadata)) => {
                found.push(Found { path, id: FileId::of(&metadata), length: metadata.len() });
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Reads a file of at most `room` bytes, or the first `limit` bytes of one that is longer.
pub(super) fn read(path: &Path, id: FileId, room: u64, limit: u64) -> io::Result<Content> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Content::Gone),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    if FileId::of(&metadata) != id {
        return Ok(Content::Gone);
    }
    let length = metadata.len();
    if length.min(limit) > room {
        return Ok(Content::Grown(length));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length.min(limit)).unwrap_or(0));
    Read::by_ref(&mut file).take(length.min(limit)).read_to_end(&mut bytes)?;
    bytes.shrink_to_fit();
    Ok(if length > limit { Content::First { bytes, length } } else { Content::Whole(bytes) })
}

/// Removes or moves files, durably, and returns those with which it failed.
pub(super) fn put_away(settled: Vec<Found>, after: &After) -> Vec<Found> {
    let mut failed = Vec::new();
    let mut folders = BTreeSet::new();
    for found in settled {
        let result = match after {
            After::Keep => Ok(()),
            After::Remove => remove(&found),
            After::Move(to) => {
                folders.insert(to.clone());
                move_to(&found, to)
            }
        };
        folders.extend(found.path.parent().map(Path::to_owned));
        if let Err(error) = result {
            let path = found.path.display();
            tracing::warn!(%path, %error, "a file that was read could not be put away; trying again");
            failed.push(found);
        }
    }
    for folder in folders {
        // At worst a file that was put away is there again after a loss of power, and comes again.
        let _ = File::open(if folder.as_os_str().is_empty() { Path::new(".") } else { &folder })
            .and_then(|folder| folder.sync_all());
    }
    failed
}

/// Whether the path is still this file's.
fn is_there(found: &Found) -> io::Result<bool> {
    match fs::metadata(&found.path) {
        Ok(metadata) => Ok(FileId::of(&metadata) == found.id),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn remove(found: &Found) -> io::Result<()> {
    if is_there(found)? { fs::remove_file(&found.path) } else { Ok(()) }
}

fn move_to(found: &Found, folder: &Path) -> io::Result<()> {
    if !is_there(found)? {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    let name = found.path.file_name().unwrap_or_default();
    let mut to = folder.join(name);
    let mut number = 0;
    while fs::symlink_metadata(&to).is_ok() {
        number += 1;
        let mut name = OsString::from(name);
        name.push(format!(".{number}"));
        to = folder.join(name);
    }
    fs::rename(&found.path, &to)
}
