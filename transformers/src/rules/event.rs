//! The values of one event that rules ask for.

use std::cell::Cell;

use super::{
    exact::Exact,
    paths::{Field, NONE, Place},
};

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Text,
    /// A number that can be compared.
    Number(f64),
    /// Any other number.
    OtherNumber,
    Boolean(bool),
    Null,
    /// Bytes that are no text: there is a value, and no more is known of it.
    Binary,
}

/// Where the bytes of a value are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Span {
    /// In the JSON text.
    Text(u32, u32),
    /// In [`Event::own`].
    Own(u32, u32),
}

/// Stands for an exact test that was not looked up.
const UNKNOWN: u32 = u32::MAX - 1;

/// One value of a field.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) field: Field,
    pub(super) kind: Kind,
    pub(super) span: Span,
    /// The exact test that holds for it, or [`NONE`]; looked up when it is first asked for.
    exact: Cell<u32>,
    /// The innermost element of a list that it is in, or [`NONE`].
    pub(super) element: u32,
    /// The next value of the same field, or [`NONE`].
    pub(super) next: u32,
}

/// The values of one field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Values {
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) count: u32,
    /// Whether any of them is in an element of a list.
    pub(super) in_list: bool,
}

const NO_VALUES: Values = Values { first: NONE, last: NONE, count: 0, in_list: false };

/// An object or list that is an element of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element {
    pub(super) list: u32,
    /// The element that the list is in, or [`NONE`].
    pub(super) outer: u32,
    /// The values in it are those from `start` to `end`, in the order of the event.
    pub(super) start: u32,
    pub(super) end: u32,
}

/// A list with such elements.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    pub(super) place: Place,
    /// The values in it end here.
    pub(super) end: u32,
}

/// The values of one event; kept from event to event for its memory.
#[derive(Default)]
pub(super) struct Event {
    pub(super) values: Vec<Value>,
    pub(super) elements: Vec<Element>,
    pub(super) lists: Vec<List>,
    /// Texts that are not in the JSON text as they are.
    pub(super) own: Vec<u8>,
    /// The fields that have values.
    pub(super) fields: Vec<Field>,
    by_field: Vec<Values>,
}

impl Event {
    /// Forgets the last event; `fields` is how many there are.
    pub(super) fn clear(&mut self, fields: usize) {
        for field in self.fields.drain(..) {
            if let Some(values) = self.by_field.get_mut(field as usize) {
                *values = NO_VALUES;
            }
        }
        if self.by_field.len() < fields {
            self.by_field.resize(fields, NO_VALUES);
        }
        self.values.clear();
        self.elements.clear();
        self.lists.clear();
        self.own.clear();
    }

    /// The values of a field.
    #[inline]
    pub(super) fn of(&self, field: Field) -> Values {
        self.by_field[field as usize]
    }

    /// Adds a value.
    #[inline]
    pub(super) fn add(&mut self, field: Field, kind: Kind, span: Span, element: u32) {
        let index = self.values.len() as u32;
        let exact = Cell::new(UNKNOWN);
        self.values.push(Value { field, kind, span, exact, element, next: NONE });
        let values = &mut self.by_field[field as usize];
        if values.count == 0 {
            values.first = index;
            self.fields.push(field);
        } else {
            self.values[values.last as usize].next = index;
        }
        values.last = index;
        values.count += 1;
        values.in_list |= element != NONE;
    }

    /// Forgets everything after the first `values`, none of which is in a list.
    pub(super) fn keep(&mut self, values: usize) {
        let kept: Vec<Value> = self.values[..values].to_vec();
        for field in self.fields.drain(..) {
            self.by_field[field as usize] = NO_VALUES;
        }
        self.values.clear();
        self.elements.clear();
        self.lists.clear();
        for value in kept {
            self.add(value.field, value.kind, value.span, value.element);
        }
    }
}

/// An event with the text that it was read from.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) event: &'a Event,
    pub(super) text: &'a [u8],
    pub(super) exact: &'a Exact,
}

impl<'a> Seen<'a> {
    #[inline]
    pub(super) fn value(&self, index: u32) -> &'a Value {
        &self.event.values[index as usize]
    }

    /// The bytes of a value: a text without its quotes, a number as it was written.
    #[inline]
    pub(super) fn bytes(&self, value: &Value) -> &'a [u8] {
        let (from, start, end) = match value.span {
            Span::Text(start, end) => (self.text, start, end),
            Span::Own(start, end) => (self.event.own.as_slice(), start, end),
        };
        from.get(start as usize..end as usize).unwrap_or_default()
    }

    /// The exact test that holds for a value, or [`NONE`].
    #[inline]
    pub(super) fn exact(&self, value: &Value) -> u32 {
        if value.exact.get() == UNKNOWN {
            value.exact.set(self.exact.find(value.field, value.kind, self.bytes(value)));
        }
        value.exact.get()
    }

    /// The values of a field, one after the other.
    #[inline]
    pub(super) fn each(&self, field: Field) -> Each<'a> {
        Each { seen: *self, next: self.event.of(field).first }
    }
}

pub(super) struct Each<'a> {
    seen: Seen<'a>,
    next: u32,
}

impl<'a> Iterator for Each<'a> {
    type Item = &'a Value;

    #[inline]
    fn next(&mut self) -> Option<&'a Value> {
        if self.next == NONE {
            return None;
        }
        let value = self.seen.value(self.next);
        self.next = value.next;
        Some(value)
    }
}
