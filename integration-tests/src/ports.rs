//! Ports that nobody listens on.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Result, bail};

/// Below the ports that the kernel gives to clients: one of those could be taken by a client while
/// the daemon is down, and who connects to a dead one can end up connected to himself.
const RANGE: std::ops::Range<u16> = 10_240..32_768;
const TRIES: u32 = 1_000;

/// A loopback address with a port that was free just now.
pub fn free() -> Result<SocketAddr> {
    for _ in 0..TRIES {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, fastrand::u16(RANGE)));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!("no port of {RANGE:?} is free")
}
