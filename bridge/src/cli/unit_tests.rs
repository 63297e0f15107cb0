//! `hybridge test`.

mod junit;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use hybridge_config::unit_test::{TestFileConfig, is_test_file, load_tests};
use hybridge_config::{Config, Problem, Problems, load};
use hybridge_connectors::Local;
use serde_json::json;

use super::Scratch;
use super::failure::{CONFIGURATION, Failure};
use super::output::Output;
use crate::unit_tests::{Coverage, Report, run};

/// What to run, and what to do with it.
pub(super) struct Options {
    pub(super) filter: Option<String>,
    pub(super) update: bool,
    pub(super) junit: Option<PathBuf>,
}

/// A file of tests with the configuration that it tests.
struct Suite {
    path: PathBuf,
    file: TestFileConfig,
    config: Config,
}

pub(super) fn test(
    paths: &[PathBuf],
    options: &Options,
    mut output: Output,
) -> Result<(), Failure> {
    let suites = match suites(paths)? {
        Ok(suites) => suites,
        Err(problems) if output.is_json() => {
            output.json(&json!({ "ok": false, "problems": problems }))?;
            output.finish()?;
            return Err(Failure::Printed(CONFIGURATION));
        }
        Err(problems) => return Err(problems.into()),
    };
    let scratch = Scratch::new()?;
    let local = Local::new(scratch.store()?);
    let mut reports = Vec::new();
    let mut coverage = BTreeMap::new();
    for suite in &suites {
        let covered: &mut Coverage = coverage.entry(tested(suite)).or_default();
        let wanted = |name: &str| options.filter.as_ref().is_none_or(|text| name.contains(text));
        for test in suite.file.tests.iter().filter(|test| wanted(&test.name)) {
            let report = run(&suite.path, test, &suite.config, &local, options.update, covered);
            if !output.is_json() {
                print(&report, &mut output)?;
            }
            reports.push(report);
        }
    }
    if reports.is_empty() {
        return Err(Failure::Usage("no test has such a name".to_owned()));
    }
    if let Some(path) = &options.junit {
        std::fs::write(path, junit::xml(&reports)).map_err(|error| named(path, &error))?;
    }
    let failed = reports.iter().filter(|report| !report.passed()).count();
    if output.is_json() {
        let coverage: BTreeMap<_, _> =
            coverage.iter().map(|(config, covered)| (config, covered.routes())).collect();
        let ok = failed == 0;
        output.json(&json!({ "ok": ok, "tests": reports, "coverage": coverage }))?;
    } else {
        summary(&coverage, reports.len() - failed, failed, &mut output)?;
    }
    output.finish()?;
    if failed == 0 { Ok(()) } else { Err(Failure::Printed(1)) }
}

fn print(report: &Report, output: &mut Output) -> Result<(), Failure> {
    let state = if report.passed() { "ok    " } else { "FAILED" };
    output.line(&format!("{state} {}: {}", report.file, report.name))?;
    for difference in &report.differences {
        output.line(&format!("       {difference}"))?;
    }
    match &report.updated {
        Some(path) => output.line(&format!("       {path} is written")),
        None => Ok(()),
    }
}

fn summary(
    coverage: &BTreeMap<String, Coverage>,
    passed: usize,
    failed: usize,
    output: &mut Output,
) -> Result<(), Failure> {
    for route in coverage.values().flat_map(Coverage::routes) {
        let met = route.rules - route.never.len();
        let mut line = format!("rules of {}: {met} of {} met", route.route, route.rules);
        if !route.never.is_empty() {
            const SHOWN: usize = 10;
            let never = route.never.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
            let more = if route.never.len() > SHOWN { ", ..." } else { "" };
            line.push_str(&format!("; never: {never}{more}"));
        }
        output.line(&line)?;
    }
    output.line(&format!("{passed} passed, {failed} failed"))
}

/// All files with what they test; or everything that is wrong with any of them.
fn suites(paths: &[PathBuf]) -> Result<Result<Vec<Suite>, Problems>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        find(path, &mut files).map_err(|error| named(path, &error))?;
    }
    if files.is_empty() {
        let shown: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(Failure::Usage(format!("no *.test.yaml file in {}", shown.join(", "))));
    }
    let mut suites = Vec::new();
    let mut problems: Vec<Problem> = Vec::new();
    for path in files {
        match suite(path) {
            Ok(suite) => suites.push(suite),
            Err(found) => problems.extend(found.iter().cloned()),
        }
    }
    if problems.is_empty() {
        return Ok(Ok(suites));
    }
    Ok(Err(Problems::new(problems)))
}

fn suite(path: PathBuf) -> Result<Suite, Problems> {
    let process = |name: &str| std::env::var(name).ok();
    let file = load_tests(&path, &process)?;
    let tested = path.with_file_name("").join(config_of(&path, &file));
    let env = |name: &str| file.env.get(name).cloned().or_else(|| process(name));
    let loaded = load(&[tested], &env)?;
    Ok(Suite { path, config: loaded.config, file })
}

/// What a file tests, relative to it.
fn config_of(path: &Path, file: &TestFileConfig) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let default = || PathBuf::from(name.replacen(".test.", ".", 1));
    file.config.clone().unwrap_or_else(default)
}

fn tested(suite: &Suite) -> String {
    let config = config_of(&suite.path, &suite.file);
    suite.path.with_file_name("").join(config).display().to_string()
}

/// The files of tests at `path`: itself, or those of the folder and the folders below it, sorted.
fn find(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path)? {
        entries.push(entry?);
    }
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if is_hidden {
            continue;
        }
        // Links are not followed, so that no way leads round in a circle.
        if entry.file_type()?.is_dir() {
            find(&entry.path(), files)?;
        } else if is_test_file(&entry.path()) {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn named(path: &Path, error: &io::Error) -> Failure {
    Failure::other(anyhow::anyhow!("{}: {error}", path.display()))
}
