//! Workers: one thread with a single-threaded runtime each, on which routes live.
//!
//! A route, its lanes, its source and its sinks stay on one worker, so they share plain state
//! without locks. The measurements behind this are in `docs/adr/0001-threads.md`.

use std::io;
use std::pin::Pin;
use std::thread::JoinHandle;

use tokio::sync::mpsc;
use tokio::task::LocalSet;

/// Routes that can wait to be taken by a worker that is busy starting others.
const WAITING: usize = 64;

/// Makes the future of a route on the worker's own thread: the future itself need not be `Send`.
pub(crate) type Job = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// The threads that routes run on.
pub(crate) struct Workers {
    threads: Vec<(mpsc::Sender<Job>, JoinHandle<()>)>,
    next: usize,
}

impl Workers {
    /// Starts `count` workers, one at least.
    pub fn start(count: usize) -> io::Result<Self> {
        let threads = (0..count.max(1)).map(start).collect::<io::Result<_>>()?;
        Ok(Self { threads, next: 0 })
    }

    /// Runs a job on the next worker in turn.
    pub async fn spawn(&mut self, job: Job) -> io::Result<()> {
        let (jobs, _) = &self.threads[self.next];
        self.next = (self.next + 1) % self.threads.len();
        jobs.send(job).await.map_err(|_| io::Error::other("a worker thread has ended"))
    }

    /// Ends the workers once their routes have ended.
    pub fn join(self) {
        let (jobs, threads): (Vec<_>, Vec<_>) = self.threads.into_iter().unzip();
        drop(jobs);
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a worker thread panicked");
            }
        }
    }
}

fn start(number: usize) -> io::Result<(mpsc::Sender<Job>, JoinHandle<()>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (jobs, mut waiting) = mpsc::channel::<Job>(WAITING);
    let thread = std::thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
        let local = LocalSet::new();
        local.spawn_local(async move {
            while let Some(job) = waiting.recv().await {
                tokio::task::spawn_local(job());
            }
        });
        runtime.block_on(local);
    })?;
    Ok((jobs, thread))
}
