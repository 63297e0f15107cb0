//! The pages of the program's own code: those that only the start needed are let go.

use std::ffi::c_void;

use rustix::mm::{Advice, madvise};

/// Takes all code out of the resident memory of the process. What runs comes back from the page cache as it is reached;
/// what has read the configuration and set everything up does not, and is about half of what was resident.
///
/// # Errors
/// When the system does not say where the code is.
pub(super) fn let_go() -> std::io::Result<()> {
    for (start, length) in mapped(&std::fs::read_to_string("/proc/self/maps")?) {
        #[allow(unsafe_code, reason = "there is no safe form of this call")]
        // SAFETY: the range is a private mapping of a file that is readable and not writable, so none of its pages differs
        // from the file, and the next access reads the same bytes from it.
        let advised = unsafe { madvise(start as *mut c_void, length, Advice::LinuxDontNeed) };
        if let Err(error) = advised {
            tracing::debug!(%error, "code stays in memory");
        }
    }
    Ok(())
}

/// Start and length of each mapping of code, as `/proc/PID/maps` has them.
fn mapped(maps: &str) -> Vec<(usize, usize)> {
    let code = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let (range, mode, path) = (fields.next()?, fields.next()?, fields.nth(3)?);
        // What is relocated becomes read-only too, but is not executable.
        if mode != "r-xp" || !path.starts_with('/') {
            return None;
        }
        let (start, end) = range.split_once('-')?;
        let (start, end) =
            (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
        Some((start, end.checked_sub(start)?))
    };
    maps.lines().filter_map(code).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_of_files_is_let_go() {
        let maps = "\
55d0a000-55d0b000 r--p 00000000 08:01 12 /bin/h
55d0b000-55d0f000 r-xp 00001000 08:01 12 /bin/h
55d0f000-55d10000 rw-p 00005000 08:01 12 /bin/h
7ff000000-7ff001000 r-xp 00000000 00:00 0 [vdso]
7ff002000-7ff003000 r-xp 00000000 00:00 0
7ff004000-7ff005000 rwxp 00000000 08:01 13 /lib/jit
";
        assert_eq!(mapped(maps), [(0x55d0_b000, 0x4000)]);
    }

    #[test]
    fn the_program_runs_on() {
        let resident = || {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("RssFile:")).unwrap();
            line.split_ascii_whitespace().next().unwrap().parse::<u64>().unwrap()
        };
        let before = resident();
        let_go().unwrap();
        let after = resident();
        assert!(after < before, "{after} KiB of {before} are still resident");
        assert!(!mapped(&std::fs::read_to_string("/proc/self/maps").unwrap()).is_empty());
    }
}
