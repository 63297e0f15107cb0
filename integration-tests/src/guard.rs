//! Ends processes that outlive the program which started them, however that ended.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use anyhow::Result;

use crate::sys;

/// Waits for the end of its own input, which comes when nobody holds the other side any more, and kills the group `$1`.
/// (A process id would not do to watch for: it is given to somebody else soon.)
const WATCH: &str = r#"read -r _; kill -s KILL -- "-$1""#;

/// Kills a process group with SIGKILL when this program ends before the guard was dropped.
#[derive(Debug)]
pub struct Guard(Child);

impl Guard {
    /// For the group that `leader` leads.
    pub fn of(leader: u32) -> Result<Self> {
        let watch = Command::new("sh")
            .args(["-c", WATCH, "guard", &leader.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self(watch))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = sys::kill_group(self.0.id());
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn sleeper() -> Child {
        Command::new("sleep").arg("60").process_group(0).spawn().unwrap()
    }

    #[test]
    fn what_is_left_behind_is_killed() {
        let mut sleeper = sleeper();
        let mut guard = Guard::of(sleeper.id()).unwrap();
        // As the end of this program would.
        drop(guard.0.stdin.take());
        assert_eq!(sleeper.wait().unwrap().signal(), Some(libc::SIGKILL));
    }

    #[test]
    fn a_guard_that_is_dropped_kills_nobody() {
        let mut sleeper = sleeper();
        drop(Guard::of(sleeper.id()).unwrap());
        assert!(sleeper.try_wait().unwrap().is_none());
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
    }
}
