//! Where the `hybridge` binary is; builds it when it is stale.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, bail};

/// The binary of the profile that this program was built with, built at most once per process.
///
/// The variable `HYBRIDGE_BIN` names another one, which is then taken as it is.
pub fn hybridge() -> Result<&'static Path> {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BINARY
        .get_or_init(|| locate().map_err(|error| format!("{error:#}")))
        .as_deref()
        .map_err(|error| anyhow!("{error}"))
}

/// Whether tests whose size matters run at their full size, as the variable `HYBRIDGE_FULL_SIZE` asks for.
pub fn is_full_size() -> bool {
    std::env::var_os("HYBRIDGE_FULL_SIZE").is_some_and(|value| value == "1")
}

/// Root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn locate() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("HYBRIDGE_BIN") {
        return std::path::absolute(&path).context("HYBRIDGE_BIN");
    }
    let own = std::env::current_exe()?;
    let mut folder = own.parent().context("this program has no folder")?;
    if folder.ends_with("deps") {
        folder = folder.parent().context("no folder above deps")?;
    }
    build()?;
    let path = folder.join("hybridge");
    if !path.is_file() {
        bail!("{} is missing after a build", path.display());
    }
    Ok(path)
}

fn build() -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "-p", "hybridge"]).current_dir(workspace());
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let status = command.stdin(Stdio::null()).status().context("cargo build")?;
    if !status.success() {
        bail!("cargo build -p hybridge: {status}");
    }
    Ok(())
}
