//! Runs tables of conformance cases: a line of JSON per case, a summary per suite, and at the end how many passed,
//! failed and were skipped. Exits with 1 when a case that counts failed.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// What to run.
#[derive(Parser)]
struct Options {
    /// The folder of the suites.
    #[arg(long)]
    dir: PathBuf,
    /// The name of the only suite to run, which is that of its folder.
    #[arg(long)]
    suite: Option<String>,
}

/// How many cases went how.
#[derive(Clone, Copy, Default)]
struct Count {
    passed: usize,
    failed: usize,
    skipped: usize,
}

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    // What a case panics with is in its line.
    std::panic::set_hook(Box::new(|_| {}));
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    let mut unwritten = Ok(());
    hybridge_tables::run(&options.dir, options.suite.as_deref(), |report| {
        if let Err(error) = writeln!(out, "{}", report.line()) {
            unwritten = Err(error);
        }
        let count = counts.entry(report.suite.clone()).or_default();
        match (report.pass(), report.counted) {
            (true, _) => count.passed += 1,
            (false, true) => count.failed += 1,
            (false, false) => count.skipped += 1,
        }
    })?;
    unwritten?;
    let mut all = Count::default();
    for (suite, Count { passed, failed, skipped }) in counts {
        writeln!(out, "{suite}: {passed} passed, {failed} failed, {skipped} skipped")?;
        all.passed += passed;
        all.failed += failed;
        all.skipped += skipped;
    }
    writeln!(out, "{} passed, {} failed, {} skipped", all.passed, all.failed, all.skipped)?;
    out.flush()?;
    Ok(if all.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
