//! Limit of `log -> log`: reads records of one file and checks them, appends them to another under new checksums,
//! syncs it, and then notes in a third how far it has come.
//!
//! `limit-log-log IN OUT CURSOR`; says `done` when the input is copied and waits to be killed.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result};
use hybridge_integration_tests::records::{self, Records, wait_to_be_killed};

const PIECE: usize = 256 * 1024;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut input = Records::open(&arguments.next().context("IN")?)?;
    let mut output = File::create(arguments.next().context("OUT")?)?;
    let cursor = File::create(arguments.next().context("CURSOR")?)?;
    let mut buffer = Vec::with_capacity(2 * PIECE);
    let mut count = 0_u64;
    loop {
        buffer.clear();
        while buffer.len() < PIECE {
            let Some(record) = input.next_record()? else { break };
            records::put(&mut buffer, record);
            count += 1;
        }
        if buffer.is_empty() {
            break;
        }
        output.write_all(&buffer)?;
        output.sync_data()?;
        cursor.write_all_at(&count.to_le_bytes(), 0)?;
    }
    wait_to_be_killed()
}
