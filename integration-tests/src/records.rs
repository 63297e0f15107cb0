//! The file of records that the limit programs read, and how they end. A record has its length and its CRC-32C before
//! it, as those of the embedded log have.

use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::event::Id;

const MAX_RECORD: u32 = 16 * 1024 * 1024;
const HEAD: usize = 8;

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
        let mut head = [0; HEAD];
        match self.file.read_exact(&mut head) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            result => result?,
        }
        let (length, crc) = (u32::from_le_bytes([head[0], head[1], head[2], head[3]]), &head[4..]);
        if length > MAX_RECORD {
            bail!("a record of {length} bytes");
        }
        self.record.resize(length as usize, 0);
        self.file.read_exact(&mut self.record)?;
        if crc32c::crc32c(&self.record).to_le_bytes() != crc {
            bail!("a damaged record");
        }
        Ok(Some(&self.record))
    }
}

/// Appends a record behind its length and checksum.
pub fn put(buffer: &mut Vec<u8>, record: &[u8]) {
    buffer.extend_from_slice(&(record.len() as u32).to_le_bytes());
    buffer.extend_from_slice(&crc32c::crc32c(record).to_le_bytes());
    buffer.extend_from_slice(record);
}

/// A record with all that a request for an event has: header lines, an empty one, and a body of `size` bytes.
pub fn request(id: Id, size: usize) -> Vec<u8> {
    let key = u64::from(id.key) << 32 | u64::from(id.seq);
    let body = id.body(size, false);
    format!("{}idempotency-key: {key:032x}\r\n\r\n{body}", id.headers()).into_bytes()
}

/// Writes a file of records.
pub fn write(path: &Path, records: impl Iterator<Item = Vec<u8>>) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut buffer = Vec::new();
    for record in records {
        buffer.clear();
        put(&mut buffer, &record);
        file.write_all(&buffer)?;
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
