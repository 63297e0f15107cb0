//! Why something is not a CloudEvent.

use std::borrow::Cow;

use crate::json::Fault;

/// Why bytes that say that they are an event are none. Always a permanent fault of the message.
///
/// Names of attributes may be shown, values never: they are somebody's data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A format that is not built in, such as XML. In HTTP: 415.
    #[error("no decoder for content type {0:?}")]
    UnsupportedFormat(String),
    /// The text is not JSON.
    #[error(transparent)]
    Json(#[from] Fault),
    /// A required attribute is not there.
    #[error("attribute {0} is missing")]
    Missing(&'static str),
    /// An attribute has a name or a value that it must not have.
    #[error("attribute {name}: {reason}")]
    Attribute {
        /// Which one, cut to a readable length.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The data is not what the attributes say it is.
    #[error("data: {0}")]
    Data(&'static str),
    /// The text is JSON, but not the shape of an event or of a batch.
    #[error("{0}")]
    Shape(Cow<'static, str>),
}

impl DecodeError {
    pub(crate) fn attribute(name: &str, reason: &'static str) -> Self {
        const SHOWN: usize = 40;
        let name: String = name.chars().take(SHOWN).flat_map(char::escape_debug).collect();
        Self::Attribute { name, reason }
    }
}

/// The message has no attributes, so it cannot be written as an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message is not a CloudEvent")]
pub struct NotAnEvent;
