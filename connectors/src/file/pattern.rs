//! Which files a path with wildcards stands for.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Most files that are looked at; a pattern that matches more is an error and not a guess.
const MOST: usize = 100_000;

/// A path whose parts may have `*` and `?`, and `**` for any folders.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// The folders before the first wildcard.
    base: PathBuf,
    parts: Vec<String>,
}

impl Pattern {
    pub(super) fn new(path: &str) -> Self {
        let mut parts = path.split('/').peekable();
        let mut base = PathBuf::from(if path.starts_with('/') { "/" } else { "" });
        while let Some(part) = parts.next_if(|part| !part.contains(['*', '?'])) {
            base.push(part);
        }
        let parts = parts.filter(|part| !part.is_empty()).map(str::to_owned).collect();
        Self { base, parts }
    }

    /// Whether it is the path of one file or folder.
    pub(super) fn is_literal(&self) -> bool {
        self.parts.is_empty()
    }

    /// The files that match now, by path; those of a folder where the path is one. Names that
    /// begin with a dot match only a part that does. What is gone by now is left out, and so are
    /// folders below the first wildcard that may not be read.
    pub(super) fn files(&self) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        if self.is_literal() {
            match fs::metadata(&self.base) {
                Ok(metadata) if metadata.is_dir() => {
                    walk(&self.base, true, &["*".into()], &mut found)?;
                }
                Ok(metadata) if metadata.is_file() => found.push(self.base.clone()),
                Ok(_) => return Err(io::Error::other("neither a file nor a folder")),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        } else {
            let base = if self.base.as_os_str().is_empty() { Path::new(".") } else { &self.base };
            walk(base, true, &self.parts, &mut found)?;
        }
        found.sort();
        Ok(found)
    }
}

fn walk(
    folder: &Path,
    must_be_read: bool,
    parts: &[String],
    found: &mut Vec<PathBuf>,
) -> io::Result<()> {
    let [part, rest @ ..] = parts else { return Ok(()) };
    if part == "**" && !rest.is_empty() {
        walk(folder, must_be_read, rest, found)?;
    }
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(_) if !must_be_read => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if !matches(part, &name) {
            continue;
        }
        let path = entry.path();
        // A link to a file is a file; a link to a folder is not entered, it may lead back here.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        match (part.as_str(), is_folder) {
            ("**", true) => walk(&path, false, parts, found)?,
            (_, true) => walk(&path, false, rest, found)?,
            ("**", false) if !rest.is_empty() => {}
            (_, false) if rest.is_empty() && path.is_file() => found.push(path),
            (_, false) => {}
        }
        if found.len() > MOST {
            return Err(io::Error::other(format!("the pattern matches more than {MOST} files")));
        }
    }
    Ok(())
}

/// Whether a name matches one part of a pattern.
fn matches(part: &str, name: &OsStr) -> bool {
    let (part, name) = (part.as_bytes(), name.as_bytes());
    if name.first() == Some(&b'.') && part.first() != Some(&b'.') {
        return false;
    }
    let (mut p, mut n) = (0, 0);
    // Where to go back to when what follows the last star does not match.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match part.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                p = at + 1;
                n = from + 1;
            }
        }
    }
    part[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (part, name, expected) in [
            ("*", "a", true),
            ("*", ".a", false),
            (".*", ".a", true),
            ("*.log", "a.log", true),
            ("*.log", "a.log.1", false),
            ("*.log*", "a.log.1", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b", "xaxbxb", true),
            ("*a*b", "xaxbx", false),
        ] {
            assert_eq!(matches(part, OsStr::new(name)), expected, "{part} {name}");
        }
    }

    #[test]
    fn folders() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        for file in ["a.log", "b.txt", ".c.log", "d/a.log", "d/e/a.log", "d/e/b.log"] {
            fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            fs::write(root.join(file), "").unwrap();
        }
        std::os::unix::fs::symlink(root, root.join("d/loop")).unwrap();
        let files = |pattern: &str| -> Vec<String> {
            let pattern = Pattern::new(&format!("{}/{pattern}", root.display()));
            let relative = |path: PathBuf| path.strip_prefix(root).unwrap().display().to_string();
            pattern.files().unwrap().into_iter().map(relative).collect()
        };
        assert_eq!(files("*.log"), ["a.log"]);
        assert_eq!(files(""), ["a.log", "b.txt"]);
        assert_eq!(files("d"), ["d/a.log"]);
        assert_eq!(files("**/a.log"), ["a.log", "d/a.log", "d/e/a.log"]);
        assert_eq!(files("d/**"), ["d/a.log", "d/e/a.log", "d/e/b.log"]);
        assert_eq!(files("*/?/b.*"), ["d/e/b.log"]);
        assert_eq!(files("none"), Vec::<String>::new());
        assert_eq!(files("none/*"), Vec::<String>::new());
    }
}
