//! What a message becomes as a record.

use std::borrow::Cow;

use hybridge_config::connector::kafka::{Compression, Partition, SinkConfig};
use hybridge_core::{Error, ErrorKind, Message, Text};
use hybridge_schemas::cloudevents::kafka as binding;
use hybridge_schemas::cloudevents::outgoing::Outgoing;
use hybridge_schemas::template::Template;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::BaseRecord;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::limits::{self, Limit, Limits};
use super::producer::{Full, Producer};
use super::verdict::Verdict;

/// Longest name that a topic can have.
const LONGEST: usize = 249;

/// How messages become records of one target.
pub(super) struct Records {
    topic: Topic,
    key: Option<Template>,
    outgoing: Outgoing,
    keeps_partition: bool,
    max_message: usize,
    /// What is compressed may be smaller than what topics take.
    is_compressed: bool,
}

enum Topic {
    One(Text),
    Each(Template),
}

impl Records {
    pub(super) fn new(config: &SinkConfig) -> Result<Self, Error> {
        let topic = match config.topic.literal() {
            Some(name) => {
                check(name).map_err(|what| Error::new(ErrorKind::Fatal, what))?;
                Topic::One(name.into())
            }
            None => Topic::Each(Template::compile(&config.topic)),
        };
        Ok(Self {
            topic,
            key: config.key.as_ref().map(Template::compile),
            outgoing: Outgoing::new(config.encoding, config.event_format),
            keeps_partition: config.partition == Partition::Keep,
            max_message: config.max_message.as_usize(),
            is_compressed: config.compression != Compression::None,
        })
    }

    /// The topic, where all records go to the same.
    pub(super) fn only_topic(&self) -> Option<&Text> {
        match &self.topic {
            Topic::One(name) => Some(name),
            Topic::Each(_) => None,
        }
    }

    /// The topic of a message.
    pub(super) fn topic(&self, message: &Message) -> Result<Cow<'_, Text>, Error> {
        match &self.topic {
            Topic::One(name) => Ok(Cow::Borrowed(name)),
            Topic::Each(template) => {
                let name = template.render_name(message)?;
                check(&name).map_err(Error::rejected)?;
                Ok(Cow::Owned(name))
            }
        }
    }

    fn key<'a>(&self, message: &'a Message) -> Result<Option<Cow<'a, [u8]>>, Error> {
        match &self.key {
            Some(template) => Ok(Some(Cow::Owned(template.render(message)?.into_bytes().into()))),
            None => Ok(message.key.as_deref().map(Cow::Borrowed)),
        }
    }

    /// Hands a record to the client, to be reported under `name`; what its topic does not take is refused.
    pub(super) fn hand(
        &self,
        producer: &Producer,
        message: &Message,
        name: usize,
        limits: Option<&Limits>,
    ) -> Result<(), Full> {
        let impossible = |error: Error| Full::Refused(Verdict::Impossible(error.to_string()));
        let topic = self.topic(message).map_err(impossible)?;
        let key = self.key(message).map_err(impossible)?;
        let written = self.outgoing.apply(message);
        let size = written.size() - Message::OVERHEAD;
        if size > self.max_message {
            let limit = self.max_message;
            let what = format!("a record of {size} bytes, and `max_message` is {limit}");
            return Err(Full::Refused(Verdict::Impossible(what)));
        }
        let mut record = BaseRecord::with_opaque_to(&topic, name);
        record.key = key.as_deref();
        record.payload = written.payload.as_deref();
        record.timestamp = message.time;
        let (headers, size) = headers(&written);
        record.headers = headers;
        if self.keeps_partition {
            record.partition = i32::try_from(message.origin.place.partition).ok();
        }
        if let Some(limits) = limits {
            self.fits(&record, size, limits.of(&topic)).map_err(Full::Refused)?;
        }
        match producer.hand(record) {
            Ok(()) => Ok(()),
            Err(KafkaError::MessageProduction(Code::QueueFull)) => Err(Full::Queue),
            Err(KafkaError::MessageProduction(Code::MessageSizeTooLarge)) => {
                Err(Full::Refused(Verdict::TooLarge))
            }
            Err(error) => {
                let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
                Err(Full::Refused(Verdict::of(code)))
            }
        }
    }
}

impl Records {
    fn fits(
        &self,
        record: &BaseRecord<'_, [u8], [u8], usize>,
        headers: limits::Headers,
        limit: Limit,
    ) -> Result<(), Verdict> {
        if limit.wants_key && record.key.is_none() {
            return Err(Verdict::of(Code::InvalidRecord));
        }
        let Some(max_batch) = limit.max_batch.filter(|_| !self.is_compressed) else {
            return Ok(());
        };
        let bytes = limits::batch_of_one(record.key, record.payload, headers);
        if bytes > max_batch { Err(Verdict::TooLarge) } else { Ok(()) }
    }
}

/// The headers of the message, behind the attributes where it is an event, and how large they are.
fn headers(message: &Message) -> (Option<OwnedHeaders>, limits::Headers) {
    let mut size = limits::Headers::default();
    if message.headers.is_empty() && message.attributes.is_empty() {
        return (None, size);
    }
    let mut headers = Some(OwnedHeaders::new_with_capacity(4 + message.attributes.len()));
    let mut add = |name: &str, value: Option<&[u8]>| {
        size.add(name, value);
        headers = headers.take().map(|all| all.insert(Header { key: name, value }));
    };
    let is_event = message.is_event();
    binding::attributes(message, |name, value| add(name, Some(value)));
    message.headers.each(|name, value| {
        // Attributes are said once.
        if !(is_event && binding::is_attribute(name)) {
            add(name, value);
        }
    });
    (headers, size)
}

/// The rule of the broker for names of topics.
fn check(name: &str) -> Result<(), String> {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let is_topic = !name.is_empty()
        && name.len() <= LONGEST
        && name != "."
        && name != ".."
        && name.bytes().all(is_good);
    if is_topic { Ok(()) } else { Err(format!("no topic can be called {name:?}")) }
}

#[cfg(test)]
mod tests {
    use rdkafka::message::Headers as _;

    use super::*;

    #[test]
    fn the_size_of_headers_is_that_of_all_that_are_written() {
        let mut message = Message::default();
        assert!(headers(&message).0.is_none());
        for (name, value) in [("specversion", "1.0"), ("id", "1")] {
            message.attributes.set(name.into(), value.into());
        }
        message.headers.push("trace".into(), Some("t".into()));
        let (written, size) = headers(&message);
        let mut expected = limits::Headers::default();
        let written = written.unwrap();
        written.iter().for_each(|header| expected.add(header.key, header.value));
        assert_eq!((written.count(), size), (3, expected));
    }
}
