//! The AMQP shape: delivery tags that count within one channel.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use super::scripted::{Broker, Scripted};
use crate::{Assignment, AssignmentId, Event, Message, Origin, Outcome, Place, Tag};

/// A queue that is consumed over a channel. Tags count from 1 in each channel; when the channel
/// ends, what was not acknowledged goes back to its place in the queue. A route that settles under
/// the tag of a channel that it was told is lost violates the protocol: with a broker the number
/// might be another message's by then.
pub type Tags = Scripted<Queue>;

/// The state of the broker behind [`Tags`].
pub struct Queue {
    place: Arc<Place>,
    /// By publish number.
    ready: BTreeMap<u64, Stored>,
    unacked: BTreeMap<u64, (u64, Stored)>,
    prefetch: usize,
    published: u64,
    channel: Option<Assignment>,
    open_channel: bool,
    next_tag: u64,
    notices: VecDeque<Event>,
    redelivered: u32,
    rejected: usize,
    acknowledged: usize,
    violations: Vec<String>,
}

struct Stored {
    message: Message,
    delivered: bool,
}

impl Tags {
    /// A queue with these messages and a prefetch of `prefetch`.
    pub fn new(queue: &str, messages: Vec<Message>, prefetch: usize) -> Self {
        let place = Place { connector: "tags".into(), topic: queue.into(), ..Place::default() };
        let tags = Self::with(Queue {
            place: Arc::new(place),
            ready: BTreeMap::new(),
            unacked: BTreeMap::new(),
            prefetch,
            published: 0,
            channel: None,
            open_channel: false,
            next_tag: 1,
            notices: VecDeque::new(),
            redelivered: 0,
            rejected: 0,
            acknowledged: 0,
            violations: Vec::new(),
        });
        for message in messages {
            tags.push(message);
        }
        tags
    }

    /// Publishes a message.
    pub fn push(&self, message: Message) {
        self.steer(|queue| {
            queue.ready.insert(queue.published, Stored { message, delivered: false });
            queue.published += 1;
        });
    }

    /// Ends the channel and opens another: every tag is stale from now on.
    pub fn bump(&self) {
        self.steer(|queue| {
            if let Some(channel) = queue.end_channel() {
                queue.notices.push_back(Event::Lost(channel));
            }
            queue.open_channel = true;
        });
    }

    /// Messages in the queue, delivered or not, that are neither acknowledged nor rejected.
    pub fn unacknowledged(&self) -> usize {
        self.broker(|queue| queue.ready.len() + queue.unacked.len())
    }

    /// Messages that were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.broker(|queue| queue.acknowledged)
    }

    /// Messages that were rejected for good.
    pub fn rejected(&self) -> usize {
        self.broker(|queue| queue.rejected)
    }

    /// Deliveries with the flag that the message was delivered before.
    pub fn redelivered(&self) -> u32 {
        self.broker(|queue| queue.redelivered)
    }
}

impl Queue {
    fn end_channel(&mut self) -> Option<Assignment> {
        for (number, stored) in std::mem::take(&mut self.unacked).into_values() {
            self.ready.insert(number, stored);
        }
        let channel = self.channel.take()?;
        channel.end();
        Some(channel)
    }
}

impl Broker for Queue {
    fn connect(&mut self, _now: Instant) {
        self.end_channel();
        self.notices.clear();
        self.open_channel = true;
    }

    fn notice(&mut self, _now: Instant) -> Option<Event> {
        if let Some(event) = self.notices.pop_front() {
            return Some(event);
        }
        if !std::mem::take(&mut self.open_channel) {
            return None;
        }
        let channel = Assignment::new(self.place.clone());
        self.next_tag = 1;
        self.channel = Some(channel.clone());
        Some(Event::Assigned(vec![channel]))
    }

    fn wake_at(&self) -> Option<Instant> {
        None
    }

    fn readable(&self) -> Vec<Assignment> {
        self.channel.iter().filter(|channel| channel.is_live()).cloned().collect()
    }

    fn front(&mut self, _channel: AssignmentId, _now: Instant) -> Option<Message> {
        if self.unacked.len() >= self.prefetch {
            return None;
        }
        let (number, stored) = self.ready.first_key_value()?;
        let mut message = stored.message.clone();
        message.origin = Origin { place: self.place.clone(), offset: *number, child: 0 };
        Some(message)
    }

    fn take(&mut self, channel: AssignmentId, _now: Instant) -> Option<Tag> {
        let (number, mut stored) = self.ready.pop_first()?;
        self.redelivered += u32::from(std::mem::replace(&mut stored.delivered, true));
        let tag = self.next_tag;
        self.next_tag += 1;
        self.unacked.insert(tag, (number, stored));
        Some(Tag { assignment: channel, number: tag })
    }

    fn settle(&mut self, tag: Tag, outcome: Outcome, _now: Instant) {
        if self.channel.as_ref().map(Assignment::id) != Some(tag.assignment) {
            return;
        }
        let Some((number, stored)) = self.unacked.remove(&tag.number) else {
            self.violations.push(format!("unknown delivery tag: {}", tag.number));
            return;
        };
        match outcome {
            Outcome::Abandoned => {
                self.ready.insert(number, stored);
            }
            Outcome::Rejected => self.rejected += 1,
            _ => self.acknowledged += 1,
        }
    }

    fn commit(&mut self, _now: Instant) {}

    fn give_back(&mut self, assignment: &Assignment, _now: Instant) {
        if self.channel.as_ref().map(Assignment::id) == Some(assignment.id()) {
            self.end_channel();
        }
    }

    fn close(&mut self, _now: Instant) {
        self.end_channel();
        self.notices.clear();
    }

    fn is_exhausted(&self) -> bool {
        self.ready.is_empty()
    }

    fn violations(&self) -> Vec<String> {
        self.violations.clone()
    }
}
