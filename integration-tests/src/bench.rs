//! What a bench run measures, and the table that it prints.

pub mod brokers;
pub mod events;
pub mod latency;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::daemon::Daemon;
use crate::process;

/// The longest that a run may take.
const LIMIT: Duration = Duration::from_secs(600);
/// What is measured of a daemon begins when this part of the messages is there: neither its start nor what it reads then.
const WARM: u64 = 10;

/// One run of one program.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Messages that were moved.
    pub messages: u64,
    /// Processor seconds of the process, user and system.
    pub cpu: f64,
    /// Wall seconds.
    pub wall: f64,
    /// Peak resident memory in bytes.
    pub peak: u64,
}

impl Run {
    /// Processor seconds per million messages.
    pub fn cpu_per_million(&self) -> f64 {
        self.cpu / self.messages as f64 * 1e6
    }
}

/// Interleaved runs of the bridge and its limit program.
#[derive(Clone, Debug, Default)]
pub struct Pairs {
    /// The bridge, in order.
    pub bridge: Vec<Run>,
    /// The limit program, in order.
    pub limit: Vec<Run>,
}

/// Median, least and greatest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The median; of an even number of values the mean of the two in the middle.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of these values; zeros where there are none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (Some(min), Some(max)) = (values.first(), values.last()) else {
            return Self { median: 0.0, min: 0.0, max: 0.0 };
        };
        let median = (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0;
        Self { median, min: *min, max: *max }
    }

    /// `median (min-max)` with so many decimals.
    pub fn text(&self, decimals: usize) -> String {
        let Self { median, min, max } = self;
        format!("{median:.decimals$} ({min:.decimals$}-{max:.decimals$})")
    }
}

impl Pairs {
    /// Processor seconds of the bridge per million messages.
    pub fn bridge_cpu(&self) -> Spread {
        Spread::of(self.bridge.iter().map(Run::cpu_per_million))
    }

    /// The same of the limit program.
    pub fn limit_cpu(&self) -> Spread {
        Spread::of(self.limit.iter().map(Run::cpu_per_million))
    }

    /// The bridge's processor time over the limit program's, pair by pair.
    pub fn ratio(&self) -> Spread {
        let pairs = self.bridge.iter().zip(&self.limit);
        Spread::of(pairs.map(|(bridge, limit)| bridge.cpu_per_million() / limit.cpu_per_million()))
    }

    /// How far apart neighbouring runs of the bridge itself were, as a share: the noise.
    pub fn noise(&self) -> f64 {
        let neighbours = self.bridge.windows(2).map(|runs| {
            let (a, b) = (runs[0].cpu_per_million(), runs[1].cpu_per_million());
            (a - b).abs() / a.min(b)
        });
        Spread::of(neighbours).median
    }

    /// The row of the table.
    pub fn row(&self, name: &str) -> String {
        let rate =
            |runs: &[Run]| Spread::of(runs.iter().map(|run| run.messages as f64 / run.wall)).median;
        let peak = Spread::of(self.bridge.iter().map(|run| run.peak as f64 / 1_048_576.0));
        let mut row = String::new();
        let _ = write!(
            row,
            "| {name} | {} | {} | {} | {:.0} | {:.0} | {:.0} | {:.1} % |",
            self.bridge_cpu().text(2),
            self.limit_cpu().text(2),
            self.ratio().text(2),
            rate(&self.bridge),
            rate(&self.limit),
            peak.median,
            self.noise() * 100.0,
        );
        row
    }
}

/// Head of the table that [`Pairs::row`] fills.
pub const HEAD: &str = "\
| row | bridge CPU-s per million | limit CPU-s per million | ratio | bridge msgs/s | limit msgs/s | peak RSS MiB | A-A spread |
|---|---|---|---|---|---|---|---|";

/// Waits until a daemon that was just started has moved so many, and says what the better part of them cost.
pub async fn moved(daemon: &mut Daemon, route: &str, messages: u64) -> Result<Run> {
    daemon.live(Duration::from_secs(60)).await?;
    let (admin, pid, started) = (daemon.admin()?, daemon.pid()?, Instant::now());
    let mut begun = None;
    loop {
        let counts = admin.route(route).await?.counts;
        let (done, cpu) = (counts.delivered, process::cpu_seconds(pid)?);
        if begun.is_none() && done >= messages / WARM {
            begun = Some((done, cpu, Instant::now()));
        }
        if let Some((first, before, since)) = begun.filter(|_| done >= messages) {
            ensure!(done - first > messages / 4, "it went too fast to be measured");
            return Ok(Run {
                messages: done - first,
                cpu: cpu - before,
                wall: since.elapsed().as_secs_f64(),
                peak: process::resident(pid)?.peak,
            });
        }
        ensure!(started.elapsed() < LIMIT, "{counts:?}\n{}", daemon.log_tail());
        // Each question costs the daemon what the limit program does not pay.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Runs a limit program until it says `done`.
pub fn run_to_done(name: &str, arguments: &[&str], messages: u64) -> Result<Run> {
    let started = Instant::now();
    let mut command = Command::new(sibling(name)?);
    let mut program = Program(command.args(arguments).stdout(Stdio::piped()).spawn()?);
    let mut line = String::new();
    let output = program.0.stdout.take().context("no output")?;
    std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line)?;
    ensure!(line == "done\n", "{name} said {line:?}");
    let pid = program.0.id();
    Ok(Run {
        messages,
        cpu: process::cpu_seconds(pid)?,
        wall: started.elapsed().as_secs_f64(),
        peak: process::resident(pid)?.peak,
    })
}

/// A child that is killed on drop.
pub struct Program(pub Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program `name` that was built with this one.
pub fn sibling(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let path = own.parent().context("no folder")?.join(name);
    ensure!(path.is_file(), "{} is not built", path.display());
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_stands_in_the_middle() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0]).median, 2.5);
        assert_eq!(Spread::of([]).median, 0.0);
    }

    #[test]
    fn ratios_are_taken_pair_by_pair() {
        let run = |cpu| Run { messages: 1_000_000, cpu, wall: 1.0, peak: 0 };
        let pairs = Pairs { bridge: vec![run(2.0), run(6.0)], limit: vec![run(1.0), run(4.0)] };
        assert_eq!(pairs.ratio(), Spread { median: 1.75, min: 1.5, max: 2.0 });
        assert_eq!(pairs.noise(), 2.0);
    }
}
