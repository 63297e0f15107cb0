//! What a process has used so far, read from `/proc`.

use anyhow::{Context, Result};

use crate::sys;

/// Processor seconds (user and system) of all threads of the process `pid`.
pub fn cpu_seconds(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let stat = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    // The name in parentheses may hold spaces; what follows the last ')' is regular.
    let (_, rest) = stat.rsplit_once(')').with_context(|| path.clone())?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |index: usize| -> Result<f64> {
        Ok(fields.get(index).with_context(|| path.clone())?.parse::<f64>()?)
    };
    Ok((ticks(11)? + ticks(12)?) / sys::ticks_per_second())
}

/// Memory in use now and at the highest.
#[derive(Clone, Copy, Debug)]
pub struct Resident {
    /// `VmRSS`, in bytes.
    pub now: u64,
    /// `VmHWM`, in bytes.
    pub peak: u64,
}

/// Resident memory of the process `pid`.
pub fn resident(pid: u32) -> Result<Resident> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    let kib = |name: &str| -> Result<u64> {
        let line = status.lines().find(|line| line.starts_with(name)).context("no such line")?;
        let number = line.split_whitespace().nth(1).context("no number")?;
        Ok(number.parse::<u64>()? * 1024)
    };
    Ok(Resident { now: kib("VmRSS:")?, peak: kib("VmHWM:")? })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_busy_process_has_used_time_and_memory() {
        let before = super::cpu_seconds(std::process::id()).unwrap();
        let started = std::time::Instant::now();
        while started.elapsed().as_millis() < 60 {
            std::hint::black_box(started.elapsed());
        }
        assert!(super::cpu_seconds(std::process::id()).unwrap() > before);
        let memory = super::resident(std::process::id()).unwrap();
        assert!(memory.peak >= memory.now && memory.now > 100_000, "{memory:?}");
    }
}
