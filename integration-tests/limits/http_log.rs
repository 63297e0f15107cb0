//! Limit of `http -> log`: takes bodies over HTTP, appends them to one file under their checksums and answers each once
//! the `fdatasync` that covers it is done. One thread writes; whatever waits shares a sync. A body that is a JSON array
//! becomes a record for each of its values.
//!
//! `limit-http-log LISTEN FILE`

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use hybridge_integration_tests::records;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};

const WAITING: usize = 4096;

type Append = (Vec<Bytes>, oneshot::Sender<()>);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let listen: SocketAddr = arguments.next().context("LISTEN")?.parse()?;
    let path = arguments.next().context("FILE")?;
    let (appends, waiting) = mpsc::channel(WAITING);
    let file = File::create(Path::new(&path))?;
    std::thread::spawn(move || write(file, waiting));
    let listener = tokio::net::TcpListener::bind(listen).await?;
    let app = Router::new().route("/", post(append)).with_state(appends);
    axum::serve(listener, app).await?;
    Ok(())
}

async fn append(State(appends): State<mpsc::Sender<Append>>, body: Bytes) -> StatusCode {
    let Ok(records) = split(&body) else { return StatusCode::BAD_REQUEST };
    let (done, synced) = oneshot::channel();
    if appends.send((records, done)).await.is_err() || synced.await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    StatusCode::NO_CONTENT
}

/// The values of a batch, or the body as it is.
fn split(body: &Bytes) -> Result<Vec<Bytes>> {
    if !body.starts_with(b"[") {
        return Ok(vec![body.clone()]);
    }
    let values: Vec<&RawValue> = serde_json::from_slice(body)?;
    Ok(values.iter().map(|value| body.slice_ref(value.get().as_bytes())).collect())
}

fn write(mut file: File, mut waiting: mpsc::Receiver<Append>) -> Result<()> {
    let mut group = Vec::with_capacity(WAITING);
    let mut buffer = Vec::new();
    while waiting.blocking_recv_many(&mut group, WAITING) > 0 {
        buffer.clear();
        for record in group.iter().flat_map(|(records, _)| records) {
            records::put(&mut buffer, record);
        }
        file.write_all(&buffer)?;
        file.sync_data()?;
        for (_, done) in group.drain(..) {
            let _ = done.send(());
        }
    }
    Ok(())
}
