//! What the operating system says of this process. Missing where there is no `/proc`.

use std::fs;

/// Clock ticks per second in `/proc/self/stat`: 100 on every Linux, whatever the kernel's own.
const TICKS: f64 = 100.0;

/// Memory, processor time and open files of this process.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Process {
    pub(super) resident_bytes: Option<u64>,
    pub(super) peak_resident_bytes: Option<u64>,
    pub(super) cpu_seconds: Option<f64>,
    pub(super) open_files: Option<u64>,
}

pub(super) fn read() -> Process {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let files = fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64);
    Process {
        resident_bytes: kibibytes(&status, "VmRSS:"),
        peak_resident_bytes: kibibytes(&status, "VmHWM:"),
        cpu_seconds: cpu_seconds(&stat),
        open_files: files,
    }
}

fn kibibytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(number * 1024)
}

/// The command, in brackets, may itself have spaces and brackets in it.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11);
    let user: f64 = ticks.next()?.parse().ok()?;
    let system: f64 = ticks.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_whatever_the_command_is_called() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 10 0 0 0 150 50 0 0 20 0 1 0 5 6 7";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(kibibytes("VmHWM:\t  12 kB\nVmRSS:\t 10 kB\n", "VmRSS:"), Some(10_240));
        assert_eq!(cpu_seconds(""), None);
    }
}
