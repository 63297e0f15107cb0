//! A process that is started, killed, frozen and started again; gone when its owner is.

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::POLL;
use crate::guard::Guard;
use crate::sys::{self, Signal};

/// One process with all that it starts, killed on drop and when this program ends.
#[derive(Debug)]
pub struct Child {
    name: String,
    log: PathBuf,
    process: Option<(std::process::Child, Guard)>,
}

impl Child {
    /// Not started yet; what it prints goes to a file in `folder`.
    pub fn new(name: &str, folder: &Path) -> Self {
        Self { name: name.to_owned(), log: folder.join(format!("{name}.log")), process: None }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Starts it as the leader of a process group.
    pub fn start(&mut self, mut command: Command) -> Result<()> {
        self.kill()?;
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        let child = command.spawn().with_context(|| format!("{command:?}"))?;
        let guard = Guard::of(child.id())?;
        self.process = Some((child, guard));
        Ok(())
    }

    /// Kills it, and everything that it started, with SIGKILL and waits for its end.
    pub fn kill(&mut self) -> Result<()> {
        let Some((mut child, guard)) = self.process.take() else { return Ok(()) };
        let _ = sys::kill_group(child.id());
        drop(guard);
        child.wait()?;
        Ok(())
    }

    /// Asks it to end and waits for that.
    pub async fn stop(&mut self, within: Duration) -> Result<()> {
        sys::signal(self.pid()?, Signal::Terminate)?;
        let started = Instant::now();
        while self.exited()?.is_none() {
            if started.elapsed() > within {
                bail!("{} still runs after {within:?}:\n{}", self.name, self.log_tail());
            }
            tokio::time::sleep(POLL).await;
        }
        self.kill()
    }

    /// Freezes it with everything that it started.
    pub fn pause(&self) -> Result<()> {
        Ok(sys::signal_group(self.pid()?, Signal::Stop)?)
    }

    /// Lets it go on.
    pub fn resume(&self) -> Result<()> {
        Ok(sys::signal_group(self.pid()?, Signal::Continue)?)
    }

    /// How it ended, if it did.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        let (child, _) = self.process.as_mut().context("not started")?;
        Ok(child.try_wait()?)
    }

    /// Its process id.
    pub fn pid(&self) -> Result<u32> {
        let (child, _) = self.process.as_ref().context("not started")?;
        Ok(child.id())
    }

    /// The last lines that it printed.
    pub fn log_tail(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
