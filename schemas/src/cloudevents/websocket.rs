//! The WebSocket binding (`bindings/websockets-protocol-binding.md`): one event a message, in the format that both ends
//! agreed on when the stream was opened. There is no batch.

use bytes::Bytes;
use hybridge_core::Message;

use super::format::Format;
use super::{DecodeError, Mode, NotAnEvent};

/// The header with the names of subprotocols.
pub const HEADER: &str = "sec-websocket-protocol";

/// The kind of a message of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Text in UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

/// The name of the subprotocol of a format.
pub const fn subprotocol(format: Format) -> &'static str {
    match format {
        Format::Json => "cloudevents.json",
        Format::Avro => "cloudevents.avro",
        Format::Protobuf => "cloudevents.proto",
    }
}

/// The kind of the messages that events of a format are in.
pub const fn frame(format: Format) -> Frame {
    match format {
        Format::Json => Frame::Text,
        Format::Avro | Format::Protobuf => Frame::Binary,
    }
}

/// The first format that a client offers and the server knows. `None`: the answer has no [`HEADER`].
pub fn negotiate<'a>(
    offered: impl IntoIterator<Item = &'a str>,
    known: &[Format],
) -> Option<Format> {
    let of = |name: &str| known.iter().copied().find(|format| subprotocol(*format) == name.trim());
    offered.into_iter().find_map(of)
}

/// The event of a message.
///
/// # Errors
/// The message is of the other kind, or no event: a permanent fault.
pub fn decode(
    format: Format,
    kind: Frame,
    payload: &Bytes,
    mode: Mode,
) -> Result<Message, DecodeError> {
    if kind != frame(format) {
        return Err(DecodeError::Shape("a frame of the wrong kind for this subprotocol".into()));
    }
    format.decode(payload, mode)
}

/// An event as a message, and its kind.
///
/// # Errors
/// The message has no attributes.
pub fn encode(format: Format, message: &Message) -> Result<(Frame, Bytes), NotAnEvent> {
    Ok((frame(format), format.encode(message)?.into()))
}
