//! `hybridge run` as a child process.

use std::fs::{File, OpenOptions};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::admin::Admin;
use crate::guard::Guard;
use crate::sys::{self, Signal};
use crate::{binary, ports};

const POLL: Duration = Duration::from_millis(5);

/// A daemon with a folder, a configuration and an admin listener of its own; killed on drop.
#[derive(Debug)]
pub struct Daemon {
    folder: PathBuf,
    storage: PathBuf,
    admin: SocketAddr,
    child: Option<Child>,
    guard: Option<Guard>,
    variables: Vec<(String, String)>,
}

impl Daemon {
    /// A daemon that is not started yet. Its configuration, its log and its storage are in
    /// `folder`; `config` holds the sections but `hybridge`, `admin` and `storage`.
    pub fn new(folder: &Path, config: &str) -> Result<Self> {
        Self::with_storage(folder, &folder.join("storage"), config)
    }

    /// The same with its storage elsewhere.
    pub fn with_storage(folder: &Path, storage: &Path, config: &str) -> Result<Self> {
        let daemon = Self::bare(folder, storage)?;
        daemon.configure(config)?;
        Ok(daemon)
    }

    /// A daemon that runs `file` as it is written. Where it listens and stores, the file must take from `${ADMIN_LISTEN}` and
    /// `${STORAGE}`.
    pub fn as_written(folder: &Path, file: &Path) -> Result<Self> {
        let mut daemon = Self::bare(folder, &folder.join("storage"))?;
        std::fs::copy(file, daemon.config()).with_context(|| file.display().to_string())?;
        let (admin, storage) = (daemon.admin.to_string(), daemon.storage.display().to_string());
        daemon.variable("ADMIN_LISTEN", &admin);
        daemon.variable("STORAGE", &storage);
        Ok(daemon)
    }

    fn bare(folder: &Path, storage: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            storage: storage.to_owned(),
            admin: ports::free()?,
            child: None,
            guard: None,
            variables: Vec::new(),
        })
    }

    /// Replaces the configuration; a running daemon sees it when it reloads.
    pub fn configure(&self, config: &str) -> Result<()> {
        let text = format!(
            "hybridge: v1\nadmin: {{ listen: \"{}\" }}\nstorage: {{ path: \"{}\" }}\n{config}",
            self.admin,
            self.storage().display()
        );
        std::fs::write(self.config(), text).context("configuration")
    }

    /// Sets a variable of its environment for the next start.
    pub fn variable(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// What `hybridge check --connect` says of its configuration.
    pub fn check(&self) -> Result<Output> {
        let mut command = Command::new(binary::hybridge()?);
        command.args(["check", "--connect"]).arg(self.config());
        let variables = self.variables.iter().map(|(name, value)| (name, value));
        command.envs(variables).stdin(Stdio::null()).output().context("check --connect")
    }

    /// Starts the process and returns at once.
    pub fn start(&mut self) -> Result<()> {
        let mut command = Command::new(binary::hybridge()?);
        command.arg("run").arg(self.config());
        self.spawn(command)
    }

    /// Starts `command`, which must end up as a daemon with this configuration.
    pub fn spawn(&mut self, mut command: Command) -> Result<()> {
        // Never two: nobody would end the first.
        let _ = self.kill();
        let log = OpenOptions::new().create(true).append(true).open(self.log_path())?;
        let child = command
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .with_context(|| format!("{command:?}"))?;
        self.guard = Some(Guard::of(child.id())?);
        self.child = Some(child);
        Ok(())
    }

    /// Starts the process and waits until it is ready.
    pub async fn start_ready(&mut self) -> Result<()> {
        self.start()?;
        self.ready(Duration::from_secs(30)).await
    }

    /// Waits until it says that it is ready.
    pub async fn ready(&mut self, within: Duration) -> Result<()> {
        let admin = self.admin()?;
        let started = Instant::now();
        while !admin.is_ready().await {
            self.still_waits(started, within, "ready")?;
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Waits until it answers at all.
    pub async fn live(&mut self, within: Duration) -> Result<()> {
        let admin = self.admin()?;
        let started = Instant::now();
        while !admin.is_live().await {
            self.still_waits(started, within, "live")?;
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    fn still_waits(&mut self, started: Instant, within: Duration, what: &str) -> Result<()> {
        if let Some(status) = self.exited()? {
            bail!("ended with {status} before it was {what}:\n{}", self.log_tail());
        }
        if started.elapsed() > within {
            bail!("not {what} within {within:?}:\n{}", self.log_tail());
        }
        Ok(())
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        sys::signal(self.pid()?, signal).with_context(|| format!("{signal:?}"))
    }

    /// Kills it with SIGKILL and waits for its end.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            self.guard = None;
            child.wait()?;
        }
        Ok(())
    }

    /// Asks for a graceful stop and waits for it.
    pub async fn terminate(&mut self, within: Duration) -> Result<ExitStatus> {
        self.signal(Signal::Terminate)?;
        self.ended(within).await
    }

    /// Waits for the process to end on its own.
    pub async fn ended(&mut self, within: Duration) -> Result<ExitStatus> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.exited()? {
                self.child = None;
                self.guard = None;
                return Ok(status);
            }
            if started.elapsed() > within {
                bail!("still runs after {within:?}:\n{}", self.log_tail());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn exited(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.as_mut().context("not started")?.try_wait()?)
    }

    /// Its process id.
    pub fn pid(&self) -> Result<u32> {
        Ok(self.child.as_ref().context("not started")?.id())
    }

    /// A client of its admin listener.
    pub fn admin(&self) -> Result<Admin> {
        Admin::new(self.admin)
    }

    /// Where its admin listener is.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// The folder that it was made with.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.join("hybridge.yaml")
    }

    /// The folder of the embedded log.
    pub fn storage(&self) -> &Path {
        &self.storage
    }

    /// Everything that it has logged, over all starts.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.log_path()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join("daemon.log")
    }

    /// The last lines of the log.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// Runs one command of the binary to its end.
pub fn command(arguments: &[&str]) -> Result<Output> {
    Command::new(binary::hybridge()?)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("hybridge {arguments:?}"))
}

/// Writes `text` to a file in `folder` and gives its path.
pub fn write(folder: &Path, name: &str, text: &str) -> Result<PathBuf> {
    use std::io::Write;

    let path = folder.join(name);
    File::create(&path)?.write_all(text.as_bytes())?;
    Ok(path)
}
