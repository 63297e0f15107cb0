//! A small file system that can be filled and freed while somebody writes to it.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::sys;

/// A mounted tmpfs of a fixed size; unmounted on drop.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// Mounts `mebibytes` at `folder`, which is made if missing. Needs the right to mount.
    pub fn mount(folder: &Path, mebibytes: u64) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        if !sys::is_root() {
            bail!("only root may mount; see `in_own_namespace`");
        }
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "hybridge-test"])
            .arg(folder)
            .status()
            .context("mount")?;
        if !status.success() {
            bail!("mount: {status}");
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// Where it is mounted.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes ballast until nothing more fits.
    pub fn fill(&self) -> Result<()> {
        fill(&self.folder)
    }

    /// Removes the ballast.
    pub fn free(&self) -> Result<()> {
        free(&self.folder)
    }
}

const BALLAST: &str = "ballast";

/// Writes ballast into `folder` until nothing more fits on its file system.
pub fn fill(folder: &Path) -> Result<()> {
    let mut file = File::create(folder.join(BALLAST))?;
    let mut piece = vec![0_u8; 64 * 1024];
    while !piece.is_empty() {
        match file.write(&piece) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => {
                let half = piece.len() / 2;
                piece.truncate(half);
            }
            Err(error) => return Err(error).context("ballast"),
        }
    }
    Ok(())
}

/// Removes the ballast from `folder`.
pub fn free(folder: &Path) -> Result<()> {
    match std::fs::remove_file(folder.join(BALLAST)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).context("ballast"),
        _ => Ok(()),
    }
}

/// A command that runs `program` where `folder` is a tmpfs of its own of so many mebibytes. Others
/// see that as `/proc/PID/root` and the folder's path; it ends with the process. Needs no root.
pub fn on_small_disk(folder: &Path, mebibytes: u64, program: &[&std::ffi::OsStr]) -> Command {
    let mount = "mount -t tmpfs -o \"size=$1m\" small \"$2\" && shift 2 && exec \"$@\"";
    let mut command = Command::new("unshare");
    command
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"])
        .arg(mebibytes.to_string())
        .arg(folder)
        .args(program);
    command
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a frozen or dying process may still have files open.
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}

/// Runs this program again in a mount namespace of its own (and, when not root, in a user
/// namespace where it may mount), so that no mount outlives it. Returns where that is impossible.
pub fn in_own_namespace() {
    const MARK: &str = "HYBRIDGE_TEST_NAMESPACE";
    if std::env::var_os(MARK).is_some() {
        return;
    }
    let kind: &[&str] = if sys::is_root() { &["-m"] } else { &["-m", "--map-root-user"] };
    let possible = Command::new("unshare")
        .args(kind)
        .arg("true")
        .output()
        .is_ok_and(|out| out.status.success());
    let Ok(own) = std::env::current_exe() else { return };
    if possible {
        // Returns only when it fails; the caller then goes on without.
        let _ = Command::new("unshare")
            .args(kind)
            .arg(own)
            .args(std::env::args_os().skip(1))
            .env(MARK, "1")
            .exec();
    }
}
