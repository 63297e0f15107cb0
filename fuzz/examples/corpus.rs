//! Writes the seeds of folders with tables of cases: `corpus TARGET-FOLDER FOLDER...`.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Error, Result};
use std::path::PathBuf;

fn main() -> Result<()> {
    let mut folders = std::env::args_os().skip(1).map(PathBuf::from);
    let target = folders.next().ok_or_else(|| Error::other("corpus TARGET-FOLDER FOLDER..."))?;
    std::fs::create_dir_all(&target)?;
    for folder in folders {
        for seed in hybridge_fuzz::seeds(&folder)? {
            let mut hasher = DefaultHasher::new();
            seed.hash(&mut hasher);
            std::fs::write(target.join(format!("{:016x}", hasher.finish())), seed)?;
        }
    }
    Ok(())
}
