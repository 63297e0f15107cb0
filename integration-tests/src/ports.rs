//! Ports that nobody listens on.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};

/// Below the ports that the kernel gives to clients: one of those could be taken by a client while
/// the daemon is down, and who connects to a dead one can end up connected to himself.
const RANGE: std::ops::Range<u16> = 10_240..32_768;
const TRIES: u32 = 1_000;

/// Locks that say which ports this process has: a broker that is down for a moment keeps its own.
static TAKEN: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A loopback address with a port that was free just now, and is given to no other test while this process lives.
pub fn free() -> Result<SocketAddr> {
    let folder = std::env::temp_dir().join("hybridge-ports");
    std::fs::create_dir_all(&folder)?;
    for _ in 0..TRIES {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, fastrand::u16(RANGE)));
        let lock = File::create(folder.join(address.port().to_string()))?;
        if lock.try_lock().is_ok() && TcpListener::bind(address).is_ok() {
            TAKEN.lock().unwrap_or_else(PoisonError::into_inner).push(lock);
            return Ok(address);
        }
    }
    bail!("no port of {RANGE:?} is free")
}
