//! The position in a stream, which the broker does not keep.

use std::collections::VecDeque;

use hybridge_config::connector::amqp::{Start, StreamConfig};
use hybridge_core::{Error, ErrorKind};
use lapin::types::{AMQPValue, FieldTable, LongString};
use tokio::time::Instant;

use crate::positions::{Keeper, Positions, SAVE_WITHIN};

/// The header of a delivery, and the argument of a consumer, with an offset.
const OFFSET: &str = "x-stream-offset";

/// What is read of a stream: where each delivery is, and up to where everything is resolved.
pub(super) struct Stream {
    keeper: Keeper,
    name: String,
    /// Delivery tag and offset of what is not resolved, in order, and of what is resolved behind it.
    offsets: VecDeque<(u64, u64)>,
    save_at: Option<Instant>,
    saving: bool,
}

impl Stream {
    pub(super) async fn open(
        route: &str,
        queue: &str,
        positions: Box<dyn Positions>,
    ) -> Result<Self, Error> {
        let mut keeper = Keeper::new(positions);
        keeper.open().await?;
        let name = format!("{route}/amqp/{queue}");
        Ok(Self { keeper, name, offsets: VecDeque::new(), save_at: None, saving: false })
    }

    /// The argument that says where the consumer begins.
    ///
    /// # Errors
    /// A start time that is none.
    pub(super) fn arguments(&self, config: &StreamConfig) -> Result<FieldTable, Error> {
        let text = |text: &str| AMQPValue::LongString(LongString::from(text));
        let at = |offset: u64| AMQPValue::LongLongInt(i64::try_from(offset).unwrap_or(i64::MAX));
        let start = match (self.keeper.get(&self.name, 1).first(), &config.start) {
            (Some(position), _) => at(*position),
            (None, Start::Earliest) => text("first"),
            (None, Start::Latest) => text("next"),
            (None, Start::Offset(offset)) => at(*offset),
            (None, Start::Time(time)) => {
                let time: jiff::Timestamp = time.parse().map_err(|_| {
                    Error::new(ErrorKind::Fatal, format!("start time `{time}` is not RFC 3339"))
                })?;
                AMQPValue::Timestamp(u64::try_from(time.as_second()).unwrap_or(0))
            }
        };
        let mut arguments = FieldTable::default();
        arguments.insert(OFFSET.into(), start);
        Ok(arguments)
    }

    pub(super) fn received(&mut self, tag: u64, offset: u64) {
        self.offsets.push_back((tag, offset));
    }

    /// Everything before this tag is resolved: the position is behind it.
    pub(super) fn resolved_before(&mut self, first: u64) {
        let mut position = None;
        while let Some((_, offset)) = self.offsets.front().filter(|(tag, _)| *tag < first) {
            position = Some(offset + 1);
            self.offsets.pop_front();
        }
        if let Some(position) = position {
            self.keeper.set(self.name.clone(), vec![position]);
            self.save_at.get_or_insert_with(|| Instant::now() + SAVE_WITHIN);
        }
    }

    /// When the position should be saved.
    pub(super) fn save_at(&self) -> Option<Instant> {
        self.save_at.filter(|_| !self.saving)
    }

    /// Starts to save, unless it does so already.
    pub(super) fn save(&mut self) -> bool {
        if self.saving {
            return false;
        }
        self.saving = true;
        self.save_at = None;
        self.keeper.flush();
        true
    }

    /// Returns once for each save, when it is durable. Cancel-safe.
    pub(super) async fn saved(&mut self) {
        self.keeper.flushed().await;
        self.saving = false;
    }

    pub(super) async fn close(mut self) {
        self.keeper.close().await;
    }
}

/// The offset of a delivery; only those of a stream have one.
pub(super) fn offset(delivery: &lapin::message::Delivery) -> Option<u64> {
    let headers = delivery.properties.headers().as_ref()?;
    u64::try_from(headers.inner().get(OFFSET)?.as_long_long_int()?).ok()
}
