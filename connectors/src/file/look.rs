//! What is asked of the file system; all of it blocks.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::identity::{FileId, Head, read_at};
use super::pattern::Pattern;
use crate::lines::CHUNK;

/// A file that matches.
#[derive(Debug)]
pub(super) struct Found {
    pub path: PathBuf,
    pub id: FileId,
    pub length: u64,
    /// Of a file that was not known.
    pub fresh: Option<Fresh>,
}

/// What is read of a file when it is seen for the first time.
#[derive(Debug)]
pub(super) struct Fresh {
    pub head: Head,
    /// Where its last line ends, so far.
    pub last_line: u64,
}

/// The files that match now, each once, whatever names it has; `known` ones are not read.
pub(super) fn scan(pattern: &Pattern, known: &HashSet<FileId>) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for path in pattern.files()? {
        let looked = look(&path, known);
        match looked {
            Ok(file) if seen.insert(file.id) => found.push(file),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let context = format!("{}: {error}", path.display());
                return Err(io::Error::new(error.kind(), context));
            }
        }
    }
    Ok(found)
}

fn look(path: &Path, known: &HashSet<FileId>) -> io::Result<Found> {
    let metadata = std::fs::metadata(path)?;
    let (id, length) = (FileId::of(&metadata), metadata.len());
    if known.contains(&id) {
        return Ok(Found { path: path.to_owned(), id, length, fresh: None });
    }
    // Looked at anew through the open file: the name may be another file's by now.
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let (id, length) = (FileId::of(&metadata), metadata.len());
    let fresh = Fresh { head: Head::read(&file)?, last_line: last_line(&file, length)? };
    Ok(Found { path: path.to_owned(), id, length, fresh: Some(fresh) })
}

/// The end of the last whole line, looked for in the last chunk; else the end of the file.
fn last_line(file: &File, length: u64) -> io::Result<u64> {
    let start = length.saturating_sub(CHUNK as u64);
    let mut tail = vec![0; usize::try_from(length - start).unwrap_or(CHUNK)];
    let read = read_at(file, &mut tail, start)?;
    let newline = tail[..read].iter().rposition(|byte| *byte == b'\n');
    Ok(newline.map_or(if start == 0 { 0 } else { length }, |at| start + at as u64 + 1))
}

/// What to read.
pub(super) struct Read {
    pub file: Option<Arc<File>>,
    pub path: PathBuf,
    pub id: FileId,
    pub head: Head,
    pub at: u64,
    pub buffer: Vec<u8>,
}

/// What reading came to.
pub(super) enum Chunk {
    /// The bytes from there, fewer than asked for at the end of the file.
    Read { file: Arc<File>, head: Head, bytes: Vec<u8> },
    /// It has become shorter or begins differently: the content is another one.
    Replaced { file: Arc<File>, head: Head },
    /// Its name is another file's, or nobody's.
    Gone,
}

impl Read {
    /// Reads one chunk.
    pub(super) fn run(self) -> io::Result<Chunk> {
        let Some(file) = self.open()? else { return Ok(Chunk::Gone) };
        let head = Head::read(&file)?;
        if !head.continues(&self.head) || file.metadata()?.len() < self.at {
            return Ok(Chunk::Replaced { file, head });
        }
        let mut bytes = self.buffer;
        bytes.resize(CHUNK, 0);
        let length = read_at(&file, &mut bytes, self.at)?;
        bytes.truncate(length);
        Ok(Chunk::Read { file, head, bytes })
    }

    fn open(&self) -> io::Result<Option<Arc<File>>> {
        if let Some(file) = &self.file {
            return Ok(Some(file.clone()));
        }
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let is_same = FileId::of(&file.metadata()?) == self.id;
        Ok(is_same.then(|| Arc::new(file)))
    }
}
