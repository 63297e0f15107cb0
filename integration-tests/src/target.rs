//! An HTTP target that answers as it is told and notes everything that it received.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::wire::{Head, Reader};

/// How the target answers from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// 204, after noting the request.
    Accept,
    /// 429 with this `Retry-After` in seconds.
    Throttle(u64),
    /// This status.
    Fail(u16),
    /// Breaks the connection with a reset as soon as a request arrives.
    Reset,
    /// Reads and never answers.
    Hang,
}

/// A request that the target has taken.
#[derive(Clone, Debug)]
pub struct Received {
    /// Request line and headers.
    pub head: Head,
    /// The body.
    pub body: Bytes,
}

/// Says which requests can never be taken, and with which status they are refused.
pub type Refusal = Box<dyn Fn(&Received) -> Option<u16> + Send + Sync>;

/// A running target.
pub struct Target {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    mode: Mutex<Mode>,
    refusal: Refusal,
    /// Time between noting a request and answering it.
    pace: Duration,
    /// Whether requests are kept, or only counted.
    keeps: bool,
    taken: AtomicU64,
    received: Mutex<Vec<Received>>,
    open: AtomicU64,
    turned_away: AtomicU64,
    resets: watch::Sender<u64>,
}

impl Target {
    /// Listens on a free port; answers each request after `pace`.
    pub async fn start(pace: Duration, refusal: Refusal) -> Result<Self> {
        Self::listen(crate::ports::free()?, pace, refusal).await
    }

    /// Listens on `address`.
    pub async fn listen(address: SocketAddr, pace: Duration, refusal: Refusal) -> Result<Self> {
        Self::new(address, pace, refusal, true).await
    }

    /// A target that takes everything at once and only counts it.
    pub async fn discarding() -> Result<Self> {
        Self::new(crate::ports::free()?, Duration::ZERO, Box::new(|_| None), false).await
    }

    async fn new(
        address: SocketAddr,
        pace: Duration,
        refusal: Refusal,
        keeps: bool,
    ) -> Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let state = Arc::new(State {
            mode: Mutex::new(Mode::Accept),
            refusal,
            pace,
            keeps,
            taken: AtomicU64::new(0),
            received: Mutex::default(),
            open: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
            resets: watch::Sender::new(0),
        });
        let task = tokio::spawn(accept(listener, state.clone()));
        Ok(Self { address, state, task })
    }

    /// A target that takes everything at once.
    pub async fn accepting() -> Result<Self> {
        Self::start(Duration::ZERO, Box::new(|_| None)).await
    }

    /// Answers this way from now on.
    pub fn set(&self, mode: Mode) {
        *lock(&self.state.mode) = mode;
    }

    /// Resets every open connection, also those whose request was noted and not yet answered.
    pub fn reset_all(&self) {
        self.state.resets.send_modify(|generation| *generation += 1);
    }

    /// Everything that was taken, in order of arrival.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.state.received).clone()
    }

    /// How many requests were taken.
    pub fn count(&self) -> u64 {
        self.state.taken.load(Ordering::Relaxed)
    }

    /// Requests that were read and not answered yet.
    pub fn open(&self) -> u64 {
        self.state.open.load(Ordering::Relaxed)
    }

    /// Requests that were answered with an error or broken.
    pub fn turned_away(&self) -> u64 {
        self.state.turned_away.load(Ordering::Relaxed)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.task.abort();
        self.reset_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, state.clone()));
        }
    }
}

/// Ends with a reset instead of a close unless the client closed first.
async fn serve(stream: TcpStream, state: Arc<State>) {
    let mut resets = state.resets.subscribe();
    if stream.set_nodelay(true).and_then(|()| stream.set_zero_linger()).is_err() {
        return;
    }
    let (read, mut write) = stream.into_split();
    let mut reader = Reader::new(read);
    loop {
        let request = async {
            let head = reader.head().await.ok()??;
            let body = reader.body(&head).await.ok()?;
            Some(Received { head, body })
        };
        let received = tokio::select! {
            request = request => request,
            _ = resets.changed() => return,
        };
        let Some(received) = received else { return };
        state.open.fetch_add(1, Ordering::Relaxed);
        let answer = tokio::select! {
            answer = respond(received, &state) => answer,
            _ = resets.changed() => None,
        };
        state.open.fetch_sub(1, Ordering::Relaxed);
        let Some(answer) = answer else { return };
        if write.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn respond(received: Received, state: &State) -> Option<String> {
    let mode = *lock(&state.mode);
    let turned_away = || {
        state.turned_away.fetch_add(1, Ordering::Relaxed);
    };
    match mode {
        Mode::Accept => {
            if let Some(status) = (state.refusal)(&received) {
                turned_away();
                return Some(format!("HTTP/1.1 {status} Refused\r\ncontent-length: 0\r\n\r\n"));
            }
            if state.keeps {
                lock(&state.received).push(received);
            }
            state.taken.fetch_add(1, Ordering::Relaxed);
            if !state.pace.is_zero() {
                tokio::time::sleep(state.pace).await;
            }
            Some("HTTP/1.1 204 No Content\r\n\r\n".to_owned())
        }
        Mode::Throttle(seconds) => {
            turned_away();
            Some(format!(
                "HTTP/1.1 429 Too Many Requests\r\nretry-after: {seconds}\r\ncontent-length: 0\r\n\r\n"
            ))
        }
        Mode::Fail(status) => {
            turned_away();
            Some(format!("HTTP/1.1 {status} Told to fail\r\ncontent-length: 0\r\n\r\n"))
        }
        Mode::Reset => {
            turned_away();
            None
        }
        Mode::Hang => {
            turned_away();
            std::future::pending().await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Connection;

    #[tokio::test]
    async fn it_answers_as_told_and_notes_only_what_it_took() {
        let target = Target::start(
            Duration::ZERO,
            Box::new(|received| (received.body == "bad").then_some(422)),
        )
        .await
        .unwrap();
        let mut connection = Connection::open(target.address).await.unwrap();
        assert_eq!(connection.post("/", "", b"one").await.unwrap().status, 204);
        assert_eq!(connection.post("/", "", b"bad").await.unwrap().status, 422);
        target.set(Mode::Throttle(3));
        let answer = connection.post("/", "", b"two").await.unwrap();
        assert_eq!((answer.status, answer.head.get("retry-after")), (429, Some("3")));
        target.set(Mode::Reset);
        assert!(connection.post("/", "", b"two").await.is_err());
        target.set(Mode::Accept);
        let mut connection = Connection::open(target.address).await.unwrap();
        assert_eq!(connection.post("/", "", b"two").await.unwrap().status, 204);
        let bodies: Vec<_> = target.received().into_iter().map(|received| received.body).collect();
        assert_eq!(bodies, ["one", "two"]);
        assert_eq!(target.turned_away(), 3);
    }

    #[tokio::test]
    async fn a_reset_breaks_requests_that_were_noted() {
        let target = Target::start(Duration::from_secs(60), Box::new(|_| None)).await.unwrap();
        let mut connection = Connection::open(target.address).await.unwrap();
        let post = tokio::spawn(async move { connection.post("/", "", b"one").await.is_err() });
        while target.count() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(target.open(), 1);
        target.reset_all();
        assert!(post.await.unwrap());
    }
}
