//! An event on its way from one cloud to another.

use std::borrow::Cow;

use bytes::Bytes;
use hybridge_core::{Attributes, Error, Headers, Message, Text, Value, ValueRef};
use hybridge_schemas::cloudevents::{Mode, SPECVERSION, attribute};
use hybridge_schemas::media_type::MediaType;
use hybridge_schemas::{json, rfc3339};

/// An event as a CloudEvent: its attributes, and its data as they were written. Every reader gives
/// this and every writer takes it.
#[derive(Clone, Debug, Default)]
pub(super) struct Event<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) source: Cow<'a, str>,
    pub(super) kind: Cow<'a, str>,
    pub(super) subject: Option<Cow<'a, str>>,
    pub(super) time: Option<Cow<'a, str>>,
    pub(super) content_type: Option<Cow<'a, str>>,
    /// Extension attributes and `dataschema`, but for the marks.
    pub(super) extensions: Vec<(Cow<'a, str>, Value)>,
    pub(super) marks: Marks<'a>,
    pub(super) data: Data<'a>,
    /// What a message of a queue had beside its body.
    pub(super) headers: Headers,
    /// It is a message of a queue: its attributes are its headers, and it gets no others.
    pub(super) is_queued: bool,
    /// Its form says of an object that is gone whether another generation took its place.
    pub(super) tells_overwriting: bool,
}

/// The data of an event.
#[derive(Clone, Debug, Default)]
pub(super) enum Data<'a> {
    #[default]
    None,
    /// A slice of the payload that was read.
    Slice(&'a [u8], &'a Bytes),
    /// Bytes of their own.
    Own(Bytes),
}

/// What a translated event says about itself: where it began, and what was lost since.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks<'a> {
    /// The cloud that it began in.
    pub(super) origin: Option<Cow<'a, str>>,
    /// Its id there.
    pub(super) id: Option<Cow<'a, str>>,
    /// Its source there.
    pub(super) source: Option<Cow<'a, str>>,
    /// What was lost, changed and added.
    pub(super) loss: Option<Cow<'a, str>>,
}

/// Extensions that are members of their own in the schema of Event Grid, which demands them.
pub(super) const VERSIONS: [&str; 2] = ["dataversion", "metadataversion"];

/// The extensions that carry the marks, in the order of [`Marks::each`].
pub(super) const MARKS: [&str; 4] =
    ["hybridgeorigin", "hybridgeid", "hybridgesource", "hybridgeloss"];

impl<'a> Marks<'a> {
    /// Every mark with the name of its extension.
    pub(super) fn each(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let values = [&self.origin, &self.id, &self.source, &self.loss];
        MARKS.into_iter().zip(values).filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }

    /// Takes one by the name of its extension; says whether it is one.
    pub(super) fn set(&mut self, name: &str, value: Cow<'a, str>) -> bool {
        let place = match name {
            "hybridgeorigin" => &mut self.origin,
            "hybridgeid" => &mut self.id,
            "hybridgesource" => &mut self.source,
            "hybridgeloss" => &mut self.loss,
            _ => return false,
        };
        *place = Some(value);
        true
    }
}

impl<'a> Data<'a> {
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::None => None,
            Self::Slice(slice, _) => Some(slice),
            Self::Own(bytes) => Some(bytes),
        }
    }

    pub(super) fn to_bytes(&self) -> Option<Bytes> {
        match self {
            Self::None => None,
            Self::Slice(slice, whole) => Some(whole.slice_ref(slice)),
            Self::Own(bytes) => Some(bytes.clone()),
        }
    }
}

impl<'a> Event<'a> {
    /// The event that a message is.
    pub(super) fn of(message: &'a Message) -> Self {
        let mut event = Self::default();
        for (name, value) in message.attributes.iter_ref() {
            let Some(text) = value.as_text() else {
                event.extensions.push((Cow::Borrowed(name), owned(value)));
                continue;
            };
            let text = Cow::Borrowed(text);
            match name {
                "specversion" => {}
                "id" => event.id = text,
                "source" => event.source = text,
                "type" => event.kind = text,
                "subject" => event.subject = Some(text).filter(|text| !text.is_empty()),
                "time" => event.time = Some(text),
                "datacontenttype" => event.content_type = Some(text),
                _ if event.marks.set(name, text) => {}
                _ => event.extensions.push((Cow::Borrowed(name), owned(value))),
            }
        }
        if let Some(payload) = &message.payload {
            event.data = Data::Slice(payload, payload);
        }
        event.headers = message.headers.clone();
        event
    }

    /// Whether its data is JSON, as far as it says.
    pub(super) fn holds_json(&self) -> bool {
        match &self.content_type {
            Some(text) => MediaType::parse(text).is_some_and(|kind| kind.is_json()),
            None => true,
        }
    }

    /// The data, where they are JSON.
    pub(super) fn json(&self) -> Option<&[u8]> {
        self.data.bytes().filter(|_| self.holds_json())
    }

    pub(super) fn extension(&self, name: &str) -> Option<&str> {
        let (_, value) = self.extensions.iter().find(|(other, _)| other == name)?;
        match value {
            Value::String(text) | Value::Uri(text) | Value::UriRef(text) => Some(text.as_str()),
            _ => None,
        }
    }

    pub(super) fn take_extension(&mut self, name: &str) -> Option<Value> {
        let at = self.extensions.iter().position(|(other, _)| other == name)?;
        Some(self.extensions.remove(at).1)
    }

    pub(super) fn set_extension(&mut self, name: &'static str, text: &str) {
        self.extensions.push((Cow::Borrowed(name), Value::String(Text::from(text))));
    }

    /// Sets the content type that data of a queue have where nothing says it.
    pub(super) fn guess_content_type(&mut self) {
        let Some(bytes) = self.data.bytes() else { return };
        self.content_type = Some(Cow::Borrowed(match std::str::from_utf8(bytes) {
            Ok(_) if json::is_valid(bytes) => "application/json",
            Ok(_) => "text/plain",
            Err(_) => "application/octet-stream",
        }));
    }

    /// The message that is this event, with what else `message` had.
    pub(super) fn into_message(self, message: &Message) -> Result<Message, Error> {
        let core = [
            ("id", ValueRef::String(&self.id)),
            ("source", ValueRef::UriRef(&self.source)),
            ("type", ValueRef::String(&self.kind)),
        ];
        let optional = [
            ("subject", self.subject.as_deref().map(ValueRef::String)),
            ("time", self.time.as_deref().map(ValueRef::Timestamp)),
            ("datacontenttype", self.content_type.as_deref().map(ValueRef::String)),
        ];
        let first = [("specversion", ValueRef::String(SPECVERSION))];
        let extensions = self.extensions.iter().map(|(name, value)| (&**name, value.as_ref()));
        let marks = self.marks.each().map(|(name, value)| (name, ValueRef::String(value)));
        let attributes: Attributes = first
            .into_iter()
            .chain(core)
            .chain(optional.into_iter().filter_map(|(name, value)| Some((name, value?))))
            .chain(extensions)
            .chain(marks)
            .collect();
        attribute::check_all(&attributes, Mode::Lenient)
            .map_err(|error| Error::rejected(format!("no event comes of it: {error}")))?;
        let time = self.time.as_deref().and_then(rfc3339::millis);
        let partition = match attributes.get("partitionkey") {
            Some(Value::String(key)) if message.key.is_none() => Some(key.into_bytes()),
            _ => message.key.clone(),
        };
        Ok(Message {
            key: partition,
            payload: self.data.to_bytes(),
            headers: self.headers,
            attributes,
            origin: message.origin.clone(),
            time: message.time.or(time),
        })
    }
}

fn owned(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Boolean(on) => Value::Boolean(on),
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::String(text) => Value::String(text.into()),
        ValueRef::Binary(bytes) => Value::Binary(Bytes::copy_from_slice(bytes)),
        ValueRef::Uri(text) => Value::Uri(text.into()),
        ValueRef::UriRef(text) => Value::UriRef(text.into()),
        ValueRef::Timestamp(text) => Value::Timestamp(text.into()),
    }
}
