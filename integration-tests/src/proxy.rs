//! A TCP proxy that misbehaves when told to: it delays, swallows or resets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the proxy does to bytes and connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Passes everything on.
    Clear,
    /// Passes every piece on after this time.
    Slow(Duration),
    /// Takes bytes and connections and passes nothing on, until the weather changes.
    BlackHole,
    /// Resets what is open and every new connection.
    Reset,
}

/// A running proxy.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    weather: Arc<watch::Sender<Weather>>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port and connects each connection to `upstream`.
    pub async fn start(upstream: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(crate::ports::free()?).await?;
        let address = listener.local_addr()?;
        let weather = Arc::new(watch::Sender::new(Weather::Clear));
        let task = tokio::spawn(accept(listener, upstream, weather.clone()));
        Ok(Self { address, weather, task })
    }

    /// Behaves this way from now on.
    pub fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.set(Weather::Reset);
    }
}

async fn accept(listener: TcpListener, upstream: SocketAddr, weather: Arc<watch::Sender<Weather>>) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(pass(stream, upstream, weather.subscribe()));
        }
    }
}

async fn pass(client: TcpStream, upstream: SocketAddr, mut weather: watch::Receiver<Weather>) {
    if client.set_zero_linger().is_err() || *weather.borrow() == Weather::Reset {
        return;
    }
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    // What one side has sent must not wait here for more of it.
    if client.set_nodelay(true).and(server.set_nodelay(true)).is_err() {
        return;
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let forth = copy(from_client, to_server, weather.clone());
    let back = copy(from_server, to_client, weather.clone());
    tokio::select! {
        _ = async { tokio::join!(forth, back) } => {}
        _ = weather.wait_for(|now| *now == Weather::Reset) => {}
    }
}

async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let Ok(length @ 1..) = from.read(&mut buffer).await else {
            let _ = to.shutdown().await;
            return;
        };
        let now = *weather.borrow();
        match now {
            Weather::Slow(time) => tokio::time::sleep(time).await,
            Weather::BlackHole => {
                let _ = weather.wait_for(|now| *now != Weather::BlackHole).await;
            }
            Weather::Clear | Weather::Reset => {}
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Target;
    use crate::wire::Connection;

    #[tokio::test]
    async fn it_passes_swallows_and_resets() {
        let target = Target::accepting().await.unwrap();
        let proxy = Proxy::start(target.address).await.unwrap();
        let mut connection = Connection::open(proxy.address).await.unwrap();
        assert_eq!(connection.post("/", "", b"one").await.unwrap().status, 204);
        proxy.set(Weather::BlackHole);
        let mut post = Box::pin(connection.post("/", "", b"two"));
        assert!(tokio::time::timeout(Duration::from_millis(50), &mut post).await.is_err());
        assert_eq!(target.count(), 1);
        proxy.set(Weather::Clear);
        assert_eq!(post.await.unwrap().status, 204);
        proxy.set(Weather::Reset);
        assert!(connection.post("/", "", b"three").await.is_err());
        assert_eq!(target.count(), 2);
    }
}
