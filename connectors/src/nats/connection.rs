//! One connection to a server, for as long as it lasts: it never reconnects.
//!
//! What is to be sent waits in a buffer that only this connection writes out, and goes with it: once it is
//! [abandoned](Connection::abandon), nothing more of it reaches the server. Nothing runs by itself: whoever owns the
//! connection polls [`Connection::next`].

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use hybridge_core::{Error, ErrorKind};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tokio_rustls::client::TlsStream;

use super::endpoint::{self, Info, disconnected};
use super::wire::{self, Frame, Incoming};

/// A server that has said nothing for so long is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(2);
/// So many questions without an answer, and it is gone.
const MOST_PINGS: u32 = 2;
/// What is read at once.
const CHUNK: usize = 64 << 10;

/// The bytes below the protocol.
#[derive(Debug)]
pub(super) enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection on which both sides have introduced themselves.
#[derive(Debug)]
pub(super) struct Connection {
    transport: Transport,
    input: BytesMut,
    /// What is to be sent.
    output: BytesMut,
    pub(super) info: Info,
    shown: String,
    /// Bytes were given to the transport and may wait in it.
    is_unflushed: bool,
    /// When anything was last heard.
    heard: Instant,
    alarm: Pin<Box<Sleep>>,
    pings: u32,
    pongs_due: u32,
    next_sid: u64,
    /// Frames are there that were read along with others.
    has_more: bool,
    /// Subjects that the server has refused messages for, where the owner asks for them.
    denied: Option<Vec<String>>,
    /// It ended because its user may not use a subject.
    is_denied: bool,
}

impl Transport {
    pub(super) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref().0,
        }
    }
}

impl Connection {
    pub(super) fn new(transport: Transport, input: BytesMut, info: Info, shown: String) -> Self {
        let now = Instant::now();
        Self {
            transport,
            input,
            output: BytesMut::new(),
            info,
            shown,
            is_unflushed: false,
            heard: now,
            alarm: Box::pin(tokio::time::sleep_until(now + PING_EVERY)),
            pings: 0,
            pongs_due: 1,
            next_sid: 0,
            has_more: true,
            denied: None,
            is_denied: false,
        }
    }

    /// From now on a message that may not be published is no error of the connection: its subject is told by
    /// [`take_denied`](Self::take_denied).
    pub(super) fn bear_denials(&mut self) {
        self.denied = Some(Vec::new());
    }

    /// Whether it ended because its user may not use a subject: another connection would end in the same way.
    pub(super) fn is_denied(&self) -> bool {
        self.is_denied
    }

    /// The subjects that the server has refused messages for since this was asked last.
    pub(super) fn take_denied(&mut self) -> Vec<String> {
        self.denied.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Waits until the server has answered everything that it was asked, the login included. Returns the messages that
    /// came meanwhile.
    pub(super) async fn answered(&mut self) -> Result<Vec<Incoming>, Error> {
        let mut early = Vec::new();
        loop {
            while let Some(incoming) = self.take()? {
                early.push(incoming);
            }
            if self.pongs_due == 0 {
                return Ok(early);
            }
            self.read_on().await?;
        }
    }

    /// Which server this is, for errors.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Subscribes; the messages have the number that this returns.
    pub(super) fn subscribe(&mut self, subject: &str, queue: Option<&str>) -> u64 {
        self.next_sid += 1;
        wire::subscribe(&mut self.output, subject, queue, self.next_sid);
        self.next_sid
    }

    /// Takes no more messages of a subscription.
    pub(super) fn unsubscribe(&mut self, sid: u64) {
        self.output.extend_from_slice(format!("UNSUB {sid}\r\n").as_bytes());
    }

    /// Queues a message; it is sent while [`next`](Self::next) or [`flushed`](Self::flushed) is polled.
    pub(super) fn publish(&mut self, subject: &[u8], reply: &[u8], headers: &[u8], payload: &[u8]) {
        wire::publish(&mut self.output, subject, reply, headers, payload);
    }

    /// Bytes that are queued.
    pub(super) fn queued(&self) -> usize {
        self.output.len()
    }

    /// Asks the server to answer; [`is_answered`](Self::is_answered) once it has taken everything queued until now.
    pub(super) fn ask(&mut self) {
        self.pongs_due += 1;
        self.output.extend_from_slice(b"PING\r\n");
    }

    /// Whether the server has answered everything that it was asked.
    pub(super) fn is_answered(&self) -> bool {
        self.pongs_due == 0
    }

    /// The next message. Cancel-safe. Sends what is queued, answers the server's questions, and notices when it is
    /// gone. Every error is the end of the connection.
    pub(super) async fn next(&mut self) -> Result<Incoming, Error> {
        loop {
            if let Some(incoming) = self.take()? {
                return Ok(incoming);
            }
            self.read_on().await?;
        }
    }

    /// A message that has been read already.
    pub(super) fn take(&mut self) -> Result<Option<Incoming>, Error> {
        while self.has_more {
            match wire::parse(&mut self.input) {
                Ok(Some(Frame::Message(incoming))) => return Ok(Some(incoming)),
                Ok(Some(frame)) => self.hear(frame)?,
                Ok(None) => self.has_more = false,
                Err(error) => {
                    let context = self.shown.clone();
                    return Err(Error::with_source(ErrorKind::Disconnected, context, error));
                }
            }
        }
        Ok(None)
    }

    /// Reads some more, or hears that the server has answered. Cancel-safe.
    pub(super) async fn read_on(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_read_on(cx)).await
    }

    /// Waits until everything queued has been given to the network. Cancel-safe.
    pub(super) async fn flushed(&mut self) -> Result<(), Error> {
        poll_fn(|cx| match self.poll_send(cx)? {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        })
        .await
    }

    /// Closes without losing what is queued, if the server takes it soon.
    pub(super) async fn close(mut self) {
        let closing = async {
            let _ = self.flushed().await;
            let _ = self.transport.shutdown().await;
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), closing).await;
    }

    /// Ends the connection at once: what has not been sent is not sent any more, neither by us nor by the kernel.
    pub(super) fn abandon(self) {
        let _ = self.transport.tcp().set_zero_linger();
    }

    fn hear(&mut self, frame: Frame) -> Result<(), Error> {
        match frame {
            Frame::Ping => self.output.extend_from_slice(b"PONG\r\n"),
            Frame::Pong => {
                self.pings = 0;
                self.pongs_due = self.pongs_due.saturating_sub(1);
            }
            Frame::Info(json) => {
                self.info = endpoint::info(&json, &self.shown)?;
                if self.info.lame_duck {
                    return Err(disconnected(format!("{} is shutting down", self.shown)));
                }
            }
            // The server goes on after a subject that we may not use, and drops what is sent there: nothing else is heard.
            Frame::Error(text) => match (endpoint::denied(&text), &mut self.denied) {
                (Some(subject), Some(denied)) => denied.push(subject.to_owned()),
                _ => {
                    self.is_denied = endpoint::is_violation(&text);
                    return Err(endpoint::refused(&text, &self.shown));
                }
            },
            Frame::Ok | Frame::Message(_) => {}
        }
        Ok(())
    }

    fn poll_read_on(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_send(cx)?;
        if self.input.capacity() - self.input.len() < CHUNK / 4 {
            self.input.reserve(CHUNK);
        }
        let read = {
            let reading = pin!(self.transport.read_buf(&mut self.input));
            reading.poll(cx)
        };
        match read {
            Poll::Ready(Ok(0)) => {
                return Poll::Ready(Err(disconnected(format!(
                    "{} closed the connection",
                    self.shown
                ))));
            }
            Poll::Ready(Ok(_)) => {
                self.heard = Instant::now();
                self.pings = 0;
                self.has_more = true;
                return Poll::Ready(Ok(()));
            }
            Poll::Ready(Err(error)) => return Poll::Ready(Err(self.lost(error))),
            Poll::Pending => {}
        }
        while self.alarm.as_mut().poll(cx).is_ready() {
            self.check()?;
            self.poll_send(cx)?;
        }
        Poll::Pending
    }

    /// Asks a silent server whether it is there, and sets the next alarm.
    fn check(&mut self) -> Result<(), Error> {
        let now = Instant::now();
        let due = self.heard + PING_EVERY;
        if due > now {
            self.alarm.as_mut().reset(due);
            return Ok(());
        }
        if self.pings >= MOST_PINGS {
            return Err(disconnected(format!("{} does not answer", self.shown)));
        }
        self.pings += 1;
        self.ask();
        self.alarm.as_mut().reset(now + PING_EVERY);
        Ok(())
    }

    /// Sends what is queued, as far as the network takes it; whether that is all.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<bool, Error> {
        while !self.output.is_empty() {
            match Pin::new(&mut self.transport).poll_write(cx, &self.output) {
                Poll::Ready(Ok(0)) => {
                    return Err(disconnected(format!("{} is closed", self.shown)));
                }
                Poll::Ready(Ok(length)) => {
                    self.output.advance(length);
                    self.is_unflushed = true;
                }
                Poll::Ready(Err(error)) => return Err(self.lost(error)),
                Poll::Pending => return Ok(false),
            }
        }
        if self.is_unflushed {
            match Pin::new(&mut self.transport).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.is_unflushed = false,
                Poll::Ready(Err(error)) => return Err(self.lost(error)),
                Poll::Pending => return Ok(false),
            }
        }
        Ok(true)
    }

    fn lost(&self, error: std::io::Error) -> Error {
        let context = format!("the connection to {} broke off", self.shown);
        Error::with_source(ErrorKind::Disconnected, context, error)
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
