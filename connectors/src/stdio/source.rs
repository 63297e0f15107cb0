//! Lines of standard input.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use hybridge_config::connector::stdio::SourceConfig;
use hybridge_core::{
    Assignment, Budget, Delivery, Error, ErrorKind, Event, Message, Origin, Outcome, Permit, Place,
    Share, Tag, Text,
};

use super::input::{Input, Kept, Left, Reader};
use crate::line_format::LineFormat;
use crate::lines::{Splitter, Step};

/// Most messages in one event.
const BATCH: usize = 512;

/// Reads standard input, or what stands for it, to its end.
pub struct Source {
    format: LineFormat,
    limit: usize,
    input: Input,
    place: Arc<Place>,
    open: Option<Open>,
}

/// What there is from `connect` to `close`.
struct Open {
    format: LineFormat,
    assignment: Assignment,
    share: Share,
    reader: Reader,
    splitter: Splitter,
    /// Lines that were given out before, by this source or an earlier one.
    again: VecDeque<Kept>,
    /// Lines that were given out, by number of their tag.
    unsettled: BTreeMap<u64, Kept>,
    next_number: u64,
    announced: bool,
    flushing: bool,
    releasing: bool,
    stopped: bool,
    stream_ended: bool,
    said_end: bool,
}

/// Why there is no message now.
enum Lack {
    Budget,
    Chunk,
    /// Everything was given out.
    Stream,
}

impl Source {
    /// Reads `input`; `cluster` says whose input it is.
    pub fn new(config: &SourceConfig, input: Input, cluster: Text) -> Self {
        let place = Place {
            connector: Text::from_static("stdio"),
            cluster,
            topic: Text::from_static("stdin"),
            incarnation: input.incarnation(),
            partition: 0,
        };
        let limit = usize::try_from(config.max_message.get()).unwrap_or(usize::MAX >> 1);
        let format = super::line_format(config.format);
        Self { format, limit, input, place: Arc::new(place), open: None }
    }
}

impl Source {
    fn leave(&mut self) {
        let Some(open) = self.open.take() else { return };
        open.assignment.end();
        let mut unsettled: Vec<Kept> = open.again.into();
        unsettled.extend(open.unsettled.into_values());
        unsettled.sort_by_key(|kept| kept.start);
        let splitter = Some(open.splitter);
        self.input.leave(Left { reader: open.reader, unsettled: unsettled.into(), splitter });
    }
}

impl Open {
    /// As many messages as there are, and why there are no more.
    fn deliveries(&mut self) -> (Vec<Delivery>, Lack) {
        let mut deliveries = Vec::new();
        while deliveries.len() < BATCH {
            let (kept, permit) = match self.line() {
                Ok(line) => line,
                Err(lack) => return (deliveries, lack),
            };
            if !self.format.skips(&kept.bytes) {
                deliveries.push(self.delivery(kept, permit));
            }
        }
        (deliveries, Lack::Budget)
    }

    fn line(&mut self) -> Result<(Kept, Permit), Lack> {
        if let Some(kept) = self.again.pop_front() {
            return match self.share.try_take((kept.bytes.len() + Message::OVERHEAD) as u64) {
                Some(permit) => Ok((kept, permit)),
                None => {
                    self.again.push_front(kept);
                    Err(Lack::Budget)
                }
            };
        }
        let line = match self.splitter.step() {
            Step::Line(line) => line,
            Step::NeedBudget => return Err(Lack::Budget),
            Step::NeedChunk if !self.stream_ended => return Err(Lack::Chunk),
            Step::NeedChunk => self.splitter.finish().ok_or(Lack::Stream)?,
        };
        let kept = Kept { start: line.start, bytes: line.bytes, too_long: line.too_long };
        Ok((kept, line.permit))
    }

    fn delivery(&mut self, kept: Kept, permit: Permit) -> Delivery {
        let (mut message, fault) = self.format.decode(kept.bytes.clone(), kept.too_long);
        let place = self.assignment.place().clone();
        message.origin = Origin { place, offset: kept.start, child: 0 };
        let tag = Tag { assignment: self.assignment.id(), number: self.next_number };
        self.next_number += 1;
        self.unsettled.insert(tag.number, kept);
        let assignment = self.assignment.clone();
        Delivery { tag, message, assignment, deadline: None, permit, fault }
    }

    /// What there is to say that needs no input.
    fn notice(&mut self) -> Option<Event> {
        if !std::mem::replace(&mut self.announced, true) {
            return Some(Event::Assigned(vec![self.assignment.clone()]));
        }
        if std::mem::take(&mut self.flushing) {
            return Some(Event::Flushed);
        }
        if std::mem::take(&mut self.releasing) {
            self.assignment.end();
            return Some(Event::Released(self.assignment.clone()));
        }
        None
    }
}

#[async_trait(?Send)]
impl hybridge_core::Source for Source {
    async fn connect(&mut self, budget: Budget) -> Result<(), Error> {
        let Left { reader, unsettled, splitter } = self.input.take()?;
        let share = budget.share();
        let splitter = match splitter {
            Some(mut splitter) => {
                splitter.set_share(share.clone());
                splitter
            }
            None => Splitter::new(0, self.limit, share.clone()),
        };
        self.open = Some(Open {
            format: self.format,
            assignment: Assignment::new(self.place.clone()),
            share,
            reader,
            splitter,
            again: unsettled,
            unsettled: BTreeMap::new(),
            next_number: 0,
            announced: false,
            flushing: false,
            releasing: false,
            stopped: false,
            stream_ended: false,
            said_end: false,
        });
        Ok(())
    }

    async fn next(&mut self) -> Result<Event, Error> {
        let Some(open) = &mut self.open else {
            return Err(Error::new(ErrorKind::Fatal, "standard input is not connected"));
        };
        loop {
            if let Some(event) = open.notice() {
                return Ok(event);
            }
            if open.stopped || !open.assignment.is_live() {
                return std::future::pending().await;
            }
            let released = open.share.released();
            let (deliveries, lack) = open.deliveries();
            if !deliveries.is_empty() {
                return Ok(Event::Deliveries(deliveries));
            }
            match lack {
                Lack::Budget => released.await,
                Lack::Chunk => {
                    let splitter = &mut open.splitter;
                    let chunk = open.reader.chunk(|| splitter.take_buffer()).await?;
                    open.stream_ended = chunk.is_empty();
                    open.splitter.feed(chunk);
                }
                Lack::Stream if std::mem::replace(&mut open.said_end, true) => {
                    return std::future::pending().await;
                }
                Lack::Stream => return Ok(Event::End),
            }
        }
    }

    fn settle(&mut self, settled: &[(Tag, Outcome)]) {
        let Some(open) = &mut self.open else { return };
        for (tag, outcome) in settled {
            if tag.assignment != open.assignment.id() {
                continue;
            }
            let Some(kept) = open.unsettled.remove(&tag.number) else { continue };
            if !outcome.is_resolved() {
                open.again.push_back(kept);
            }
        }
    }

    /// There is nothing to write down: the process that feeds standard input keeps no position.
    fn flush(&mut self) {
        if let Some(open) = &mut self.open {
            open.flushing = true;
        }
    }

    fn release(&mut self, _assignment: &Assignment) {
        if let Some(open) = &mut self.open {
            open.releasing = true;
        }
    }

    fn stop(&mut self) {
        if let Some(open) = &mut self.open {
            open.stopped = true;
        }
    }

    async fn close(&mut self) {
        self.leave();
    }
}

/// Leaves what was not settled to the next source of this input, also after a panic of the route.
/// Nothing is acknowledged here.
impl Drop for Source {
    fn drop(&mut self) {
        self.leave();
    }
}
