//! Limit of `log -> http`: reads records of one file, each the header lines of an event and its body, and posts each with
//! the client library that the bridge uses, with a fixed number of requests open.
//!
//! `limit-log-http IN ADDRESS`; says `done` when everything was answered and waits to be killed.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::{Context, Result, ensure};
use axum::body::Bytes;
use futures_util::future::try_join_all;
use http_body_util::{BodyExt, Full};
use hybridge_integration_tests::records::{Records, wait_to_be_killed};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

const OPEN: usize = 64;

type Http = Client<HttpConnector, Full<Bytes>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let input = Records::open(&arguments.next().context("IN")?)?;
    let address: SocketAddr = arguments.next().context("ADDRESS")?.parse()?;
    let input = Rc::new(RefCell::new(input));
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let uri: hyper::Uri = format!("http://{address}/").parse()?;
    try_join_all((0..OPEN).map(|_| post_all(&input, &client, &uri))).await?;
    wait_to_be_killed()
}

async fn post_all(input: &RefCell<Records>, client: &Http, uri: &hyper::Uri) -> Result<()> {
    loop {
        let request = match input.borrow_mut().next_record()? {
            Some(record) => request(uri, record)?,
            None => return Ok(()),
        };
        let response = client.request(request).await?;
        ensure!(response.status().is_success(), "answered {}", response.status());
        response.into_body().collect().await?;
    }
}

/// The header lines end with an empty one; the body follows.
fn request(uri: &hyper::Uri, record: &[u8]) -> Result<Request<Full<Bytes>>> {
    let end = record.windows(4).position(|four| four == b"\r\n\r\n").context("no header lines")?;
    let mut request = Request::post(uri.clone());
    for line in std::str::from_utf8(&record[..end])?.split("\r\n") {
        let (name, value) = line.split_once(": ").context("no header line")?;
        request = request.header(name, value);
    }
    Ok(request.body(Full::new(Bytes::copy_from_slice(&record[end + 4..])))?)
}
