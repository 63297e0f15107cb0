//! Which format the events in a body have, by its content type.

use bytes::Bytes;
use hybridge_core::Message;

use super::{DecodeError, Mode, NotAnEvent, avro, json, protobuf};
use crate::media_type::MediaType;

/// A format of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `formats/json-format.md`
    #[default]
    Json,
    /// `formats/avro-format.md`
    Avro,
    /// `formats/protobuf-format.md`
    Protobuf,
}

/// How a message carries events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Attributes beside the body, data as the body; also every message that carries no event at all.
    Binary,
    /// One event in the body.
    Structured(Format),
    /// Any number of events in the body.
    Batch(Format),
}

const STRUCTURED: &str = "application/cloudevents";
const BATCH: &str = "application/cloudevents-batch";

impl Content {
    /// What a content type says, without regard to case.
    ///
    /// # Errors
    /// [`UnsupportedFormat`](DecodeError::UnsupportedFormat): it begins with the media type of events, and names a format
    /// that is not known or that has no batch.
    pub fn of(content_type: Option<&str>) -> Result<Self, DecodeError> {
        let text = content_type.unwrap_or_default().trim_start();
        if starts(text, BATCH) {
            let format = Format::of(text).filter(|format| *format != Format::Avro);
            return format.map(Self::Batch).ok_or_else(|| unsupported(text));
        }
        if !starts(text, STRUCTURED) {
            return Ok(Self::Binary);
        }
        Format::of(text).map(Self::Structured).ok_or_else(|| unsupported(text))
    }
}

impl Format {
    fn of(content_type: &str) -> Option<Self> {
        let media_type = MediaType::parse(content_type)?;
        let (_, suffix) = media_type.subtype().rsplit_once('+')?;
        match suffix.to_ascii_lowercase().as_str() {
            "json" if !media_type.has_foreign_charset() => Some(Self::Json),
            "avro" => Some(Self::Avro),
            "protobuf" => Some(Self::Protobuf),
            _ => None,
        }
    }

    /// The media type of one event.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/cloudevents+json",
            Self::Avro => "application/cloudevents+avro",
            Self::Protobuf => "application/cloudevents+protobuf",
        }
    }

    /// The media type of a batch; Avro has none.
    pub const fn batch_media_type(self) -> Option<&'static str> {
        match self {
            Self::Json => Some("application/cloudevents-batch+json"),
            Self::Avro => None,
            Self::Protobuf => Some("application/cloudevents-batch+protobuf"),
        }
    }

    /// Decodes one event.
    ///
    /// # Errors
    /// The bytes are none; a permanent fault.
    pub fn decode(self, body: &Bytes, mode: Mode) -> Result<Message, DecodeError> {
        match self {
            Self::Json => json::decode(body, mode),
            Self::Avro => avro::decode(body, mode),
            Self::Protobuf => protobuf::decode(body, mode),
        }
    }

    /// Decodes a batch: one answer for each element, in order.
    ///
    /// # Errors
    /// The bytes are none, as a whole; a permanent fault.
    pub fn decode_batch(
        self,
        body: &Bytes,
        mode: Mode,
    ) -> Result<Vec<Result<Message, DecodeError>>, DecodeError> {
        match self {
            Self::Json => json::decode_batch(body, mode),
            Self::Avro => Err(unsupported("application/cloudevents-batch+avro")),
            Self::Protobuf => protobuf::decode_batch(body, mode),
        }
    }

    /// One event as a body.
    ///
    /// # Errors
    /// The message has no attributes.
    pub fn encode(self, message: &Message) -> Result<Vec<u8>, NotAnEvent> {
        match self {
            Self::Json => json::encode(message),
            Self::Avro => avro::encode(message),
            Self::Protobuf => protobuf::encode(message),
        }
    }
}

fn starts(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn unsupported(content_type: &str) -> DecodeError {
    DecodeError::UnsupportedFormat(content_type.chars().take(100).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types() {
        let of = |text: &str| Content::of(Some(text)).ok();
        for format in [Format::Json, Format::Avro, Format::Protobuf] {
            assert_eq!(of(format.media_type()), Some(Content::Structured(format)));
            if let Some(batch) = format.batch_media_type() {
                assert_eq!(of(&batch.to_uppercase()), Some(Content::Batch(format)));
            }
        }
        assert_eq!(
            of(" Application/CloudEvents+JSON ; charset=UTF-8"),
            Some(Content::Structured(Format::Json))
        );
        for binary in ["application/json", "text/plain", "", "application/cloud"] {
            assert_eq!(of(binary), Some(Content::Binary), "{binary}");
        }
        for unknown in [
            "application/cloudevents",
            "application/cloudevents+xml",
            "application/cloudevents-batch+avro",
            "application/cloudevents+json; charset=utf-16",
            "application/cloudevents+json; charset",
        ] {
            assert_eq!(of(unknown), None, "{unknown}");
        }
        assert_eq!(Content::of(None).unwrap(), Content::Binary);
    }
}
