//! Topics of the embedded log for the commands: the same answers over the admin listener and from
//! the folder of a stopped process.

mod record;

use std::time::Duration;

use hybridge_connectors::log::{Cause, Read, Store, Topic, TopicStat};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::feed::{Cursor, Feed, Start, StartError};

pub(crate) use record::{Bin, RecordView};

/// Records of one page at most.
pub(crate) const MOST: usize = 1000;
/// Bytes that are read at once, unless one record alone is larger.
const PIECE: usize = 64 * 1024;
/// Bytes of the records of one page, unless its first record alone is larger.
const PAGE: usize = 1024 * 1024;

/// Which records are wanted.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) start: Start,
    /// Of this partition only.
    pub(crate) partition: Option<u32>,
    pub(crate) max: usize,
    /// How long to wait for the first.
    pub(crate) wait: Duration,
}

/// Records of a topic, in order within each partition.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Page {
    pub(crate) records: Vec<RecordView>,
    /// Records that are missing.
    pub(crate) gaps: Vec<GapView>,
    /// Where the next page begins.
    pub(crate) next: String,
    /// Whether there was nothing more when it was read.
    pub(crate) end: bool,
}

/// Offsets without records.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GapView {
    pub(crate) partition: u32,
    /// The first that is missing.
    pub(crate) from: u64,
    /// The first that is there again.
    pub(crate) to: u64,
    /// `removed` by retention, or `damaged`.
    pub(crate) cause: String,
}

/// All topics in figures.
pub(crate) fn list(store: &Store) -> Vec<TopicStat> {
    let names = store.topics();
    names.iter().filter_map(|name| Some(store.stat(&store.find(name)?))).collect()
}

/// Reads one page.
pub(crate) async fn page(store: &Store, topic: &Topic, ask: &Ask) -> Result<Page, StartError> {
    let mut feed = Feed::open(store, topic, &ask.start).await?;
    let wanted = |partition| ask.partition.is_none_or(|only| only == partition);
    let deadline = Instant::now() + ask.wait;
    let mut page = Page::default();
    let mut bytes = 0;
    let mut piece = PIECE;
    while page.records.len() < ask.max && bytes < PAGE {
        match feed.read(piece, wanted).await? {
            None if bytes > 0 || !page.gaps.is_empty() => {
                page.end = true;
                break;
            }
            None => {
                if tokio::time::timeout_at(deadline, feed.wait_for(wanted)).await.is_err() {
                    page.end = true;
                    break;
                }
            }
            Some((_, Read::End)) => {}
            Some((_, Read::TooSmall(needed))) => piece = needed,
            Some((partition, Read::Gap(gap))) => {
                let cause = match gap.cause {
                    Cause::Removed => "removed",
                    Cause::Damaged => "damaged",
                };
                let (from, to) = (gap.from, gap.to);
                page.gaps.push(GapView { partition, from, to, cause: cause.to_owned() });
            }
            Some((partition, Read::Records(chunk))) => {
                piece = PIECE;
                for record in chunk.into_records(()) {
                    if page.records.len() == ask.max || bytes >= PAGE {
                        feed.seek(partition, record.offset);
                        break;
                    }
                    bytes += record.message.size();
                    page.records.push(RecordView::new(partition, record));
                }
            }
        }
    }
    page.next = match ask.partition {
        None => feed.cursor().to_string(),
        Some(only) => {
            let mut cursor = Cursor::default();
            cursor.set(only, feed.cursor().get(only).unwrap_or(0));
            cursor.to_string()
        }
    };
    Ok(page)
}

#[cfg(test)]
mod tests;
