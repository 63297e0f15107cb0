//! Limit of `log -> http`: reads records of one file and posts each as a body, over a fixed number
//! of connections with one open request each.
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
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

const CONNECTIONS: usize = 64;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let input = Records::open(&arguments.next().context("IN")?)?;
    let address: SocketAddr = arguments.next().context("ADDRESS")?.parse()?;
    let input = Rc::new(RefCell::new(input));
    try_join_all((0..CONNECTIONS).map(|_| post_all(input.clone(), address))).await?;
    wait_to_be_killed()
}

async fn post_all(input: Rc<RefCell<Records>>, address: SocketAddr) -> Result<()> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    loop {
        let Some(body) = input.borrow_mut().next_record()?.map(Bytes::copy_from_slice) else {
            return Ok(());
        };
        let request = Request::post("/")
            .header("host", address.to_string())
            .header("content-type", "application/json")
            .body(Full::new(body))?;
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        ensure!(response.status().is_success(), "answered {}", response.status());
        response.into_body().collect().await?;
    }
}
