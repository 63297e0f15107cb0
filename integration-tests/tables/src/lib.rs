//! Tables of conformance cases, and what runs each of them against the product.
//!
//! A table is a file `{ "suite", "how_to_run", "cases": [ { "id", ... } ] }` in the folder of its suite. [`run`] finds
//! all of them under a folder and gives one [`Report`] per case. A table that nothing here knows how to run is a
//! failure, so that no case is left out unseen.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a case that is not written as it should be fails by a panic, which `guard` turns into its report"
)]

mod adapters;
mod bindings;
mod cesql;
mod cloud_samples;
mod event;
mod extensions;
mod filters;
mod find;
mod formats;
mod guard;
mod patterns;
mod step;
mod transforms;

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

pub use find::{Found, find};

/// What a case came to: nothing to say, or how it differs.
pub type Verdict = Result<(), Difference>;

/// Runs one case.
pub type Run = fn(&Table, &Json) -> Verdict;

/// What was wanted and what came instead.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// What the case asks for; null where the text in `got` says it all.
    pub want: Json,
    /// What came.
    pub got: Json,
}

impl From<String> for Difference {
    fn from(text: String) -> Self {
        Self { want: Json::Null, got: text.into() }
    }
}

impl From<&str> for Difference {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// A table with the place that it was read from.
#[derive(Debug)]
pub struct Table {
    /// The name of the suite's folder, such as `bindings`.
    pub suite: String,
    /// The folder of the suite; files that cases name are looked up below it.
    pub folder: PathBuf,
    /// The path of the file in that folder.
    pub file: PathBuf,
    /// What is in it.
    pub content: Json,
}

impl Table {
    /// The text of a file that a case names.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self, file: &str) -> Result<Vec<u8>, Difference> {
        let path = self.folder.join(file);
        std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()).into())
    }
}

/// How one case went.
#[derive(Debug)]
pub struct Report {
    /// The name of the suite's folder.
    pub suite: String,
    /// The case's own name.
    pub id: String,
    /// Whether it counts: cases on which official sources differ, and optional ones, do not.
    pub counted: bool,
    /// How it differs, if it does.
    pub difference: Option<Difference>,
}

impl Report {
    /// Whether the case passed.
    pub fn pass(&self) -> bool {
        self.difference.is_none()
    }

    /// As a line of JSON: `suite`, `id`, `pass`, `counted`, `want`, `got`.
    pub fn line(&self) -> String {
        let (want, got) = match &self.difference {
            Some(Difference { want, got }) => (want.clone(), got.clone()),
            None => (Json::Null, Json::Null),
        };
        let Self { suite, id, counted, .. } = self;
        let pass = self.pass();
        serde_json::json!({ "suite": suite, "id": id, "pass": pass, "counted": counted, "want": want, "got": got })
            .to_string()
    }
}

/// Runs every table under `folder`, or those of one suite, and shows each case as it ends.
///
/// # Errors
/// A file cannot be read, or there is no table at all.
pub fn run(
    folder: &Path,
    suite: Option<&str>,
    mut show: impl FnMut(Report),
) -> std::io::Result<()> {
    for found in find(folder, suite)? {
        match found {
            Found::Table(table, run) => guard::run(table, run, &mut show),
            Found::Unknown { suite, file } => show(Report {
                suite,
                id: file.display().to_string(),
                counted: true,
                difference: Some("nothing runs this table".into()),
            }),
        }
    }
    Ok(())
}

/// Whether official sources agree on a case and the table is not an optional one.
fn is_counted(table: &Json, case: &Json) -> bool {
    let is_set = |mark: &str| case.get(mark).is_some_and(|mark| *mark != Json::Bool(false));
    let is_optional = table["how_to_run"].as_str().is_some_and(|text| text.starts_with("optional"))
        || is_set("optional");
    !is_optional && !["disputed", "value_disputed", "quirk"].into_iter().any(is_set)
}

/// What runs a table: by the name of its file, or, where that is another one, by what its title contains.
fn named(tables: &[(&str, &str, Run)], file: &str, title: &str) -> Option<Run> {
    let by_file = tables.iter().find(|(name, _, _)| *name == file);
    let by_title = || tables.iter().find(|(_, part, _)| title.contains(part));
    by_file.or_else(by_title).map(|(_, _, run)| *run)
}

fn check(holds: bool, difference: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(difference().into()) }
}

/// Fails a case that has a key beyond those that every case may have and `keys`: what it asks for would not be looked at.
fn known(case: &Json, keys: &[&str]) -> Verdict {
    const COMMON: [&str; 12] = [
        "id",
        "area",
        "op",
        "why",
        "note",
        "description",
        "level",
        "disputed",
        "value_disputed",
        "quirk",
        "optional",
        "source",
    ];
    for key in case.as_object().into_iter().flat_map(serde_json::Map::keys) {
        let is_known = COMMON.contains(&key.as_str()) || keys.contains(&key.as_str());
        check(is_known, || format!("the key {key:?} is not known"))?;
    }
    Ok(())
}

/// Compares what came with what a case asks for.
fn same(want: &Json, got: &Json) -> Verdict {
    if want == got { Ok(()) } else { Err(Difference { want: want.clone(), got: got.clone() }) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// The cases of our own, below `cases`, in the layout of the published ones.
    #[test]
    fn our_own_cases_pass() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
        let mut failures = Vec::new();
        let mut passed = 0;
        super::run(&folder, None, |report| {
            if report.pass() {
                passed += 1;
            } else if report.counted {
                failures.push(report.line());
            }
        })
        .unwrap_or_else(|error| panic!("{error}"));
        assert!(failures.is_empty(), "{passed} passed, these did not:\n{}", failures.join("\n"));
        assert!(passed >= 90, "only {passed} cases were found");
    }
}
