//! Messages of queues and topics: their body is the data of an event.

use std::borrow::Cow;

use bytes::Bytes;
use hybridge_core::{Header, Text};

use crate::translate::event::{Data, Event};

/// The type of the event that a message is.
const PUBLISHED: &str = "dev.hybridge.message.published.v1";

/// A message of a queue or a topic.
pub(super) struct Queued<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) source: Cow<'a, str>,
    pub(super) time: Option<Cow<'a, str>>,
    /// What messages keep their order by.
    pub(super) key: Option<Cow<'a, str>>,
    /// The name of the queue or topic, without where it is.
    pub(super) topic: Option<Cow<'a, str>>,
    pub(super) subject: Option<Cow<'a, str>>,
    pub(super) headers: Vec<(String, Bytes)>,
    pub(super) body: Bytes,
}

impl<'a> Queued<'a> {
    /// The body as the data, the attributes as headers.
    pub(super) fn into_event(self) -> Event<'a> {
        let header =
            |(name, value): (String, Bytes)| Header { name: Text::from(name), value: Some(value) };
        let mut event = Event {
            id: self.id,
            source: self.source,
            kind: Cow::Borrowed(PUBLISHED),
            subject: self.subject.filter(|subject| !subject.is_empty()),
            time: self.time,
            data: if self.body.is_empty() { Data::None } else { Data::Own(self.body) },
            headers: self.headers.into_iter().map(header).collect(),
            is_queued: true,
            ..Event::default()
        };
        event.guess_content_type();
        if let Some(key) = self.key {
            event.set_extension("partitionkey", &key);
        }
        if let Some(topic) = self.topic {
            event.set_extension("topic", &topic);
        }
        event
    }
}
