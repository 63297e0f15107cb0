//! Appends to topics of the log.

use std::collections::{BTreeMap, HashSet};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::join_all;
use hybridge_config::Ordering;
use hybridge_config::connector::log::SinkConfig;
use hybridge_core::{Error, ErrorKind, Message, Receipt, Text};
use hybridge_schemas::template::Template;

use super::error::WriteError;
use super::store::{Position, Store};
use super::{spilled, topic};

/// Appends each message to the topic that the template gives; a message is confirmed when it is written as
/// `storage.fsync` says.
pub struct Sink {
    store: Store,
    topic: Target,
    key: Option<Template>,
    max_message: usize,
    ordering: Ordering,
}

enum Target {
    One(String),
    Each(Template),
}

/// Why a message of a batch was not written.
#[derive(Clone)]
enum Refusal {
    Held,
    Write(WriteError),
    Message(Error),
}

impl Sink {
    /// A sink into `store`.
    ///
    /// # Errors
    /// [`Fatal`](ErrorKind::Fatal) when no topic can have the name.
    pub fn new(config: &SinkConfig, ordering: Ordering, store: Store) -> Result<Self, Error> {
        let topic = match config.topic.literal() {
            Some(name) if topic::is_open_to_files(name) => Target::One(name.to_owned()),
            Some(name) => {
                let wrong = WriteError::Name(name.to_owned()).to_string();
                return Err(Error::new(ErrorKind::Fatal, wrong));
            }
            None => Target::Each(Template::compile(&config.topic)),
        };
        let key = config.key.as_ref().map(Template::compile);
        let max_message = config.max_message.as_usize().min(store.max_record());
        Ok(Self { store, topic, key, max_message, ordering })
    }

    /// Appends a batch to one topic. Where order counts, what follows a refused message of its key is held.
    async fn append(&self, name: &str, batch: &[Message]) -> Vec<Result<Receipt, Error>> {
        let topic = match self.store.topic(name).await {
            Ok(topic) => topic,
            Err(error) => return vec![Err(write_error(name, error)); batch.len()],
        };
        let partitions = topic.partitions().max(1);
        let anywhere = fastrand::u32(..partitions);
        let partition = |message: &Message| {
            let event_key = || message.attributes.text("partitionkey").map(str::as_bytes);
            match message.key.as_deref().or_else(event_key) {
                Some(key) => topic.partition_of(key),
                None if self.ordering == Ordering::None => anywhere,
                // What has no key at all keeps the order of the partition that it came from.
                None => message.origin.place.partition % partitions,
            }
        };
        let mut held = Held::new(self.ordering);
        let mut unkeyed = Vec::new();
        let rekeyed = self.key.as_ref().map(|template| rekeyed(batch, template, &mut unkeyed));
        let mut originals = batch.iter().enumerate();
        let place = |message: &Message, size: usize| {
            let Some((index, original)) = originals.next() else { return Ok(partition(message)) };
            if held.holds(original) {
                return Err(Refusal::Held);
            }
            let limit = self.max_message;
            let fault = match unkeyed.iter().find(|(unkeyed, _)| *unkeyed == index) {
                Some((_, error)) => Some(Refusal::Message(error.clone())),
                None if size > limit => Some(WriteError::TooLarge { size, limit }.into()),
                None => None,
            };
            if let Some(fault) = fault {
                held.add(original);
                return Err(fault);
            }
            Ok(partition(message))
        };
        let spilled: Option<Vec<_>> =
            topic::is_spilled(name).then(|| batch.iter().map(spilled::with_origin).collect());
        let messages = spilled.or(rekeyed);
        let messages = messages.as_deref().unwrap_or(batch);
        let results = self.store.append_to(&topic, messages, place).await;
        results.into_iter().map(|result| receipt(name, result)).collect()
    }

    /// Sorts a batch by topic and appends each part.
    async fn append_each(
        &self,
        template: &Template,
        batch: &[Message],
    ) -> Vec<Result<Receipt, Error>> {
        let mut results: Vec<Option<Result<Receipt, Error>>> = vec![None; batch.len()];
        let mut parts: BTreeMap<Text, (Vec<usize>, Vec<Message>)> = BTreeMap::new();
        let mut held = Held::new(self.ordering);
        for ((index, message), result) in batch.iter().enumerate().zip(&mut results) {
            if held.holds(message) {
                *result = Some(Err(held_back()));
                continue;
            }
            match topic_of(template, message) {
                Ok(name) => {
                    let (indices, messages) = parts.entry(name).or_default();
                    indices.push(index);
                    messages.push(message.clone());
                }
                Err(error) => {
                    held.add(message);
                    *result = Some(Err(error));
                }
            }
        }
        let appends = parts.iter().map(|(name, (_, messages))| self.append(name, messages));
        let written = join_all(appends).await;
        for ((indices, _), part) in parts.values().zip(written) {
            for (index, result) in indices.iter().zip(part) {
                if let Some(slot) = results.get_mut(*index) {
                    *slot = Some(result);
                }
            }
        }
        let missing = || Err(Error::transient("no result from the log"));
        results.into_iter().map(|result| result.unwrap_or_else(missing)).collect()
    }
}

#[async_trait(?Send)]
impl hybridge_core::Sink for Sink {
    async fn probe(&self) -> Result<(), Error> {
        match &self.topic {
            Target::One(name) => {
                self.store.topic(name).await.map_err(|error| write_error(name, error))?;
                Ok(())
            }
            Target::Each(_) => Ok(()),
        }
    }

    async fn send(&self, batch: &[Message]) -> Vec<Result<Receipt, Error>> {
        match &self.topic {
            Target::One(name) => self.append(name, batch).await,
            Target::Each(template) => self.append_each(template, batch).await,
        }
    }
}

/// Keys of which a message was refused, so that none of their later ones may overtake it.
struct Held {
    ordering: Ordering,
    keys: HashSet<Option<Bytes>>,
}

impl Held {
    fn new(ordering: Ordering) -> Self {
        Self { ordering, keys: HashSet::new() }
    }

    fn add(&mut self, message: &Message) {
        match self.ordering {
            Ordering::None => {}
            Ordering::Key => drop(self.keys.insert(message.key.clone())),
            Ordering::Total => drop(self.keys.insert(None)),
        }
    }

    fn holds(&self, message: &Message) -> bool {
        if self.keys.is_empty() {
            return false;
        }
        self.ordering == Ordering::Total || self.keys.contains(&message.key)
    }
}

/// The messages under the keys that the template gives them, and those for which it gives none.
fn rekeyed(
    batch: &[Message],
    template: &Template,
    unkeyed: &mut Vec<(usize, Error)>,
) -> Vec<Message> {
    let rekey = |(index, message): (usize, &Message)| {
        let key = template.render(message).map_err(|error| unkeyed.push((index, error)));
        Message { key: key.ok().map(Text::into_bytes), ..message.clone() }
    };
    batch.iter().enumerate().map(rekey).collect()
}

fn topic_of(template: &Template, message: &Message) -> Result<Text, Error> {
    let name = template.render_name(message)?;
    if !topic::is_open_to_routes(&name) {
        return Err(Error::rejected(WriteError::Name(name.to_string()).to_string()));
    }
    Ok(name)
}

fn receipt(topic: &str, result: Result<Position, Refusal>) -> Result<Receipt, Error> {
    match result {
        Ok(position) => Ok(Receipt::Written(Some(position.offset))),
        Err(Refusal::Held) => Err(held_back()),
        Err(Refusal::Message(error)) => Err(error),
        Err(Refusal::Write(error)) => Err(write_error(topic, error)),
    }
}

fn held_back() -> Error {
    Error::new(ErrorKind::Held, "an earlier message of the same key was refused")
}

fn write_error(topic: &str, error: WriteError) -> Error {
    let kind = match &error {
        WriteError::TooLarge { .. } | WriteError::Name(_) => ErrorKind::Rejected,
        // A full or failing disk says nothing about the message: the route holds it until there is room.
        WriteError::Full | WriteError::Disk(_) | WriteError::Closed => ErrorKind::Transient,
    };
    Error::with_source(kind, format!("cannot append to topic `{topic}`"), error)
}

impl From<WriteError> for Refusal {
    fn from(error: WriteError) -> Self {
        Self::Write(error)
    }
}
