//! A place for commands that keep nothing.

use std::path::PathBuf;

use hybridge_connectors::log::{Options, Store};

use super::failure::Failure;

/// A folder for an empty log: connectors are made with one, and the real one may be in use.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("hybridge-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub(super) fn store(&self) -> Result<Store, Failure> {
        Store::open(&self.0, Options::default()).map_err(Failure::other)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "cannot remove a temporary folder");
        }
    }
}
