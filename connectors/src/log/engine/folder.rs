//! The folder as a whole: its lock, its format version and its identity.

use std::any::Any;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::TOPICS;
use crate::log::disk::Disk;
use crate::log::error::OpenError;
use crate::log::meta;
use crate::log::segment::VERSION;

const FORMAT: &str = "FORMAT";
const LOCK: &str = "LOCK";

#[derive(Serialize, Deserialize)]
struct Folder {
    version: u32,
    instance: Uuid,
}

/// Takes the lock that keeps other processes out.
pub(super) fn take_lock(
    disk: &dyn Disk,
    root: &Path,
    read_only: bool,
) -> Result<Option<Box<dyn Any + Send + Sync>>, OpenError> {
    match disk.lock(&root.join(LOCK)) {
        Ok(Some(guard)) => Ok(Some(guard)),
        Ok(None) => Err(OpenError::Locked(root.to_path_buf())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(OpenError::Missing(root.to_path_buf()))
        }
        // A folder that cannot be written to cannot be in use either.
        Err(_) if read_only => Ok(None),
        Err(source) => Err(OpenError::Disk { path: root.to_path_buf(), source }),
    }
}

/// Reads which log the folder is, or makes it one.
pub(super) fn identify(disk: &dyn Disk, root: &Path, read_only: bool) -> Result<Uuid, OpenError> {
    let failed = |source| OpenError::Disk { path: root.to_path_buf(), source };
    let path = root.join(FORMAT);
    if let Some(folder) = meta::read::<Folder>(disk, &path).map_err(failed)? {
        if folder.version > VERSION {
            let path = root.to_path_buf();
            return Err(OpenError::Version { path, found: folder.version, known: VERSION });
        }
        return Ok(folder.instance);
    }
    let has_topics = disk.list(&root.join(TOPICS)).is_ok();
    if read_only && !has_topics {
        return Err(OpenError::Missing(root.to_path_buf()));
    }
    if has_topics {
        tracing::error!(folder = %root.display(), "the folder's format file is missing or damaged");
    }
    let folder = Folder { version: VERSION, instance: Uuid::new_v4() };
    if read_only {
        return Ok(folder.instance);
    }
    disk.create_dir(&root.join(TOPICS)).map_err(failed)?;
    if let Some(parent) = root.parent() {
        // A relative name of one part has the empty parent, which no file system knows.
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        disk.sync_dir(parent).map_err(failed)?;
    }
    meta::write(disk, &path, &folder).map_err(failed)?;
    Ok(folder.instance)
}
