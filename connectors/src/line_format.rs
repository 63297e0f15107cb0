//! What a line means, and how a message is written as one.

use bytes::Bytes;
use hybridge_core::{Error, Message};
use serde::de::IgnoredAny;

/// How messages and lines correspond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineFormat {
    /// One JSON value a line.
    Json,
    /// One payload a line, any bytes but the newline.
    Raw,
}

impl LineFormat {
    /// Whether a line is no message: JSON lines may have blank ones between them.
    pub(crate) fn skips(self, line: &[u8]) -> bool {
        self == Self::Json && line.trim_ascii().is_empty()
    }

    /// The message of a line, and what is wrong with it for good.
    pub(crate) fn decode(self, line: Bytes, too_long: Option<u64>) -> (Message, Option<Error>) {
        let fault = match (self, too_long) {
            (_, Some(length)) => Some(Error::rejected(format!(
                "line of {length} bytes is longer than max_message; its first {} are kept",
                line.len()
            ))),
            (Self::Json, None) => not_json(&line),
            (Self::Raw, None) => None,
        };
        (Message { payload: Some(line), ..Message::default() }, fault)
    }

    /// Appends the line of a message, its newline included.
    ///
    /// JSON may have line breaks between its tokens, and nowhere else: they become spaces, so that
    /// the value stays what it is.
    pub(crate) fn encode(self, message: &Message, out: &mut Vec<u8>) -> Result<(), Error> {
        let Some(payload) = &message.payload else {
            return Err(Error::rejected("a message without a body cannot be a line"));
        };
        let start = out.len();
        match self {
            Self::Raw if payload.contains(&b'\n') => {
                return Err(Error::rejected("the body has a line break, so it cannot be a line"));
            }
            Self::Raw => out.extend_from_slice(payload),
            Self::Json => {
                if let Some(fault) = not_json(payload) {
                    return Err(fault);
                }
                out.extend_from_slice(payload);
                for byte in &mut out[start..] {
                    if matches!(byte, b'\n' | b'\r') {
                        *byte = b' ';
                    }
                }
            }
        }
        out.push(b'\n');
        Ok(())
    }
}

fn not_json(text: &[u8]) -> Option<Error> {
    let error = serde_json::from_slice::<IgnoredAny>(text).err()?;
    Some(Error::rejected(format!("not JSON at column {}", error.column())))
}
