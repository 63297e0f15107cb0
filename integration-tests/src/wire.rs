//! The least of HTTP/1.1 that load and targets need, with nothing between them and the socket.
//!
//! A client library costs more processor time than the daemon under test, retries on its own and
//! hides whether a request was on its way when the connection broke.

use std::io;
use std::net::SocketAddr;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

const MAX_HEAD: usize = 64 * 1024;
const MAX_BODY: usize = 64 * 1024 * 1024;

/// First line and headers of a request or an answer.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// The request line or the status line.
    pub first: String,
    /// Names in lower case, with their values.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// The first header of this name (lower case).
    pub fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The second word of the first line: the path of a request, the status of an answer.
    pub fn second(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or_default()
    }

    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default().to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Self { first, headers }
    }
}

/// Reads heads and bodies from one side of a connection.
#[derive(Debug)]
pub struct Reader<R> {
    io: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// Reads from `io`.
    pub fn new(io: R) -> Self {
        Self { io, buffer: BytesMut::with_capacity(16 * 1024) }
    }

    /// The next head; `None` when the connection was closed before one began.
    pub async fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let head = Head::parse(&self.buffer[..end]);
                self.buffer.advance(end + 4);
                return Ok(Some(head));
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(io::Error::other("head is too long"));
            }
            if self.io.read_buf(&mut self.buffer).await? == 0 {
                let broken = !self.buffer.is_empty();
                return if broken { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(None) };
            }
        }
    }

    /// The body that belongs to `head`.
    pub async fn body(&mut self, head: &Head) -> io::Result<Bytes> {
        if head.get("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
            return self.chunked().await;
        }
        let length = match head.get("content-length") {
            Some(length) => length.parse::<usize>().map_err(io::Error::other)?,
            None => 0,
        };
        self.take(length).await
    }

    async fn chunked(&mut self) -> io::Result<Bytes> {
        let mut body = BytesMut::new();
        loop {
            let line = self.line().await?;
            let digits = line.split(';').next().unwrap_or_default().trim();
            let length = usize::from_str_radix(digits, 16).map_err(io::Error::other)?;
            if length == 0 {
                while !self.line().await?.is_empty() {}
                return Ok(body.freeze());
            }
            body.extend_from_slice(&self.take(length).await?);
            self.line().await?;
        }
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                let line = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
                self.buffer.advance(end + 2);
                return Ok(line);
            }
            self.more().await?;
        }
    }

    async fn take(&mut self, length: usize) -> io::Result<Bytes> {
        if length > MAX_BODY {
            return Err(io::Error::other("body is too long"));
        }
        while self.buffer.len() < length {
            self.more().await?;
        }
        Ok(self.buffer.split_to(length).freeze())
    }

    async fn more(&mut self) -> io::Result<()> {
        if self.io.read_buf(&mut self.buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

/// An answer to a request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Status line and headers.
    pub head: Head,
    /// The body.
    pub body: Bytes,
}

/// A client's connection, one request at a time.
#[derive(Debug)]
pub struct Connection {
    reader: Reader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    host: SocketAddr,
}

impl Connection {
    /// Connects.
    pub async fn open(host: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        let (reader, writer) = stream.into_split();
        Ok(Self { reader: Reader::new(reader), writer, host })
    }

    /// Posts `body`; `headers` are whole lines. After an error the connection is of no more use.
    pub async fn post(&mut self, path: &str, headers: &str, body: &[u8]) -> io::Result<Answer> {
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\n{headers}content-length: {}\r\n\r\n",
            self.host,
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.writer.write_all(&request).await?;
        let head = self.reader.head().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let body = self.reader.body(&head).await?;
        let status = head.second().parse().map_err(io::Error::other)?;
        Ok(Answer { status, head, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn heads_and_both_kinds_of_bodies_are_read_in_any_pieces() {
        let text = b"HTTP/1.1 207 Multi\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n\
            Transfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1;x=y\r\nf\r\n0\r\n\r\n";
        for piece in 1..text.len() {
            let mut io = tokio_test_pieces(text, piece);
            let head = io.head().await.unwrap().unwrap();
            assert_eq!(head.second(), "207");
            assert_eq!(io.body(&head).await.unwrap(), "abc");
            let head = io.head().await.unwrap().unwrap();
            assert_eq!(io.body(&head).await.unwrap(), "def");
            assert!(io.head().await.unwrap().is_none());
        }
    }

    fn tokio_test_pieces(text: &'static [u8], piece: usize) -> Reader<tokio::io::DuplexStream> {
        let (read, mut write) = tokio::io::duplex(16);
        tokio::spawn(async move {
            for part in text.chunks(piece) {
                write.write_all(part).await.unwrap();
            }
        });
        Reader::new(read)
    }
}
