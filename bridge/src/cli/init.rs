//! `hybridge init`.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;

use super::Format;
use super::failure::Failure;
use super::output::Output;
use super::pair::{System, pair};

/// What it writes where nobody says between which systems.
pub(super) const STARTER: &str = include_str!("starter.yaml");

pub(super) fn init(path: &Path, from: Option<System>, to: Option<System>) -> Result<(), Failure> {
    let text = match (from, to) {
        (None, None) => STARTER.to_owned(),
        (from, to) => pair(from.unwrap_or(System::Http), to.unwrap_or(System::Log)),
    };
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
    file.write_all(text.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))
        .map_err(Failure::Other)?;
    let path = path.display();
    let mut output = Output::new(Format::Text);
    output.line(&format!("wrote {path}; next: hybridge check {path} && hybridge run {path}"))?;
    output.finish()
}
