//! `hybridge topic`: looks at topics through the admin listener of the process that runs or, if
//! none does, in its folder, where nothing is changed.

mod read;
mod show;
mod view;

use std::path::PathBuf;

use hybridge_connectors::log::is_valid_name;
use tokio::runtime::Runtime;

use super::failure::Failure;
use super::output::Output;
use super::{OutputArgs, or_default};
use view::View;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the topics.
    Ls {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Print the last records of a topic and follow it.
    #[command(after_help = "\
Examples:
  hybridge topic tail orders
  hybridge topic tail orders -n 0 --format json | jq .attributes.type")]
    Tail {
        /// The topic.
        #[arg(value_parser = topic_name)]
        topic: String,
        /// How many records of each partition to begin with.
        #[arg(short = 'n', long, default_value_t = 10)]
        lines: u64,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Print the records of a topic and stop at its end.
    #[command(after_help = "\
Examples:
  hybridge topic read orders --format json > orders.jsonl
  hybridge topic read orders --partition 0 --offset 1200 --max 5
  hybridge topic read orders --from 2026-05-01T12:00:00Z")]
    Read {
        /// The topic.
        #[arg(value_parser = topic_name)]
        topic: String,
        #[command(flatten)]
        range: read::Range,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Print what there is of a topic: records, bytes, offsets, damage, groups and their lag.
    Stat {
        /// The topic.
        #[arg(value_parser = topic_name)]
        topic: String,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        output: OutputArgs,
    },
}

/// Where the topics are.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// Routing-rule files and folders: they say where the admin listener and the storage are.
    /// Without any: ./hybridge.yaml or /etc/hybridge.d.
    #[arg(short, long = "config", value_name = "PATH", conflicts_with_all = ["admin", "folder"])]
    config: Vec<PathBuf>,
    /// The admin listener, as in `http://127.0.0.1:9090`.
    #[arg(long, value_name = "URL", conflicts_with = "folder")]
    admin: Option<String>,
    /// A file with the admin token. Without it: HYBRIDGE_ADMIN_TOKEN, or what the files say.
    #[arg(long, value_name = "FILE", conflicts_with = "folder")]
    token_file: Option<PathBuf>,
    /// The storage folder of a process that does not run.
    #[arg(long, value_name = "PATH")]
    folder: Option<PathBuf>,
}

pub(super) fn run(command: Command) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match command {
        Command::Ls { place, output } => {
            let view = open(&runtime, place)?;
            show::topics(runtime.block_on(view.list())?, Output::new(output.format))
        }
        Command::Stat { topic, place, output } => {
            let view = open(&runtime, place)?;
            show::topic(runtime.block_on(view.stat(&topic))?, Output::new(output.format))
        }
        Command::Read { topic, range, place, output } => {
            let view = open(&runtime, place)?;
            runtime.block_on(read::read(&view, &topic, &range, Output::new(output.format)))
        }
        Command::Tail { topic, lines, place, output } => {
            let view = open(&runtime, place)?;
            runtime.block_on(read::tail(&view, &topic, lines, Output::new(output.format)))
        }
    }
}

fn open(runtime: &Runtime, place: Place) -> Result<View, Failure> {
    if let Some(folder) = &place.folder {
        return View::folder(folder);
    }
    let token = token(&place)?;
    if let Some(url) = &place.admin {
        return View::admin(url, token);
    }
    let paths = or_default(place.config);
    if paths.is_empty() {
        let text = "no ./hybridge.yaml and no /etc/hybridge.d: name --config, --admin or --folder";
        return Err(Failure::Usage(text.to_owned()));
    }
    let config = super::load(&paths)?.config;
    runtime.block_on(View::of(&config, token))
}

fn token(place: &Place) -> Result<Option<String>, Failure> {
    let Some(path) = &place.token_file else {
        return Ok(std::env::var("HYBRIDGE_ADMIN_TOKEN").ok());
    };
    let text = std::fs::read_to_string(path).map_err(|error| {
        let context = format!("cannot read the token of {}", path.display());
        Failure::Other(anyhow::Error::new(error).context(context))
    })?;
    Ok(Some(text.trim().to_owned()))
}

fn topic_name(text: &str) -> Result<String, String> {
    if is_valid_name(text) {
        return Ok(text.to_owned());
    }
    Err("a topic is named with 1 to 200 of A-Z a-z 0-9 . _ -".to_owned())
}
