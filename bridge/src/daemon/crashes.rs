//! How often the process has ended without being told to, one start soon after another.
//!
//! A message that brings the process down does so again after the next start. What a source knows of that lets it be careful
//! with what came back.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const FILE: &str = "crashes";
/// A process that began longer ago was in no loop, however it ended.
const LOOP: Duration = Duration::from_secs(600);

/// The count of one run of the process, in a file of the storage folder.
#[derive(Debug)]
pub(super) struct Crashes {
    path: PathBuf,
    count: u32,
}

impl Crashes {
    /// The process begins. A file that cannot be read or written counts nothing.
    pub(super) fn begin(storage: &Path) -> Self {
        let path = storage.join(FILE);
        let count = recent(&path).unwrap_or(0);
        if let Err(error) = fs::write(&path, (count + 1).to_string()) {
            tracing::warn!(path = %path.display(), %error, "a crash of this run will not be counted");
        }
        if count > 1 {
            tracing::warn!(count, "the process has crashed again and again");
        }
        Self { path, count }
    }

    /// How many runs in a row have crashed before this one.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// The process ends as it should.
    pub(super) fn end(self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn recent(path: &Path) -> Option<u32> {
    let began = fs::metadata(path).and_then(|file| file.modified()).ok()?;
    let is_recent = began.elapsed().is_ok_and(|age| age < LOOP);
    let count: u32 = fs::read_to_string(path).ok()?.trim().parse().ok()?;
    is_recent.then_some(count.min(1_000))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn crashes_in_a_row_count_until_a_run_ends_well_or_lasts() {
        let folder = tempfile::tempdir().unwrap();
        let begin = || Crashes::begin(folder.path());
        assert_eq!((begin().count(), begin().count(), begin().count()), (0, 1, 2));
        begin().end();
        assert_eq!((begin().count(), begin().count()), (0, 1));
        let file = fs::File::options().write(true).open(folder.path().join(FILE)).unwrap();
        file.set_modified(SystemTime::now() - LOOP).unwrap();
        assert_eq!(begin().count(), 0);
        fs::write(folder.path().join(FILE), "no number").unwrap();
        assert_eq!(begin().count(), 0);
    }
}
