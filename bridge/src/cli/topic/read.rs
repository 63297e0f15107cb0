//! `topic read` and `topic tail`.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::show;
use super::view::{Topic, View};
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::feed::{Cursor, Start};
use crate::topics::{Ask, MOST, Page};

/// How long one request waits for a record.
const WAIT: Duration = Duration::from_secs(20);

/// Which records.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Range {
    /// Of this partition only.
    #[arg(long, value_name = "N")]
    partition: Option<u32>,
    /// From this offset of the partition.
    #[arg(long, value_name = "N", requires = "partition", conflicts_with = "from")]
    offset: Option<u64>,
    /// From `earliest`, `latest`, or a time such as 2026-05-01T12:00:00Z.
    #[arg(long, value_name = "WHEN", default_value = "earliest", value_parser = start)]
    from: Start,
    /// So many records at most.
    #[arg(long, value_name = "N")]
    max: Option<u64>,
}

pub(super) async fn read(
    view: &View,
    topic: &str,
    range: &Range,
    mut output: Output,
) -> Result<(), Failure> {
    let stat = view.stat(topic).await?;
    let start = match (range.partition, range.offset) {
        (Some(partition), Some(offset)) => {
            let mut cursor = Cursor::default();
            cursor.set(partition, offset);
            Start::Cursor(cursor)
        }
        _ => range.from.clone(),
    };
    let bar = bar(&stat, range);
    let end = end(&stat);
    let mut left = range.max.unwrap_or(u64::MAX);
    let mut ask = Ask { start, partition: range.partition, max: 0, wait: Duration::ZERO };
    while left > 0 {
        ask.max = usize::try_from(left).unwrap_or(MOST).min(MOST);
        let page = view.page(topic, &ask).await?;
        left -= page.records.len() as u64;
        show::page(&page, &mut output)?;
        bar.inc(page.records.len() as u64);
        let next = cursor(&page)?;
        // What is appended meanwhile is not waited for: a busy topic has no other end.
        let done =
            next.iter().all(|(partition, next)| end.get(partition).is_some_and(|end| next >= end));
        if page.end || done {
            break;
        }
        ask.start = Start::Cursor(next);
    }
    bar.finish_and_clear();
    output.finish()
}

pub(super) async fn tail(
    view: &View,
    topic: &str,
    lines: u64,
    mut output: Output,
) -> Result<(), Failure> {
    let mut from = Cursor::default();
    for partition in view.stat(topic).await?.partitions {
        let next = partition.next.saturating_sub(lines).max(partition.earliest);
        from.set(partition.partition, next);
    }
    let mut ask = Ask { start: Start::Cursor(from), partition: None, max: MOST, wait: WAIT };
    loop {
        let page = view.page(topic, &ask).await?;
        show::page(&page, &mut output)?;
        output.flush()?;
        if page.end && !view.is_live() {
            tracing::warn!("no process runs on this folder: nothing will follow");
            return Ok(());
        }
        ask.start = Start::Cursor(cursor(&page)?);
    }
}

fn cursor(page: &Page) -> Result<Cursor, Failure> {
    page.next.parse().map_err(Failure::other)
}

/// The next offset of each partition as of now.
fn end(stat: &Topic) -> Cursor {
    let mut end = Cursor::default();
    for partition in &stat.partitions {
        end.set(partition.partition, partition.next);
    }
    end
}

/// A bar on standard error, if that is a terminal and the records go elsewhere.
fn bar(stat: &Topic, range: &Range) -> ProgressBar {
    if !std::io::stderr().is_terminal() || std::io::stdout().is_terminal() {
        return ProgressBar::hidden();
    }
    let partitions = stat.partitions.iter();
    let wanted =
        partitions.filter(|partition| range.partition.is_none_or(|n| n == partition.partition));
    let records: u64 = wanted
        .map(|partition| match range.offset {
            Some(offset) => partition.next.saturating_sub(offset.max(partition.earliest)),
            None => partition.records,
        })
        .sum();
    let bar = ProgressBar::new(records.min(range.max.unwrap_or(u64::MAX)));
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {pos}/{len} records, {per_sec}, {eta} left")
    {
        bar.set_style(style);
    }
    bar
}

fn start(text: &str) -> Result<Start, String> {
    match text {
        "earliest" => Ok(Start::Earliest),
        "latest" => Ok(Start::Latest),
        time => match time.parse::<jiff::Timestamp>() {
            Ok(time) => Ok(Start::Time(time.as_millisecond())),
            Err(_) => {
                Err("earliest, latest or a time such as 2026-05-01T12:00:00Z is wanted".to_owned())
            }
        },
    }
}
