//! Which files there are.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::sources::Sources;
use crate::unit_test::is_test_file;

/// The files that `paths` name: themselves, and the `*.yaml` and `*.yml` files of those that are folders, sorted by name,
/// without unit tests.
/// A file that is named twice is read once.
pub(super) fn expand(paths: &[PathBuf], sources: &mut Sources) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = Vec::new();
    if paths.is_empty() {
        let help = "name a routing-rule file, or a folder with such files";
        sources.refuse_file(Path::new("."), "no file to read", help);
    }
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        match list(path) {
            Ok(found) if found.is_empty() => {
                let help = "put `*.yaml` or `*.yml` files into it";
                sources.refuse_file(path, "a folder without routing-rule files", help);
            }
            Ok(found) => files.extend(found),
            Err(error) => {
                let message = format!("cannot read the folder: {error}");
                sources.refuse_file(path, message, "it must be readable by this user");
            }
        }
    }
    let mut seen = Vec::new();
    files.retain(|file| {
        let real = file.canonicalize().unwrap_or_else(|_| file.clone());
        let new = !seen.contains(&real);
        if new {
            seen.push(real);
        }
        new
    });
    files
}

fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        if yaml && !hidden && !is_test_file(&path) && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
