//! Which tables there are, and what runs each of them.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::{
    Run, Table, adapters, bindings, cesql, cloud_samples, extensions, filters, formats, patterns,
    transforms,
};

/// What names of files with cases end with.
const KINDS: [&str; 4] = ["json", "feature", "yaml", "yml"];

/// A table in a folder.
pub enum Found {
    /// One that is run.
    Table(Table, Run),
    /// One that nothing here knows how to run.
    Unknown {
        /// The name of the suite's folder.
        suite: String,
        /// The path of the file in it.
        file: PathBuf,
    },
}

/// Every table under `folder`, or those of one suite, in the order of their paths. `folder` may also be that of a
/// single suite.
///
/// # Errors
/// A file cannot be read, or there is no table at all.
pub fn find(folder: &Path, suite: Option<&str>) -> io::Result<Vec<Found>> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    files.sort();
    let mut found = Vec::new();
    for path in files {
        let Some((name, root)) = suite_of(folder, &path) else { continue };
        if suite.is_some_and(|suite| suite != name) {
            continue;
        }
        let file = path.strip_prefix(&root).unwrap_or(&path).to_owned();
        if let Some((content, run)) = data(&name, &path)? {
            found.push(Found::Table(Table { suite: name, folder: root, file, content }, run));
            continue;
        }
        let content: Json = match serde_json::from_slice(&std::fs::read(&path)?) {
            Ok(content) => content,
            Err(_) => continue,
        };
        if !is_table(&file, &content) {
            continue;
        }
        found.push(match runner(&name, &file, &content) {
            Some(run) => Found::Table(Table { suite: name, folder: root, file, content }, run),
            None => Found::Unknown { suite: name, file },
        });
    }
    if found.is_empty() {
        return Err(io::Error::other(format!("no table under {}", folder.display())));
    }
    Ok(found)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().and_then(OsStr::to_str).is_some_and(|kind| KINDS.contains(&kind))
        {
            files.push(path);
        }
    }
    Ok(())
}

/// The cases of a data file that is no table, and what runs them.
fn data(suite: &str, path: &Path) -> io::Result<Option<(Json, Run)>> {
    let is_json = path.extension().is_some_and(|kind| kind == "json");
    if is_json || suite != "bindings" {
        return Ok(None);
    }
    let text = std::fs::read_to_string(path)?;
    Ok(bindings::data::table(&path.to_string_lossy(), &text))
}

/// The suite that a file belongs to: the first folder below `folder`, or `folder` itself.
fn suite_of(folder: &Path, path: &Path) -> Option<(String, PathBuf)> {
    let below: Vec<_> = path.strip_prefix(folder).ok()?.components().collect();
    let root = match below.as_slice() {
        [] => return None,
        [_] => folder.to_owned(),
        [first, ..] => folder.join(first),
    };
    let name = root.canonicalize().ok()?.file_name()?.to_str()?.to_owned();
    Some((name, root))
}

/// Tables have cases; the samples of clouds have a manifest that says what each file is.
fn is_table(file: &Path, content: &Json) -> bool {
    content["cases"].is_array()
        || (file == Path::new("manifest.json") && content["files"].is_array())
}

/// What runs a table: by the name of its file, or, where that is another one, by the title in it.
fn runner(suite: &str, file: &Path, content: &Json) -> Option<Run> {
    let file = file.to_str()?;
    let title = content["suite"].as_str().unwrap_or_default();
    match suite {
        "adapters" => adapters::runner(file, title),
        "bindings" => bindings::runner(file, title),
        "cesql" => cesql::runner(file, title),
        "cloud-samples" => cloud_samples::runner(file, title),
        "cloudevents-format" => formats::runner(file, title),
        "extensions" => extensions::runner(file, title),
        "event-patterns" => patterns::runner(file, title),
        "subscription-filters" => filters::runner(file, title),
        "transforms" => transforms::runner(file, title),
        _ => None,
    }
}
