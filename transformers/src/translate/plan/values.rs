//! What is known of an event.

use super::super::value::Value;

/// The values of the fields of a family, each with the path that it was read from.
#[derive(Clone)]
pub(in crate::translate) struct Values<'e>(pub(super) Vec<Option<(Value<'e>, &'static str)>>);

impl<'e> Values<'e> {
    pub(in crate::translate) fn get(&self, field: usize) -> Option<&Value<'e>> {
        self.0.get(field)?.as_ref().map(|(value, _)| value)
    }

    pub(in crate::translate) fn text(&self, field: usize) -> Option<&str> {
        self.get(field)?.as_text()
    }

    /// Where a field was read.
    pub(in crate::translate) fn path(&self, field: usize) -> Option<&'static str> {
        self.0.get(field)?.as_ref().map(|(_, path)| *path)
    }

    pub(in crate::translate) fn take(&mut self, field: usize) -> Option<Value<'e>> {
        self.0.get_mut(field)?.take().map(|(value, _)| value)
    }

    /// Sets one that is not there yet.
    pub(super) fn put(&mut self, field: usize, value: Value<'e>, path: &'static str) {
        if self.get(field).is_none() {
            self.set(field, value, path);
        }
    }

    pub(in crate::translate) fn set(&mut self, field: usize, value: Value<'e>, path: &'static str) {
        if let Some(place) = self.0.get_mut(field) {
            *place = Some((value, path));
        }
    }
}
