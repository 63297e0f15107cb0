//! The file of length-prefixed records that the limit programs read, and how they end.

use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};

const MAX_RECORD: usize = 16 * 1024 * 1024;

/// Reads one record after the other.
#[derive(Debug)]
pub struct Records {
    file: BufReader<File>,
    record: Vec<u8>,
}

impl Records {
    /// Opens a file that [`write`] made.
    pub fn open(path: &str) -> Result<Self> {
        let file = File::open(path).with_context(|| path.to_owned())?;
        Ok(Self { file: BufReader::with_capacity(256 * 1024, file), record: Vec::new() })
    }

    /// The next record; `None` at the end.
    pub fn next_record(&mut self) -> Result<Option<&[u8]>> {
        let mut length = [0; 4];
        match self.file.read_exact(&mut length) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            result => result?,
        }
        let length = u32::from_le_bytes(length) as usize;
        if length > MAX_RECORD {
            bail!("a record of {length} bytes");
        }
        self.record.resize(length, 0);
        self.file.read_exact(&mut self.record)?;
        Ok(Some(&self.record))
    }
}

/// Writes a file of records.
pub fn write(path: &Path, records: impl Iterator<Item = Vec<u8>>) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for record in records {
        file.write_all(&(record.len() as u32).to_le_bytes())?;
        file.write_all(&record)?;
    }
    file.into_inner()?.sync_all()?;
    Ok(())
}

/// Says `done` and stays, so that what the process has used can still be read.
pub fn wait_to_be_killed() -> ! {
    let _ = writeln!(std::io::stdout(), "done");
    loop {
        std::thread::park();
    }
}
