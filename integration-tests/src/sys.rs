//! Calls to the C library that the standard library does not offer.
#![allow(unsafe_code)]

use std::io;

/// What can be sent to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGKILL: ends at once.
    Kill,
    /// SIGTERM: asks for a graceful stop.
    Terminate,
    /// SIGHUP: asks for a reload.
    HangUp,
    /// SIGSTOP: freezes.
    Stop,
    /// SIGCONT: thaws.
    Continue,
}

impl Signal {
    fn number(self) -> i32 {
        match self {
            Self::Kill => libc::SIGKILL,
            Self::Terminate => libc::SIGTERM,
            Self::HangUp => libc::SIGHUP,
            Self::Stop => libc::SIGSTOP,
            Self::Continue => libc::SIGCONT,
        }
    }
}

/// Sends `signal` to the process `pid`.
pub fn signal(pid: u32, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(pid).map_err(io::Error::other)?;
    // SAFETY: `kill` takes two integers and touches no memory of this process.
    if unsafe { libc::kill(pid, signal.number()) } == 0 {
        return Ok(());
    }
    Err(io::Error::last_os_error())
}

/// Sends `signal` to every process of the group that `leader` leads.
pub fn signal_group(leader: u32, signal: Signal) -> io::Result<()> {
    let group = i32::try_from(leader).map_err(io::Error::other)?;
    // SAFETY: `killpg` takes two integers and touches no memory of this process.
    if unsafe { libc::killpg(group, signal.number()) } == 0 {
        return Ok(());
    }
    Err(io::Error::last_os_error())
}

/// Kills every process of the group that `leader` leads.
pub fn kill_group(leader: u32) -> io::Result<()> {
    signal_group(leader, Signal::Kill)
}

/// Clock ticks per second, the unit of the times in `/proc/PID/stat`.
pub fn ticks_per_second() -> f64 {
    // SAFETY: `sysconf` takes an integer and touches no memory of this process.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    if ticks > 0 { ticks as f64 } else { 100.0 }
}

/// Whether this process may mount file systems in its namespace.
pub fn is_root() -> bool {
    // SAFETY: `geteuid` takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}
