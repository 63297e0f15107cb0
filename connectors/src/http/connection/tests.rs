//! Slow clients, with a paused clock and over a pipe in memory.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::*;

const PATIENCE: Patience =
    Patience { head: Duration::from_secs(10), idle: Duration::from_secs(100) };
const REQUEST: &[u8] = b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n";

/// A connection whose requests are answered after `delay`.
fn served(delay: Duration) -> (DuplexStream, watch::Sender<bool>, tokio::task::JoinHandle<()>) {
    let (client, server) = tokio::io::duplex(64 * 1024);
    let (stop, stopped) = watch::channel(false);
    let served = tokio::spawn(async move {
        let answer = move |_| async move {
            tokio::time::sleep(delay).await;
            Response::new(Full::new(Bytes::from_static(b"done")))
        };
        serve(&protocol(), server, PATIENCE, stopped, answer).await;
    });
    (client, stop, served)
}

async fn answered(client: &mut DuplexStream) {
    let mut seen = Vec::new();
    while !seen.ends_with(b"done") {
        assert!(client.read_buf(&mut seen).await.unwrap() > 0, "cut off");
    }
}

/// When the connection is closed, in seconds from now.
async fn closed(mut client: DuplexStream) -> u64 {
    let start = Instant::now();
    let mut rest = Vec::new();
    let _ = client.read_to_end(&mut rest).await;
    start.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn silence_and_a_head_byte_by_byte_are_cut_off() {
    let (client, _stop, _) = served(Duration::ZERO);
    assert!((10..=11).contains(&closed(client).await), "silent from the start");

    for start in [&b"GET / HTT"[..], b"PRI * HTTP/2.0\r\n\r\nSM"] {
        let (client, _stop, _) = served(Duration::ZERO);
        let (read, mut write) = tokio::io::split(client);
        let start = start.to_vec();
        let slowly = tokio::spawn(async move {
            for byte in start {
                let _ = write.write_all(&[byte]).await;
                tokio::time::sleep(Duration::from_secs(3)).await;
            }
            std::future::pending::<()>().await;
        });
        let began = Instant::now();
        let mut read = read;
        let _ = read.read_to_end(&mut Vec::new()).await;
        assert!((10..=11).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        slowly.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_kept_longer_and_an_open_request_as_long_as_it_takes() {
    let (mut client, _stop, _) = served(Duration::from_secs(1000));
    client.write_all(REQUEST).await.unwrap();
    answered(&mut client).await;
    tokio::time::sleep(Duration::from_secs(90)).await;
    client.write_all(REQUEST).await.unwrap();
    answered(&mut client).await;
    assert!((99..=101).contains(&closed(client).await));
}

#[tokio::test(start_paused = true)]
async fn stop_waits_for_the_open_request_only() {
    let (mut client, stop, served) = served(Duration::from_secs(50));
    client.write_all(REQUEST).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.send(true).unwrap();
    answered(&mut client).await;
    assert!(closed(client).await <= 2);
    served.await.unwrap();
}
