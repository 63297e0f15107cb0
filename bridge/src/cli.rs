//! The commands.
//!
//! Output for people by default, `--format json` for programs. Exit codes: 0, 1 when something
//! failed, 64 for wrong usage, 78 for a wrong configuration.

mod check;
mod explain;
mod failure;
mod init;
mod output;
mod pair;
mod scratch;
mod topic;
mod unit_tests;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use hybridge_config::{Loaded, Problems};

use crate::{daemon, telemetry};
use failure::Failure;
use output::Output;
use scratch::Scratch;

const EXAMPLES: &str = "\
Examples:
  hybridge init                       write a commented hybridge.yaml to begin with
  hybridge init --from kafka --to nats
  hybridge check                      say what each route promises, and everything that is wrong
  hybridge run /etc/hybridge.d        run all routes of a folder of files
  hybridge topic tail orders          follow a topic of the embedded log

Exit codes: 0 done, 1 failed, 64 wrong usage, 78 wrong configuration.";

/// An event-driven message bridge that never loses, reorders or leaks a message.
#[derive(Debug, Parser)]
#[command(name = "hybridge", version, after_help = EXAMPLES, max_term_width = 100)]
struct Cli {
    /// What to log, as in RUST_LOG: `debug`, `hybridge=debug,warn`. Logs go to standard error.
    #[arg(long, global = true, env = "RUST_LOG", value_name = "FILTER", hide_env_values = true)]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the routes of the routing-rule files until SIGTERM or SIGINT.
    #[command(after_help = "\
Without PATH it reads ./hybridge.yaml or, if there is none, /etc/hybridge.d.

Signals:
  SIGTERM, SIGINT   take in nothing more, deliver what is there, end; a second one ends at once
  SIGHUP            read the files again and restart the routes that changed; a file with a
                    problem changes nothing

Examples:
  hybridge run
  hybridge run orders.yaml billing.yaml
  hybridge run --log debug /etc/hybridge.d")]
    Run {
        /// Routing-rule files, and folders with such files.
        paths: Vec<PathBuf>,
    },
    /// Read the routing-rule files, say what each route promises, and everything that is wrong.
    #[command(after_help = "\
Examples:
  hybridge check
  hybridge check /etc/hybridge.d --connect
  hybridge check --format json | jq '.routes[].guarantee'")]
    Check {
        /// Routing-rule files, and folders with such files.
        paths: Vec<PathBuf>,
        /// Also ask every broker whether it is there and has what the routes want, and every target. No message is read or written.
        #[arg(long)]
        connect: bool,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Run unit tests of routing-rule files: messages in, what each target gets out.
    #[command(after_help = "\
A file NAME.test.yaml tests NAME.yaml, or what its `config:` names. Nothing is connected, and no
time is waited for: targets accept everything, or answer as the test says.

Examples:
  hybridge test                       all *.test.yaml files of this folder and those below it
  hybridge test orders.test.yaml --filter billing
  hybridge test --junit report.xml
  hybridge test --update              write the golden files that the tests name")]
    Test {
        /// Files of unit tests, and folders with such files.
        #[arg(default_value = ".")]
        paths: Vec<PathBuf>,
        /// Only tests with this in their names.
        #[arg(long, value_name = "TEXT")]
        filter: Option<String>,
        /// Write golden files instead of comparing with them.
        #[arg(long)]
        update: bool,
        /// Also write a report in the JUnit form to this file.
        #[arg(long, value_name = "FILE")]
        junit: Option<PathBuf>,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Say what each route makes of one message: which rules it meets and why not, and what each target gets.
    #[command(after_help = "\
Nothing is connected: targets accept everything.

Examples:
  hybridge explain orders.yaml --message order.json
  echo '{\"amount\": 5}' | hybridge explain --message - --key ann --header 'x-trace: 1'
  hybridge explain --message order.json --route orders --format json")]
    Explain {
        /// Routing-rule files, and folders with such files.
        paths: Vec<PathBuf>,
        #[command(flatten)]
        options: explain::Options,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Print the JSON Schema of the routing-rule files, for editors.
    #[command(after_help = "\
Example:
  hybridge schema > hybridge.schema.json
  # then, as the first line of hybridge.yaml:
  # yaml-language-server: $schema=hybridge.schema.json")]
    Schema,
    /// Write a commented routing-rule file to begin with. An existing file is never overwritten.
    #[command(after_help = "\
Examples:
  hybridge init
  hybridge init --from kafka --to nats bridge.yaml
  hybridge init --from amqp")]
    Init {
        /// The file.
        #[arg(default_value = "hybridge.yaml")]
        path: PathBuf,
        /// A route that reads from this system; from HTTP where only --to is given.
        #[arg(long, value_name = "SYSTEM")]
        from: Option<pair::System>,
        /// A route that writes to this system; to the embedded log where only --from is given.
        #[arg(long, value_name = "SYSTEM")]
        to: Option<pair::System>,
    },
    /// Look at the topics of the embedded log.
    #[command(subcommand)]
    Topic(topic::Command),
    /// Print a script that completes commands and options in a shell.
    #[command(after_help = "\
Examples:
  hybridge completions bash > /etc/bash_completion.d/hybridge
  hybridge completions zsh > ~/.zfunc/_hybridge")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Clone, Copy, Debug, Default, clap::Args)]
struct OutputArgs {
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Runs the command that the arguments of the process name.
pub fn main() -> ExitCode {
    run(std::env::args_os().collect())
}

fn run(arguments: Vec<OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // A closed pipe is no failure of ours.
            let _ = error.print();
            return if error.use_stderr() { failure::USAGE.into() } else { ExitCode::SUCCESS };
        }
    };
    match command(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn command(cli: Cli) -> Result<(), Failure> {
    let default = match cli.command {
        Command::Run { .. } => telemetry::DEFAULT_FILTER,
        Command::Test { .. } | Command::Explain { .. } => "off",
        _ => "warn",
    };
    telemetry::logs(cli.log.as_deref().unwrap_or(default))?;
    match cli.command {
        Command::Run { paths } => {
            let paths = or_default(paths);
            let load = move || load(&paths);
            let loaded = load()?;
            let metrics = telemetry::Metrics::install()?;
            daemon::run(loaded, Box::new(load), metrics).map_err(Failure::other)
        }
        Command::Check { paths, connect, output } => {
            check::check(&or_default(paths), connect, Output::new(output.format))
        }
        Command::Test { paths, filter, update, junit, output } => {
            let options = unit_tests::Options { filter, update, junit };
            unit_tests::test(&paths, &options, Output::new(output.format))
        }
        Command::Explain { paths, options, output } => {
            explain::explain(&or_default(paths), &options, Output::new(output.format))
        }
        Command::Schema => {
            let mut output = Output::new(Format::Text);
            output.pretty(&hybridge_config::json_schema())?;
            output.finish()
        }
        Command::Init { path, from, to } => init::init(&path, from, to),
        Command::Topic(command) => topic::run(command),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "hybridge", &mut script);
            let mut output = Output::new(Format::Text);
            output.bytes(&script)?;
            output.finish()
        }
    }
}

fn load(paths: &[PathBuf]) -> Result<Loaded, Problems> {
    hybridge_config::load(paths, &|name| std::env::var(name).ok())
}

/// The files to read when none are named.
fn or_default(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    if !paths.is_empty() {
        return paths;
    }
    let usual = ["hybridge.yaml", "/etc/hybridge.d"].map(Path::new);
    let found = usual.iter().find(|path| path.exists());
    found.map(|path| path.to_path_buf()).into_iter().collect()
}

#[cfg(test)]
mod tests;
