//! From messages to what is published.

use std::collections::BTreeMap;

use bytes::Bytes;
use hybridge_config::connector::amqp::{AttributePrefix, Property, SinkConfig};
use hybridge_core::{Error, Header, Message, StableId, Text, Value};
use hybridge_schemas::cloudevents::outgoing::Outgoing;
use hybridge_schemas::cloudevents::{amqp as amqp10, attribute, rabbitmq};
use hybridge_schemas::template::Template;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, ByteArray, FieldArray, FieldTable, LongString, ShortString};

use super::names;
use super::table::{self, Types};

/// What a header frame has beside the properties (section 4.2.6.1), and a little more.
const HEADER_FRAME: usize = 64;
/// Most bytes of a property or a name.
const LONGEST: usize = 255;

/// A message as it is published.
pub(super) struct Publish {
    pub routing_key: ShortString,
    pub properties: BasicProperties,
    pub body: Bytes,
}

/// Makes what a sink publishes.
pub(super) struct Encoder {
    route: String,
    target: String,
    routing_key: Option<Template>,
    outgoing: Outgoing,
    prefix: &'static str,
    persistent: bool,
    expiration: bool,
    user_id: bool,
    copies: bool,
    of_broker: bool,
    max_message: u64,
}

impl Encoder {
    pub(super) fn new(config: &SinkConfig, route: &str, target: &str) -> Self {
        let allows = |property| config.allow.contains(&property);
        Self {
            route: route.to_owned(),
            target: target.to_owned(),
            routing_key: config.routing_key.as_ref().map(Template::compile),
            outgoing: Outgoing::new(config.encoding, config.event_format),
            prefix: match config.attribute_prefix {
                AttributePrefix::Ce => rabbitmq::PREFIX,
                AttributePrefix::CloudEvents => amqp10::PREFIX,
            },
            persistent: config.persistent,
            expiration: allows(Property::Expiration),
            user_id: allows(Property::UserId),
            copies: allows(Property::Cc),
            of_broker: allows(Property::Broker),
            max_message: config.max_message.get(),
        }
    }

    /// What is published for a message, in frames of at most `frame_max` bytes.
    ///
    /// # Errors
    /// [`Rejected`](hybridge_core::ErrorKind): it can never be published as it is.
    pub(super) fn encode(&self, message: &Message, frame_max: usize) -> Result<Publish, Error> {
        let routing_key = self.routing_key(message)?;
        let message = &*self.outgoing.apply(message);
        let body = message.payload.clone().unwrap_or_default();
        if body.len() as u64 > self.max_message {
            let (size, most) = (body.len(), self.max_message);
            let what = format!("a body of {size} bytes, and `max_message` of the target is {most}");
            return Err(Error::rejected(what));
        }
        let mut written = Written::new();
        for (name, value) in message.attributes.iter() {
            written.attribute(self.prefix, &name, &value)?;
        }
        self.headers(message, &mut written)?;
        written.body_and_key(message, &routing_key);
        written.time(message.time);
        let mode = if self.persistent { 2 } else { 1 };
        let mut properties = written.properties.with_delivery_mode(mode);
        if properties.message_id().is_none() {
            let id = StableId::new(&self.route, &self.target, message).to_string();
            properties = properties.with_message_id(ShortString::from(id));
        }
        let size = HEADER_FRAME + written.size;
        if size > frame_max {
            let what =
                format!("headers of {size} bytes, and the broker takes {frame_max} in a frame");
            return Err(Error::rejected(what));
        }
        if !written.table.is_empty() {
            properties = properties.with_headers(FieldTable::from(written.table));
        }
        Ok(Publish { routing_key, properties, body })
    }

    fn routing_key(&self, message: &Message) -> Result<ShortString, Error> {
        let text = match &self.routing_key {
            Some(template) => template.render(message)?,
            None => match message.key.clone() {
                None => Text::default(),
                Some(key) => Text::from_utf8(key).map_err(|_| {
                    Error::rejected(
                        "a key that is not UTF-8 cannot be a routing key: write a `routing_key`",
                    )
                })?,
            },
        };
        ShortString::try_new(text.as_str()).map_err(|_| {
            Error::rejected(format!(
                "a routing key of {} bytes, and AMQP has {LONGEST}",
                text.len()
            ))
        })
    }

    fn headers(&self, message: &Message, written: &mut Written) -> Result<(), Error> {
        let all: Vec<Header> = message.headers.iter().collect();
        let noted = all.iter().find(|header| header.name == names::TYPES);
        let noted = noted.and_then(|header| header.value.clone()).unwrap_or_default();
        let types = Types::read(&noted);
        for header in &all {
            let name = header.name.as_str();
            let is_left_out = (names::is_copy(name) && !self.copies)
                || (names::is_of_broker(name) && !self.of_broker)
                || (name == names::EXPIRATION && !self.expiration)
                || (name == names::USER_ID && !self.user_id)
                || matches!(name, names::TYPES | names::KEY | names::NULL_BODY);
            // What an attribute says is said once.
            let is_said = message.is_event()
                && rabbitmq::attribute_name(name)
                    .is_some_and(|name| message.attributes.contains(&name.to_ascii_lowercase()));
            if is_left_out || is_said || written.property(header, message.is_event()) {
                continue;
            }
            written.header(header, types.get(name).copied())?;
        }
        Ok(())
    }
}

/// Properties and headers so far.
struct Written {
    properties: BasicProperties,
    table: BTreeMap<ShortString, AMQPValue>,
    /// At least as many bytes as they have on the wire.
    size: usize,
}

impl Written {
    fn new() -> Self {
        Self { properties: BasicProperties::default(), table: BTreeMap::new(), size: 0 }
    }

    /// Sets the property that the header stands for; false where it stands for none or the value cannot be one.
    fn property(&mut self, header: &Header, is_event: bool) -> bool {
        let name = header.name.as_str();
        let is_content_type = name.eq_ignore_ascii_case(names::CONTENT_TYPE);
        let is_property = is_content_type
            || name.eq_ignore_ascii_case(names::CONTENT_ENCODING)
            || name.starts_with(names::PREFIX);
        if !is_property {
            return false;
        }
        if is_content_type && is_event {
            return true;
        }
        let Some(value) = &header.value else { return false };
        let Ok(text) = std::str::from_utf8(value) else { return false };
        let Ok(short) = ShortString::try_new(text) else { return false };
        let old = std::mem::take(&mut self.properties);
        let new = match name {
            names::CORRELATION_ID if old.correlation_id().is_none() => {
                old.with_correlation_id(short)
            }
            names::REPLY_TO if old.reply_to().is_none() => old.with_reply_to(short),
            names::MESSAGE_ID if old.message_id().is_none() => old.with_message_id(short),
            names::TYPE if old.kind().is_none() => old.with_type(short),
            names::APP_ID if old.app_id().is_none() => old.with_app_id(short),
            names::USER_ID if old.user_id().is_none() => old.with_user_id(short),
            names::EXPIRATION if old.expiration().is_none() && is_number(text) => {
                old.with_expiration(short)
            }
            names::PRIORITY if old.priority().is_none() && text.parse::<u8>().is_ok() => {
                old.with_priority(text.parse().unwrap_or_default())
            }
            _ if is_content_type && old.content_type().is_none() => old.with_content_type(short),
            _ if name.eq_ignore_ascii_case(names::CONTENT_ENCODING)
                && old.content_encoding().is_none() =>
            {
                old.with_content_encoding(short)
            }
            _ => {
                self.properties = old;
                return false;
            }
        };
        self.properties = new;
        self.size += text.len() + 2;
        true
    }

    /// Puts a header into the table; a name that is there already becomes a list.
    fn header(&mut self, header: &Header, kind: Option<&str>) -> Result<(), Error> {
        let name = short_name(&header.name)?;
        let value = table::from_text(header.value.as_ref(), kind);
        self.size += name.as_str().len() + 6 + table::wire_size(&value);
        let value = match self.table.remove(&name) {
            None => value,
            Some(AMQPValue::FieldArray(mut array)) if kind.is_none() => {
                array.push(value);
                AMQPValue::FieldArray(array)
            }
            Some(first) => AMQPValue::FieldArray(FieldArray::from(vec![first, value])),
        };
        self.table.insert(name, value);
        Ok(())
    }

    fn attribute(&mut self, prefix: &str, name: &Text, value: &Value) -> Result<(), Error> {
        if name == "datacontenttype"
            && let Some(content_type) = value.as_text()
            && let Ok(short) = ShortString::try_new(content_type.as_str())
        {
            self.size += content_type.len() + 1;
            self.properties = std::mem::take(&mut self.properties).with_content_type(short);
            return Ok(());
        }
        let name = short_name(&format!("{prefix}{}", name.as_str()))?;
        let value = match value {
            Value::Boolean(on) => AMQPValue::Boolean(*on),
            Value::Integer(number) => AMQPValue::LongInt(*number),
            Value::Binary(bytes) => AMQPValue::ByteArray(ByteArray::from(bytes.to_vec())),
            text => {
                AMQPValue::LongString(LongString::from(attribute::canonical(text).into_owned()))
            }
        };
        self.size += name.as_str().len() + 1 + table::wire_size(&value);
        self.table.insert(name, value);
        Ok(())
    }

    /// What an AMQP message has no place for: a null body, and a key that is not the routing key.
    fn body_and_key(&mut self, message: &Message, routing_key: &ShortString) {
        if message.payload.is_none() {
            self.table.insert(ShortString::from(names::NULL_BODY), AMQPValue::Boolean(true));
            self.size += names::NULL_BODY.len() + 16;
        }
        let key = message.key.as_ref().filter(|key| key[..] != *routing_key.as_str().as_bytes());
        if let Some(key) = key {
            let value = AMQPValue::LongString(LongString::from(key.to_vec()));
            self.table.insert(ShortString::from(names::KEY), value);
            self.size += names::KEY.len() + key.len() + 16;
        }
    }

    /// The time: whole seconds as the property, milliseconds as a header beside it.
    fn time(&mut self, time: Option<i64>) {
        let Some(millis) = time.filter(|millis| *millis >= 0) else { return };
        let seconds = millis / 1000;
        self.properties =
            std::mem::take(&mut self.properties).with_timestamp(seconds.unsigned_abs());
        self.size += 8;
        if seconds * 1000 != millis {
            self.table.insert(ShortString::from(names::MILLIS), AMQPValue::LongLongInt(millis));
            self.size += names::MILLIS.len() + 16;
        }
    }
}

fn short_name(name: &str) -> Result<ShortString, Error> {
    ShortString::try_new(name).map_err(|_| {
        Error::rejected(format!(
            "the name of a header has {} bytes, and AMQP has {LONGEST}",
            name.len()
        ))
    })
}

/// What RabbitMQ takes as an expiration; anything else would close the channel.
fn is_number(text: &str) -> bool {
    text.parse::<u32>().is_ok()
}
