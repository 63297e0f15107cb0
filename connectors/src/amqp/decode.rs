//! From deliveries to messages.

use std::sync::Arc;

use bytes::Bytes;
use hybridge_core::{Attributes, Header, Headers, Message, Origin, Place, Text, Value};
use hybridge_schemas::cloudevents::{Mode, rabbitmq as binding};
use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use super::names;
use super::table::{self, Types};

/// Bytes that a message of this delivery holds, before it is one.
pub(super) fn size(delivery: &Delivery) -> u64 {
    let entry = |(name, value): (&ShortString, &AMQPValue)| {
        name.as_str().len() + table::wire_size(value) + 8
    };
    let headers = delivery.properties.headers().as_ref();
    let headers = headers.map_or(0, |table| table.into_iter().map(entry).sum::<usize>());
    (delivery.data.len() + delivery.routing_key.as_str().len() + headers + Message::OVERHEAD) as u64
}

/// The message of a delivery. Its key is the routing key, unless a header says otherwise; an empty one is none.
pub(super) fn message(delivery: Delivery, place: Arc<Place>, offset: u64) -> Message {
    let Delivery { routing_key, properties, data, .. } = delivery;
    let mut read = Read::default();
    if let Some(table) = properties.headers() {
        read.table(table);
    }
    let mut time =
        properties.timestamp().and_then(|seconds| i64::try_from(seconds).ok()?.checked_mul(1000));
    read.millis(&mut time);
    let attributes = read.attributes(&properties);
    read.properties(&properties, attributes.is_some());
    let routing_key = Bytes::from(String::from(routing_key));
    let key = read.key.take().or((!routing_key.is_empty()).then_some(routing_key));
    let payload = (!read.null_body || !data.is_empty()).then(|| Bytes::from(data));
    Message {
        key,
        payload,
        headers: read.headers.into_iter().collect::<Headers>(),
        attributes: attributes.unwrap_or_default(),
        origin: Origin { place, offset, child: 0 },
        time,
    }
}

/// What a header table and properties say.
#[derive(Default)]
struct Read<'a> {
    headers: Vec<Header>,
    types: Types,
    /// Headers that stand for attributes of an event, with the name of the attribute.
    events: Vec<(&'a str, &'a ShortString, &'a AMQPValue)>,
    key: Option<Bytes>,
    null_body: bool,
    millis: Option<i64>,
}

impl<'a> Read<'a> {
    fn table(&mut self, table: &'a FieldTable) {
        for (name, value) in table {
            match (name.as_str(), value) {
                (names::KEY, AMQPValue::LongString(key)) => {
                    self.key = Some(Bytes::copy_from_slice(key.as_bytes()));
                }
                (names::NULL_BODY, AMQPValue::Boolean(true)) => self.null_body = true,
                (names::MILLIS, AMQPValue::LongLongInt(millis)) if self.millis.is_none() => {
                    self.millis = Some(*millis);
                }
                (text, value) => match binding::attribute_name(text) {
                    Some(attribute) => self.events.push((attribute, name, value)),
                    None => self.header(name, value),
                },
            }
        }
    }

    /// One header; a list of texts is as many headers of one name.
    fn header(&mut self, name: &ShortString, value: &AMQPValue) {
        let text = Text::from(name.as_str());
        if let AMQPValue::FieldArray(array) = value {
            let items = array.as_slice();
            let is_plain =
                |item: &AMQPValue| matches!(item, AMQPValue::LongString(_) | AMQPValue::Void);
            if items.len() > 1 && items.iter().all(is_plain) {
                let values = items.iter().map(|item| table::to_text(item).0);
                self.headers.extend(values.map(|value| Header { name: text.clone(), value }));
                return;
            }
        }
        let (value, kind) = table::to_text(value);
        if let Some(kind) = kind {
            self.types.note(name.as_str(), kind);
        }
        self.headers.push(Header { name: text, value });
    }

    /// The time in milliseconds, where it is the same as the one in seconds; else it is a header like others.
    fn millis(&mut self, time: &mut Option<i64>) {
        let Some(millis) = self.millis else { return };
        if *time == Some(millis.div_euclid(1000) * 1000) {
            *time = Some(millis);
        } else {
            self.header(&ShortString::from(names::MILLIS), &AMQPValue::LongLongInt(millis));
        }
    }

    /// The attributes of an event. Where they are not sound they stay headers: what is not understood is carried on.
    fn attributes(&mut self, properties: &BasicProperties) -> Option<Attributes> {
        if self.events.is_empty() {
            return None;
        }
        let content_type = properties.content_type().as_ref().map(|text| Text::from(text.as_str()));
        let pairs: Option<Vec<(Text, Value)>> = self
            .events
            .iter()
            .map(|(name, _, value)| Some((Text::from(*name), attribute(value)?)))
            .collect();
        let decoded =
            pairs.and_then(|pairs| binding::decode(pairs, content_type, Mode::Lenient).ok());
        let events = std::mem::take(&mut self.events);
        if decoded.is_none() {
            events.iter().for_each(|(_, name, value)| self.header(name, value));
        }
        decoded
    }

    fn properties(&mut self, properties: &BasicProperties, is_event: bool) {
        let content_type = properties.content_type().as_ref().filter(|_| !is_event);
        let texts = [
            (names::CONTENT_TYPE, content_type),
            (names::CONTENT_ENCODING, properties.content_encoding().as_ref()),
            (names::CORRELATION_ID, properties.correlation_id().as_ref()),
            (names::REPLY_TO, properties.reply_to().as_ref()),
            (names::MESSAGE_ID, properties.message_id().as_ref()),
            (names::TYPE, properties.kind().as_ref()),
            (names::APP_ID, properties.app_id().as_ref()),
            (names::USER_ID, properties.user_id().as_ref()),
            (names::EXPIRATION, properties.expiration().as_ref()),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                self.push(name, Bytes::copy_from_slice(text.as_str().as_bytes()));
            }
        }
        if let Some(priority) = properties.priority() {
            self.push(names::PRIORITY, Bytes::from(priority.to_string()));
        }
        if let Some(types) = std::mem::take(&mut self.types).into_header() {
            self.push(names::TYPES, types);
        }
    }

    fn push(&mut self, name: &'static str, value: Bytes) {
        self.headers.push(Header { name: Text::from_static(name), value: Some(value) });
    }
}

/// An attribute of an event; `None` for what no attribute can be.
fn attribute(value: &AMQPValue) -> Option<Value> {
    let text = |bytes: &[u8]| Text::from_utf8(Bytes::copy_from_slice(bytes)).ok();
    Some(match value {
        AMQPValue::Boolean(on) => Value::Boolean(*on),
        AMQPValue::ShortShortInt(number) => Value::Integer(i32::from(*number)),
        AMQPValue::ShortShortUInt(number) => Value::Integer(i32::from(*number)),
        AMQPValue::ShortInt(number) => Value::Integer(i32::from(*number)),
        AMQPValue::ShortUInt(number) => Value::Integer(i32::from(*number)),
        AMQPValue::LongInt(number) => Value::Integer(*number),
        AMQPValue::LongUInt(number) => Value::Integer(i32::try_from(*number).ok()?),
        AMQPValue::LongLongInt(number) => Value::Integer(i32::try_from(*number).ok()?),
        AMQPValue::Timestamp(seconds) => {
            let time = jiff::Timestamp::from_second(i64::try_from(*seconds).ok()?).ok()?;
            Value::Timestamp(Text::from(time.to_string()))
        }
        AMQPValue::ShortString(string) => Value::String(text(string.as_str().as_bytes())?),
        AMQPValue::LongString(string) => Value::String(text(string.as_bytes())?),
        AMQPValue::ByteArray(bytes) => Value::Binary(Bytes::copy_from_slice(bytes.as_slice())),
        _ => return None,
    })
}
