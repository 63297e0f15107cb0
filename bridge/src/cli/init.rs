//! `hybridge init`.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;

use super::Format;
use super::failure::Failure;
use super::output::Output;

/// What it writes.
pub(super) const STARTER: &str = include_str!("starter.yaml");

pub(super) fn init(path: &Path) -> Result<(), Failure> {
    let created = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = match created {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let path = path.display();
            return Err(Failure::other(anyhow::anyhow!("{path} exists and is not overwritten")));
        }
        Err(error) => {
            let context = format!("cannot write {}", path.display());
            return Err(Failure::Other(anyhow::Error::new(error).context(context)));
        }
    };
    file.write_all(STARTER.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))
        .map_err(Failure::Other)?;
    let path = path.display();
    let mut output = Output::new(Format::Text);
    output.line(&format!("wrote {path}; next: hybridge check {path} && hybridge run {path}"))?;
    output.finish()
}
