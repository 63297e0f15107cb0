//! One connection of a listener: HTTP/1.1 or HTTP/2, for as long as its client behaves.
//!
//! A client that sends nothing, or a head byte by byte, is cut off: hyper limits the time of a head
//! in HTTP/1 only, and counts an idle connection as a slow head; here the first byte after a pause
//! starts the clock, in both protocols.

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::Instant;

/// Most bytes of the head of a request; a longer one is answered with 431. hyper's buffer has
/// this size too, so a large body comes in pieces of it.
const MAX_HEAD: usize = 32 * 1024;
/// What HTTP/2 may send ahead of a permit, per stream and per connection.
const WINDOWS: (u32, u32) = (32 * 1024, 64 * 1024);
const MAX_STREAMS: u32 = 64;

/// How long a connection may be open without a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// From the first byte of a head to its last.
    pub(super) head: Duration,
    /// Between requests.
    pub(super) idle: Duration,
}

/// The protocol settings of a listener.
pub(super) fn protocol() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().max_buf_size(MAX_HEAD).header_read_timeout(None);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(WINDOWS.0)
        .initial_connection_window_size(WINDOWS.1)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEAD as u32)
        .max_send_buf_size(MAX_HEAD);
    builder
}

/// Serves `io` until its client closes it, is cut off, or `stop` becomes true and the open
/// requests are answered.
pub(super) async fn serve<I, S, F>(
    protocol: &Builder<TokioExecutor>,
    io: I,
    patience: Patience,
    mut stop: watch::Receiver<bool>,
    answer: S,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let activity = Arc::new(Activity::new());
    let io = TokioIo::new(Watched { io, activity: activity.clone() });
    let service = service_fn(|request| {
        let open = Open::new(activity.clone());
        let response = answer(request);
        async move {
            let response = response.await;
            drop(open);
            Ok::<_, Infallible>(response)
        }
    });
    let mut connection = pin!(protocol.serve_connection(io, service));
    tokio::select! {
        biased;
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!(error = %error, "connection broke");
            }
            return;
        }
        () = activity.over(patience) => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let moment = Duration::from_secs(1);
    tokio::select! {
        biased;
        _ = connection => {}
        () = activity.over(Patience { head: moment, idle: moment }) => {}
    }
}

/// What a connection is doing.
#[derive(Debug)]
struct Activity(Mutex<Doing>);

#[derive(Clone, Copy, Debug)]
struct Doing {
    open: u32,
    /// When the last request ended.
    idle_since: Instant,
    /// When the first byte after that came.
    head_since: Option<Instant>,
}

impl Activity {
    /// A new connection has to say something: its first head has begun.
    fn new() -> Self {
        let now = Instant::now();
        Self(Mutex::new(Doing { open: 0, idle_since: now, head_since: Some(now) }))
    }

    fn doing(&self) -> MutexGuard<'_, Doing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) {
        let mut doing = self.doing();
        if doing.open == 0 && doing.head_since.is_none() {
            doing.head_since = Some(Instant::now());
        }
    }

    /// Returns when there has been no request for longer than `patience` grants.
    async fn over(&self, patience: Patience) {
        loop {
            let doing = *self.doing();
            let now = Instant::now();
            let limit = match doing.head_since {
                _ if doing.open > 0 => now + patience.head,
                Some(since) => since + patience.head,
                None => doing.idle_since + patience.idle,
            };
            if limit <= now {
                return;
            }
            tokio::time::sleep_until(limit.min(now + patience.head)).await;
        }
    }
}

/// A request that is open.
struct Open(Arc<Activity>);

impl Open {
    fn new(activity: Arc<Activity>) -> Self {
        let mut doing = activity.doing();
        doing.open += 1;
        doing.head_since = None;
        drop(doing);
        Self(activity)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut doing = self.0.doing();
        doing.open -= 1;
        doing.idle_since = Instant::now();
    }
}

/// A stream that tells when bytes come.
struct Watched<I> {
    io: I,
    activity: Arc<Activity>,
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.activity.read();
        }
        polled
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }
}

#[cfg(test)]
mod tests;
