//! A message as the JSON object that patterns are about.
//!
//! The members of the object are the context attributes of the event, `data`, and, under names that no attribute can
//! have, `$headers`, `$key` and `$origin`. Only what rules ask for is looked at.

use std::io::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use hybridge_config::pattern::Number;
use hybridge_core::{Message, ValueRef};
use hybridge_schemas::media_type::MediaType;

use super::{
    event::{Event, Kind, Span},
    paths::{NONE, Paths, Place},
    scan::{Malformed, scan},
};

/// The places at the top that have a meaning of their own.
#[derive(Default)]
pub(super) struct Members {
    attributes: bool,
    data: Option<Place>,
    data_base64: Option<Place>,
    headers: Option<Place>,
    key: Option<Place>,
    origin: Option<Place>,
}

impl Members {
    pub(super) fn new(paths: &Paths) -> Self {
        let at = |name: &str| paths.below(0, name.as_bytes());
        let own = ["data", "data_base64", "$headers", "$key", "$origin"];
        let is_attribute = |path: &str| !own.contains(&path.split('.').next().unwrap_or(path));
        Self {
            attributes: paths.each().any(is_attribute),
            data: at("data"),
            data_base64: at("data_base64"),
            headers: at("$headers"),
            key: at("$key"),
            origin: at("$origin"),
        }
    }

    /// Takes the values of a message that rules ask for.
    pub(super) fn read(
        &self,
        message: &Message,
        paths: &Paths,
        event: &mut Event,
    ) -> Result<(), Malformed> {
        let mut reader = Reader { paths, event };
        if self.attributes {
            for (name, value) in message.attributes.iter_ref() {
                if let Some(place) = paths.below(0, name.as_bytes()) {
                    reader.attribute(place, value);
                }
            }
        }
        if let Some(place) = self.headers {
            message.headers.each(|name, value| {
                if let Some(place) = paths.below(place, name.as_bytes()) {
                    match value {
                        Some(value) => reader.bytes(place, value),
                        None => reader.add(place, Kind::Null, b""),
                    }
                }
            });
        }
        if let (Some(place), Some(key)) = (self.key, &message.key) {
            reader.bytes(place, key);
        }
        if let Some(place) = self.origin {
            reader.origin(place, message);
        }
        match &message.payload {
            Some(payload) if self.data.is_some() || self.data_base64.is_some() => {
                self.payload(message, payload, reader)
            }
            _ => Ok(()),
        }
    }

    fn payload(
        &self,
        message: &Message,
        payload: &[u8],
        mut reader: Reader,
    ) -> Result<(), Malformed> {
        let declared = message.attributes.text("datacontenttype");
        let is_json = |text: &str| {
            text == "application/json" || MediaType::parse(text).is_none_or(|media| media.is_json())
        };
        if declared.is_none_or(is_json) {
            let Some(place) = self.data else { return Ok(()) };
            let before = reader.event.values.len();
            match scan(payload, place, reader.paths, reader.event) {
                Err(fault) if declared.is_some() => return Err(fault),
                Err(_) => reader.event.keep(before),
                Ok(()) => return Ok(()),
            }
        }
        match std::str::from_utf8(payload) {
            Ok(text) => {
                if let Some(place) = self.data {
                    reader.add(place, Kind::Text, text.as_bytes());
                }
            }
            Err(_) => {
                if let Some(place) = self.data_base64 {
                    reader.base64(place, payload);
                }
            }
        }
        Ok(())
    }
}

struct Reader<'a> {
    paths: &'a Paths,
    event: &'a mut Event,
}

impl Reader<'_> {
    fn attribute(&mut self, place: Place, value: ValueRef) {
        match value {
            ValueRef::Boolean(boolean) => self.add(place, Kind::Boolean(boolean), b""),
            ValueRef::Integer(number) => self.number(place, number),
            ValueRef::Binary(bytes) => self.base64(place, bytes),
            ValueRef::String(text)
            | ValueRef::Uri(text)
            | ValueRef::UriRef(text)
            | ValueRef::Timestamp(text) => self.add(place, Kind::Text, text.as_bytes()),
        }
    }

    fn origin(&mut self, place: Place, message: &Message) {
        let origin = &message.origin;
        let from = &origin.place;
        let texts =
            [("connector", &from.connector), ("cluster", &from.cluster), ("topic", &from.topic)];
        for (name, text) in texts {
            if let Some(place) = self.paths.below(place, name.as_bytes()) {
                self.add(place, Kind::Text, text.as_bytes());
            }
        }
        if let Some(place) = self.paths.below(place, b"partition") {
            self.number(place, from.partition);
        }
        if let Some(place) = self.paths.below(place, b"offset") {
            self.number(place, origin.offset);
        }
    }

    /// Bytes as the text that they are in JSON.
    fn base64(&mut self, place: Place, bytes: &[u8]) {
        let field = self.paths.field(place);
        if field == NONE {
            return;
        }
        let start = self.event.own.len();
        let end = start + bytes.len().div_ceil(3) * 4;
        self.event.own.resize(end, 0);
        // There is room for all of it.
        let _ = STANDARD.encode_slice(bytes, &mut self.event.own[start..end]);
        let span = Span::Own(start as u32, end as u32);
        self.event.add(field, Kind::Text, span, NONE);
    }

    fn bytes(&mut self, place: Place, bytes: &[u8]) {
        let kind = if std::str::from_utf8(bytes).is_ok() { Kind::Text } else { Kind::Binary };
        self.add(place, kind, bytes);
    }

    fn number(&mut self, place: Place, number: impl std::fmt::Display) {
        let field = self.paths.field(place);
        if field == NONE {
            return;
        }
        let start = self.event.own.len();
        // Writing to memory does not fail.
        let _ = write!(self.event.own, "{number}");
        let text = &self.event.own[start..];
        let value = std::str::from_utf8(text).ok().and_then(Number::value);
        let kind = value.map_or(Kind::OtherNumber, Kind::Number);
        let span = Span::Own(start as u32, self.event.own.len() as u32);
        self.event.add(field, kind, span, NONE);
    }

    fn add(&mut self, place: Place, kind: Kind, bytes: &[u8]) {
        let field = self.paths.field(place);
        if field == NONE {
            return;
        }
        let start = self.event.own.len() as u32;
        self.event.own.extend_from_slice(bytes);
        let span = Span::Own(start, self.event.own.len() as u32);
        self.event.add(field, kind, span, NONE);
    }
}
