//! Ports that nobody listens on.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::Result;

/// A loopback address with a port that was free just now.
pub fn free() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
