//! Claim checks: data that is kept elsewhere, and a reference to it in the event.

use bytes::Bytes;
use hybridge_core::{Message, Text, Value};

use super::super::DecodeError;

const NAME: &str = "dataref";

/// Where the data of an event is, where it has a reference and not the data itself.
pub fn reference(message: &Message) -> Option<&str> {
    if message.payload.is_some() {
        return None;
    }
    message.attributes.text(NAME)
}

/// Takes the data out of an event and puts the reference to it in its place; `datacontenttype` still says what it is.
/// `None` for an event without data.
pub fn check_in(message: &mut Message, reference: Text) -> Option<Bytes> {
    let data = message.payload.take()?;
    message.attributes.set(Text::from_static(NAME), Value::UriRef(reference));
    Some(data)
}

/// Puts the data back that was kept elsewhere. The reference goes: the data is here.
///
/// # Errors
/// There is nothing under the reference: the event must not be handed on without its data.
pub fn restore(message: &mut Message, stored: Option<Bytes>) -> Result<(), DecodeError> {
    let Some(stored) = stored else {
        return Err(DecodeError::attribute(NAME, "leads to nothing"));
    };
    message.payload = Some(stored);
    message.attributes.remove(NAME);
    Ok(())
}
