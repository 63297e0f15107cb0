//! Strikes one route many times with random faults and says whether anything was lost.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use futures_util::{StreamExt, stream};
use hybridge_integration_tests::chaos::{self, RouteKind};
use hybridge_integration_tests::{binary, disk};

/// Runs a route under random faults: one JSON line per run, then the totals.
#[derive(Parser)]
struct Options {
    /// The route: http-log, log-http, log-log or file-log.
    #[arg(long)]
    route: RouteKind,
    /// How many runs.
    #[arg(long, default_value_t = 1)]
    runs: u64,
    /// Seed of the first run; each further one takes the next.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Runs at the same time.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
}

fn main() -> Result<ExitCode> {
    disk::in_own_namespace();
    let options = Options::parse();
    binary::hybridge()?;
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2 * options.jobs.max(1))
        .enable_all()
        .build()?
        .block_on(all(options))
}

async fn all(options: Options) -> Result<ExitCode> {
    let mut output = std::io::stdout();
    let seeds = options.seed..options.seed + options.runs;
    let mut reports = stream::iter(seeds)
        .map(|seed| tokio::spawn(chaos::run(options.route, seed)))
        .buffer_unordered(options.jobs.max(1));
    let (mut passed, mut failed) = (0, 0);
    while let Some(report) = reports.next().await {
        let report = report?;
        writeln!(output, "{}", report.line())?;
        if report.ok {
            passed += 1;
        } else {
            failed += 1;
        }
    }
    writeln!(output, "{passed} passed, {failed} failed")?;
    let all_passed = failed == 0 && passed > 0;
    Ok(if all_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
