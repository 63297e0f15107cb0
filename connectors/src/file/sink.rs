//! Files as targets: one to append lines to, or a folder with one file a message.

mod append;
mod folder;

pub(super) use append::Append;
pub(super) use folder::Folder;

use std::fs::File;
use std::io;
use std::path::Path;

use hybridge_core::{Error, ErrorKind};

/// Whatever the disk reports may pass: a full one is freed, a folder is made, rights are given.
fn failed(path: &Path, error: io::Error) -> Error {
    Error::with_source(ErrorKind::Transient, format!("writing {}", path.display()), error)
}

/// Makes the names in a folder durable.
fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}
