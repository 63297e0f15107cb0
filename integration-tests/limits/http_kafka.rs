//! Limit of `http -> kafka`: takes bodies over HTTP, writes each to a topic and answers it once its delivery report is
//! there.
//!
//! `limit-http-kafka LISTEN BROKERS OUT`

use std::net::SocketAddr;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hybridge_integration_tests::limit::{producer, send};
use rdkafka::producer::FutureProducer;

#[derive(Clone)]
struct Out {
    producer: FutureProducer,
    topic: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let listen: SocketAddr = arguments.next().context("LISTEN")?.parse()?;
    let producer = producer(&arguments.next().context("BROKERS")?)?;
    let topic = arguments.next().context("OUT")?;
    let listener = tokio::net::TcpListener::bind(listen).await?;
    let app = Router::new().route("/", post(write)).with_state(Out { producer, topic });
    axum::serve(listener, app).await?;
    Ok(())
}

async fn write(State(out): State<Out>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let key = headers.get("ce-partitionkey").map(|key| key.as_bytes());
    let Ok(report) = send(&out.producer, &out.topic, key, Some(&body)) else {
        return StatusCode::SERVICE_UNAVAILABLE;
    };
    match report.await {
        Ok(Ok(_)) => StatusCode::NO_CONTENT,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}
