//! Reads a topic of the log for a consumer group.
//!
//! All partitions are assigned to the one reader, each as an assignment of its own. What is settled moves a watermark; its
//! position becomes the group's cursor at an interval and at each flush. An abandoned message stops the watermark and
//! comes again after the next start.

mod open;
mod partition;

use std::sync::Arc;

use async_trait::async_trait;
use hybridge_config::connector::log::{SourceConfig, Start};
use hybridge_core::{
    Assignment, Budget, Error, ErrorKind, Event, Outcome, Place, Tag, Text, Watermark,
};

use self::open::Open;
use self::partition::Partition;
use super::error::WriteError;
use super::store::Store;
use super::topic::{self, Topic};

/// Reads one topic.
pub struct Source {
    store: Store,
    topic: String,
    group: String,
    start: From,
    uncommitted: usize,
    open: Option<Open>,
}

/// Where a group without a cursor begins.
#[derive(Debug, Clone, Copy)]
enum From {
    Earliest,
    Latest,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    Time(i64),
    Offset(u64),
}

impl Source {
    /// A source out of `store` for `route`, whose name is the group's where the configuration has none. At most
    /// `uncommitted` deliveries of each partition are given out and not behind its watermark.
    ///
    /// # Errors
    /// [`Fatal`](ErrorKind::Fatal) when no topic can have the name, or the start time is none.
    pub fn new(
        config: &SourceConfig,
        route: &str,
        uncommitted: usize,
        store: Store,
    ) -> Result<Self, Error> {
        let fatal = |what| Error::new(ErrorKind::Fatal, what);
        if !topic::is_open_to_files(&config.topic) {
            return Err(fatal(WriteError::Name(config.topic.clone()).to_string()));
        }
        let start = match &config.start {
            Start::Earliest => From::Earliest,
            Start::Latest => From::Latest,
            Start::Offset(offset) => From::Offset(*offset),
            Start::Time(text) => {
                let time: jiff::Timestamp = text
                    .parse()
                    .map_err(|_| fatal(format!("start time `{text}` is not RFC 3339")))?;
                From::Time(time.as_millisecond())
            }
        };
        let group = config.group.clone().unwrap_or_else(|| route.to_owned());
        Ok(Self { store, topic: config.topic.clone(), group, start, uncommitted, open: None })
    }

    /// Where the group begins to read a partition, and whether that is its cursor already.
    async fn position(&self, topic: &Topic, partition: u32) -> Result<(u64, bool), Error> {
        if let Some(cursor) = self.store.cursor(&self.group, topic, partition) {
            return Ok((cursor, true));
        }
        let (earliest, next) = self.store.range(topic, partition);
        let offset = match self.start {
            From::Earliest => earliest,
            From::Latest => next,
            From::Offset(offset) => offset.clamp(earliest, next),
            From::Time(time) => {
                self.store.offset_at_time(topic, partition, time).await.map_err(|error| {
                    Error::with_source(ErrorKind::Disconnected, "cannot find the start time", error)
                })?
            }
        };
        Ok((offset, false))
    }
}

#[async_trait(?Send)]
impl hybridge_core::Source for Source {
    async fn connect(&mut self, budget: Budget) -> Result<(), Error> {
        let failed = |what: &str, error: WriteError| {
            let what = format!("{what} of topic `{}`", self.topic);
            Error::with_source(ErrorKind::Disconnected, what, error)
        };
        let opened = self.store.topic(&self.topic).await;
        let topic = opened.map_err(|error| failed("cannot open the log", error))?;
        let claim = self.store.claim(&self.group, &topic).ok_or_else(|| {
            let what = format!("group `{}` already reads topic `{}`", self.group, self.topic);
            Error::new(ErrorKind::Disconnected, what)
        })?;
        let mut watermark = Watermark::new(self.uncommitted);
        let mut partitions = Vec::new();
        let mut fresh = Vec::new();
        let chunk = partition::chunk(budget.cap(), topic.partitions());
        for number in 0..topic.partitions() {
            let (offset, known) = self.position(&topic, number).await?;
            if !known {
                fresh.push((number, offset));
            }
            let Some(reader) = self.store.reader(&topic, number, offset) else { continue };
            let assignment = Assignment::new(place(&self.store, &topic, number));
            watermark.assign(assignment.clone(), offset);
            let share = budget.share();
            partitions.push(Partition::new(assignment, share, reader, number, offset, chunk));
        }
        // Where a group began must not change with the next start, nor be removed unnoticed by retention.
        if !fresh.is_empty() {
            let begun = self.store.commit(&self.group, &topic, &fresh).await;
            begun.map_err(|error| failed("cannot write the first cursor", error))?;
        }
        self.open = Some(Open::new(
            self.store.clone(),
            topic,
            self.group.clone(),
            partitions,
            watermark,
            claim,
        ));
        Ok(())
    }

    async fn next(&mut self) -> Result<Event, Error> {
        let Some(open) = &mut self.open else {
            return Err(Error::new(ErrorKind::Fatal, "the log is not connected"));
        };
        open.next().await
    }

    fn settle(&mut self, settled: &[(Tag, Outcome)]) {
        let Some(open) = &mut self.open else { return };
        open.settle(settled);
    }

    fn flush(&mut self) {
        if let Some(open) = &mut self.open {
            open.flushing = Some(open.unsaved());
        }
    }

    fn release(&mut self, assignment: &Assignment) {
        if let Some(open) = &mut self.open {
            open.releasing.push_back(assignment.clone());
        }
    }

    fn stop(&mut self) {
        if let Some(open) = &mut self.open {
            open.stopped = true;
        }
    }

    fn position(&self) -> Vec<(Assignment, u64)> {
        self.open.as_ref().map_or_else(Vec::new, |open| open.watermark.positions())
    }

    fn lag(&self) -> Option<u64> {
        let open = self.open.as_ref()?;
        Some(open.partitions.iter().map(Partition::lag).sum())
    }

    async fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let positions = open.unsaved();
        open.partitions.iter().for_each(|partition| partition.assignment.end());
        if positions.is_empty() {
            return;
        }
        if let Err(error) = open.store.commit(&open.group, &open.topic, &positions).await {
            tracing::warn!(group = open.group, topic = open.topic.name(), %error, "last cursors not written");
        }
    }
}

fn place(store: &Store, topic: &Topic, partition: u32) -> Arc<Place> {
    Arc::new(Place {
        connector: Text::from_static("log"),
        cluster: store.instance_id().to_string().into(),
        topic: topic.name().into(),
        incarnation: topic.incarnation().to_string().into(),
        partition,
    })
}
