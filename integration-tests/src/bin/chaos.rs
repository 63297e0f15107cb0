//! Strikes one route many times with random faults and says whether anything was lost.

use std::io::Write;
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Error, Result};
use clap::Parser;
use futures_util::{StreamExt, stream};
use hybridge_integration_tests::chaos::{self, Bridge, BridgeKind, Report, RouteKind};
use hybridge_integration_tests::{binary, disk};

/// Runs a route under random faults: one JSON line per run, then the totals.
#[derive(Parser)]
struct Options {
    /// The route: http-log, log-http, log-log, file-log, or one between brokers: kafka-kafka,
    /// kafka-jetstream, jetstream-kafka, kafka-amqp, amqp-kafka, jetstream-amqp, http-kafka.
    #[arg(long)]
    route: Route,
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

#[derive(Clone, Copy)]
enum Route {
    Local(RouteKind),
    Bridge(BridgeKind),
}

impl FromStr for Route {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        name.parse().map(Self::Local).or_else(|_| name.parse().map(Self::Bridge))
    }
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
    let (mut passed, mut failed) = (0, 0);
    let mut tell = |report: Report| -> Result<()> {
        writeln!(output, "{}", report.line())?;
        if report.ok {
            passed += 1;
        } else {
            failed += 1;
        }
        Ok(())
    };
    match options.route {
        Route::Local(route) => {
            let mut reports = stream::iter(seeds)
                .map(|seed| tokio::spawn(chaos::run(route, seed)))
                .buffer_unordered(options.jobs.max(1));
            while let Some(report) = reports.next().await {
                tell(report?)?;
            }
        }
        // One after the other: they share the brokers that are struck.
        Route::Bridge(kind) => {
            let mut bridge = Bridge::start(kind).await?;
            for seed in seeds {
                tell(bridge.run(seed).await)?;
            }
        }
    }
    writeln!(output, "{passed} passed, {failed} failed")?;
    let all_passed = failed == 0 && passed > 0;
    Ok(if all_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
