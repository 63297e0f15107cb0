//! What expressions take from the message.

use std::borrow::Cow;

use hybridge_config::OriginField;
use hybridge_core::ValueRef;

use super::evaluate::Evaluation;
use super::fault::FaultKind;
use super::value::Value;
use crate::json;

impl<'a> Evaluation<'a> {
    pub(super) fn attribute(&self, name: &str) -> Result<Value<'a>, FaultKind> {
        let value = self.message.attributes.get_ref(name).ok_or(FaultKind::Missing)?;
        Ok(match value {
            ValueRef::Boolean(value) => Value::Boolean(value),
            ValueRef::Integer(number) => Value::Int(number.into()),
            ValueRef::Binary(bytes) => Value::Bytes(Cow::Borrowed(bytes)),
            ValueRef::String(text)
            | ValueRef::Uri(text)
            | ValueRef::UriRef(text)
            | ValueRef::Timestamp(text) => Value::String(Cow::Borrowed(text)),
        })
    }

    pub(super) fn header(&self, name: &str) -> Option<Value<'a>> {
        self.message.headers.get_ref(name).map(Value::from_bytes)
    }

    pub(super) fn key(&self) -> Result<Value<'a>, FaultKind> {
        self.message.key.as_deref().map(Value::from_bytes).ok_or(FaultKind::Missing)
    }

    pub(super) fn origin(&self, field: OriginField) -> Value<'a> {
        let place = &self.message.origin.place;
        match field {
            OriginField::Connector => Value::String(Cow::Borrowed(place.connector.as_str())),
            OriginField::Cluster => Value::String(Cow::Borrowed(place.cluster.as_str())),
            OriginField::Topic => Value::String(Cow::Borrowed(place.topic.as_str())),
            OriginField::Partition => Value::Int(place.partition.into()),
            OriginField::Offset => match i64::try_from(self.message.origin.offset) {
                Ok(offset) => Value::Int(offset),
                Err(_) => Value::Uint(self.message.origin.offset),
            },
        }
    }

    /// All of the payload: JSON where it is, else text, else bytes.
    pub(super) fn data(&mut self) -> Result<Value<'a>, FaultKind> {
        let payload = self.message.payload.as_deref().ok_or(FaultKind::Missing)?;
        self.work_through(payload.len())?;
        match json::is_valid(payload) {
            true => Value::from_json(payload.trim_ascii()),
            false => Ok(Value::from_bytes(payload)),
        }
    }

    /// A value in the payload, as it is written.
    pub(super) fn slot(&mut self, slot: usize) -> Result<Option<&'a [u8]>, FaultKind> {
        if !self.is_read {
            let payload = self.message.payload.as_deref().unwrap_or_default();
            self.work_through(payload.len())?;
            // A payload that is no JSON has nothing in it.
            if self.program.paths.find(payload, &mut self.slots).is_err() {
                self.slots = Default::default();
                self.is_json = false;
            }
            self.is_read = true;
        }
        Ok(self.slots.get(slot).copied().flatten())
    }

    /// Whether a member is in an object of the payload; a fault where that is no object.
    pub(super) fn has_slot(
        &mut self,
        object: Option<usize>,
        member: usize,
    ) -> Result<bool, FaultKind> {
        if self.slot(member)?.is_some() {
            return Ok(true);
        }
        let object = match object {
            Some(object) => self.slot(object)?,
            None => self.message.payload.as_deref().filter(|_| self.is_json),
        };
        match object.and_then(|object| object.trim_ascii_start().first()) {
            Some(b'{') => Ok(false),
            Some(_) => Err(FaultKind::WrongType),
            None => Err(FaultKind::Missing),
        }
    }
}
