//! What gives a run its events: a load over HTTP, or lines in a file.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinHandle;

use crate::event::Id;
use crate::journal::Journal;
use crate::producer::{Load, Producer};

/// Lines that are appended at once.
const LINES: u32 = 400;

/// A running feed; it goes on until it is stopped.
pub(super) enum Feed {
    Http(Producer),
    File { control: Arc<Control>, task: JoinHandle<Result<()>> },
}

/// What a feed of lines is told.
#[derive(Default)]
pub(super) struct Control {
    stop: AtomicBool,
    /// Milliseconds between two groups of lines.
    pause: AtomicU64,
    /// Lines to append at once beside the next group.
    burst: AtomicU32,
}

impl Feed {
    pub(super) fn http(load: Load, journal: Arc<Journal>) -> Self {
        Self::Http(Producer::start(load, journal))
    }

    /// Appends lines to `path`, with `pause` after each group.
    pub(super) fn file(
        path: &Path,
        keys: u32,
        size: usize,
        pause: Duration,
        journal: Arc<Journal>,
    ) -> Result<Self> {
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        let control = Arc::new(Control::default());
        control.pause.store(pause.as_millis() as u64, Ordering::Relaxed);
        let told = control.clone();
        let task = tokio::spawn(async move {
            let mut key = 0;
            while !told.stop.load(Ordering::Relaxed) {
                let group = LINES + told.burst.swap(0, Ordering::Relaxed);
                let ids: Vec<Id> =
                    (0..group).map(|line| journal.next((key + line) % keys)).collect();
                key = (key + group) % keys;
                let mut lines = String::new();
                for id in &ids {
                    lines.push_str(&id.structured(size, journal.is_poisoned(*id)));
                    lines.push('\n');
                }
                file.write_all(lines.as_bytes())?;
                ids.into_iter().for_each(|id| journal.accepted(id));
                let pause = told.pause.load(Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            Ok(())
        });
        Ok(Self::File { control, task })
    }

    /// Events on their way into the daemon and not answered.
    pub(super) fn open(&self) -> u64 {
        match self {
            Self::Http(producer) => producer.open(),
            Self::File { .. } => 0,
        }
    }

    /// Waits so long between two requests, or groups of lines, from now on.
    pub(super) fn pace(&self, pause: Duration) {
        match self {
            Self::Http(producer) => producer.pace(pause),
            Self::File { control, .. } => {
                control.pause.store(pause.as_millis() as u64, Ordering::Relaxed);
            }
        }
    }

    /// Sends so many events with no pause between them, for a route that keeps up with what it is given.
    pub(super) fn burst(&self, events: u32) {
        match self {
            Self::Http(producer) => producer.burst(u64::from(events)),
            Self::File { control, .. } => control.burst.store(events, Ordering::Relaxed),
        }
    }

    /// Sends no more and waits until everything was accepted.
    pub(super) async fn finish(self, within: Duration) -> Result<()> {
        match self {
            Self::Http(producer) => {
                producer.stop();
                producer.finish(within).await?;
            }
            Self::File { control, task } => {
                control.stop.store(true, Ordering::Relaxed);
                task.await??;
            }
        }
        Ok(())
    }
}
