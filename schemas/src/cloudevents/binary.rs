//! Attributes in binary mode, where a protocol has them beside the body as names and values.

use hybridge_core::{Attributes, Text, Value};

use super::upgrade::{Encoding, upgrade};
use super::{DecodeError, Mode, attribute};
use crate::media_type::MediaType;

/// The attributes of one message so far.
#[derive(Default)]
pub(super) struct Binary(Vec<(Text, Value)>);

impl Binary {
    /// Adds the attribute `name`. A text has the type that the name gives it.
    pub(super) fn push(&mut self, name: &str, value: Value) -> Result<(), DecodeError> {
        let name = attribute::name(name);
        if self.contains(&name) {
            return Err(DecodeError::attribute(&name, "is there twice"));
        }
        if self.0.len() == attribute::MOST {
            return Err(DecodeError::Shape("too many attributes".into()));
        }
        let value = match value {
            Value::String(text) => attribute::typed(&name, text),
            other => other,
        };
        self.0.push((name, value));
        Ok(())
    }

    /// The same with the bytes of a text.
    pub(super) fn push_bytes(
        &mut self,
        name: &str,
        value: bytes::Bytes,
    ) -> Result<(), DecodeError> {
        let Ok(text) = Text::from_utf8(value) else {
            return Err(DecodeError::attribute(name, "is not UTF-8"));
        };
        self.push(name, Value::String(text))
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|(other, _)| *other == *name)
    }

    /// The attributes of a sound event. The content type of the message is `datacontenttype`; where both are there they
    /// say the same.
    pub(super) fn finish(
        mut self,
        content_type: Option<Text>,
        mode: Mode,
    ) -> Result<Attributes, DecodeError> {
        if let Some(content_type) = content_type {
            let written = self.0.iter().find(|(name, _)| *name == "datacontenttype");
            match written.and_then(|(_, value)| value.as_text()) {
                None => self.push("datacontenttype", Value::String(content_type))?,
                Some(other) if is_same(other, &content_type) => {}
                Some(_) => {
                    let reason = "must not differ from the content type of the message";
                    return Err(DecodeError::attribute("datacontenttype", reason));
                }
            }
        }
        let mut attributes: Attributes = self.0.into_iter().collect();
        if upgrade(&mut attributes)? == Encoding::Base64 {
            let reason = "does not say in binary mode whether the body is base64";
            return Err(DecodeError::attribute("datacontentencoding", reason));
        }
        attribute::check_all(&attributes, mode)?;
        Ok(attributes)
    }
}

fn is_same(text: &str, other: &str) -> bool {
    text == other || MediaType::parse(text) == MediaType::parse(other)
}
