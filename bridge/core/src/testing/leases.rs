//! The JetStream shape: an acknowledgement for each message, before its lease expires.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::scripted::{Broker, Scripted};
use crate::{Assignment, AssignmentId, Event, Message, Origin, Outcome, Place, Tag};

/// A stream with a consumer that leases each message out. What is not acknowledged within the
/// lease, or is given back, comes again before newer messages. An acknowledgement after the lease
/// expired is counted as late and changes nothing.
pub type Leases = Scripted<Stream>;

/// The state of the broker behind [`Leases`].
pub struct Stream {
    place: Arc<Place>,
    messages: Vec<Stored>,
    lease: Duration,
    extends: bool,
    max_leased: usize,
    session: Option<Assignment>,
    notices: Vec<Event>,
    assigned: bool,
    waiting: BTreeSet<usize>,
    /// By number of the delivery, which is the order in which leases expire.
    leased: BTreeMap<u64, (usize, Instant)>,
    acknowledged: usize,
    next_number: u64,
    late: usize,
}

struct Stored {
    message: Message,
    deliveries: u32,
}

impl Leases {
    /// A stream with these messages, each leased for `lease`; at most 1,000 leases at a time.
    pub fn new(stream: &str, messages: Vec<Message>, lease: Duration) -> Self {
        let place = Place { connector: "leases".into(), topic: stream.into(), ..Place::default() };
        let leases = Self::with(Stream {
            place: Arc::new(place),
            messages: Vec::new(),
            lease,
            extends: false,
            max_leased: 1000,
            session: None,
            notices: Vec::new(),
            assigned: true,
            waiting: BTreeSet::new(),
            leased: BTreeMap::new(),
            acknowledged: 0,
            next_number: 0,
            late: 0,
        });
        for message in messages {
            leases.push(message);
        }
        leases
    }

    /// Appends a message.
    pub fn push(&self, message: Message) {
        self.steer(|stream| {
            stream.waiting.insert(stream.messages.len());
            stream.messages.push(Stored { message, deliveries: 0 });
        });
    }

    /// At most this many leases at a time.
    pub fn max_leased(&self, messages: usize) {
        self.steer(|stream| stream.max_leased = messages);
    }

    /// The client extends what it has leased, as long as it is polled.
    pub fn extend(&self) {
        self.steer(|stream| stream.extends = true);
    }

    /// Ends the client's session and starts another; leases run on until they expire.
    pub fn disconnect(&self) {
        self.steer(|stream| {
            if let Some(session) = stream.session.take() {
                session.end();
                stream.notices.push(Event::Lost(session));
            }
            stream.assigned = false;
        });
    }

    /// Messages that are not acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.broker(|stream| stream.messages.len() - stream.acknowledged)
    }

    /// How often each message was delivered.
    pub fn deliveries(&self) -> Vec<u32> {
        self.broker(|stream| stream.messages.iter().map(|stored| stored.deliveries).collect())
    }

    /// Deliveries beyond the first of each message.
    pub fn redelivered(&self) -> u32 {
        self.deliveries().into_iter().map(|count| count.saturating_sub(1)).sum()
    }

    /// Acknowledgements that came after their lease had expired.
    pub fn late(&self) -> usize {
        self.broker(|stream| stream.late)
    }
}

impl Stream {
    /// The message to lease out next, after what expired came back.
    fn next_index(&mut self, now: Instant) -> Option<usize> {
        while let Some(lease) = self.leased.first_entry() {
            if lease.get().1 > now {
                break;
            }
            self.waiting.insert(lease.remove().0);
        }
        if self.leased.len() < self.max_leased { self.waiting.first().copied() } else { None }
    }
}

impl Broker for Stream {
    fn connect(&mut self, _now: Instant) {
        if let Some(session) = self.session.take() {
            session.end();
        }
        self.notices.clear();
        self.assigned = false;
    }

    fn notice(&mut self, now: Instant) -> Option<Event> {
        if self.extends && self.wake_at().is_some_and(|at| at <= now) {
            for (_, until) in self.leased.values_mut().filter(|(_, until)| *until > now) {
                *until = now + self.lease;
            }
        }
        if let Some(event) = self.notices.pop() {
            return Some(event);
        }
        if std::mem::replace(&mut self.assigned, true) {
            return None;
        }
        let session = Assignment::new(self.place.clone());
        self.session = Some(session.clone());
        Some(Event::Assigned(vec![session]))
    }

    fn wake_at(&self) -> Option<Instant> {
        let (_, (_, until)) = self.leased.first_key_value()?;
        Some(if self.extends { *until - self.lease / 2 } else { *until })
    }

    fn readable(&self) -> Vec<Assignment> {
        self.session.iter().filter(|session| session.is_live()).cloned().collect()
    }

    fn front(&mut self, _session: AssignmentId, now: Instant) -> Option<Message> {
        let index = self.next_index(now)?;
        let mut message = self.messages[index].message.clone();
        message.origin = Origin { place: self.place.clone(), offset: index as u64, child: 0 };
        Some(message)
    }

    fn take(&mut self, session: AssignmentId, now: Instant) -> Option<Tag> {
        let index = self.next_index(now)?;
        let number = self.next_number;
        self.next_number += 1;
        self.waiting.remove(&index);
        self.leased.insert(number, (index, now + self.lease));
        self.messages[index].deliveries += 1;
        Some(Tag { assignment: session, number })
    }

    fn settle(&mut self, tag: Tag, outcome: Outcome, now: Instant) {
        let lease = self.leased.remove(&tag.number);
        match lease {
            Some((_, until)) if until > now && outcome.is_resolved() => self.acknowledged += 1,
            Some((index, _)) => {
                self.waiting.insert(index);
                self.late += usize::from(outcome.is_resolved());
            }
            None => self.late += usize::from(outcome.is_resolved()),
        }
    }

    fn commit(&mut self, _now: Instant) {}

    fn give_back(&mut self, assignment: &Assignment, _now: Instant) {
        assignment.end();
        self.session.take_if(|session| session.id() == assignment.id());
    }

    fn close(&mut self, now: Instant) {
        self.connect(now);
    }

    fn is_exhausted(&self) -> bool {
        self.waiting.is_empty()
    }

    fn violations(&self) -> Vec<String> {
        Vec::new()
    }
}
