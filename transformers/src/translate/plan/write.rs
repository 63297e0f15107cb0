//! One pass over the rows that writes an event.

use std::borrow::Cow;

use bytes::Bytes;
use hybridge_core::{Header, Headers, Text};
use hybridge_schemas::json;

use super::super::pattern::Known;
use super::super::table::Holds;
use super::super::value::{Given, Raw, Value, take};
use super::row::{CompiledRow, Held, Place};
use super::tree::names;
use super::{CompiledKind, Plan, Values};

/// What was written of an event.
#[derive(Default)]
pub(in crate::translate) struct Written {
    pub(in crate::translate) source: Option<String>,
    pub(in crate::translate) subject: Option<String>,
    pub(in crate::translate) extensions: Vec<(&'static str, String)>,
    /// The data as JSON; none where the payload is what a field holds.
    pub(in crate::translate) data: Option<Vec<u8>>,
    pub(in crate::translate) payload: Option<Bytes>,
    pub(in crate::translate) headers: Headers,
    /// Which fields have a place now.
    pub(in crate::translate) carried: Vec<bool>,
}

impl Plan {
    /// Writes an event of a kind; none where something is missing without which there is none.
    /// At home, where the event began, its source is what it was and need not fit.
    pub(in crate::translate) fn write<'k>(
        &self,
        kind: &CompiledKind,
        values: &Values<'_>,
        is_home: bool,
        known: &dyn Fn(Known) -> Option<Cow<'k, str>>,
    ) -> Option<Written> {
        let mut written = Written { carried: vec![false; self.reads.len()], ..Written::default() };
        for (field, _) in &kind.with {
            // What the type says by itself has its place there.
            written.carried[*field] = !self.reads(*field);
        }
        for (index, row) in self.rows.iter().enumerate() {
            if matches!(row.place, Place::Data(_)) {
                continue;
            }
            if let (Place::Payload, Held::Field(field, _)) = (row.place, &row.held) {
                if let Some(Value::Bytes(bytes)) = values.get(*field) {
                    written.payload = Some(Bytes::copy_from_slice(bytes));
                    row.mark(&mut written.carried);
                }
                continue;
            }
            let text = match row.fill(values, known) {
                Some(given) => given,
                None if row.is_needed() && !is_home => return None,
                None => continue,
            };
            row.mark(&mut written.carried);
            self.mark_derived(index, values, known, &mut written.carried);
            if row.place == Place::Headers {
                written.headers = headers_of(text);
                continue;
            }
            let Some(text) = text.into_text() else { continue };
            match row.place {
                Place::Source => written.source = Some(text),
                Place::Subject => written.subject = Some(text),
                Place::Extension(name) => written.extensions.push((name, text)),
                Place::Payload | Place::Headers | Place::Data(_) => {}
            }
        }
        if self.reads_data() {
            let mut data = Vec::with_capacity(512);
            let fill = |row: usize, out: &mut Vec<u8>| {
                self.rows.get(row).is_some_and(|row| row.write(values, known, out))
            };
            self.tree.write(&mut data, fill, |index| {
                if let Some(row) = self.rows.get(index) {
                    row.mark(&mut written.carried);
                    self.mark_derived(index, values, known, &mut written.carried);
                    self.mark_within(index, values, &mut written.carried);
                }
            });
            if data.is_empty() {
                data.extend_from_slice(b"{}");
            }
            written.data = Some(data);
        }
        let is_complete = self.rows.iter().all(|row| {
            !(row.is_needed() && matches!(row.place, Place::Data(_))) || row.can_fill(values, known)
        });
        (is_complete || is_home).then_some(written)
    }

    /// What is derived from fields carries those that the place, when it is read again, gives back as they are.
    fn mark_derived<'k>(
        &self,
        index: usize,
        values: &Values<'_>,
        known: &dyn Fn(Known) -> Option<Cow<'k, str>>,
        carried: &mut [bool],
    ) {
        let Some(Held::Derived(pattern)) = self.rows.get(index).map(|row| &row.held) else {
            return;
        };
        let readers = self.of_place(index).filter_map(|row| match &row.held {
            Held::Pattern { pattern, .. } => Some(pattern),
            _ => None,
        });
        let mut filled = None;
        for reader in readers {
            let known = |which| known(which);
            let filled =
                filled.get_or_insert_with(|| pattern.fill(|field| values.text(field), known));
            reader.matches(filled.as_deref().unwrap_or_default(), |field, text| {
                if let Some(place) = carried.get_mut(field) {
                    *place |= values.text(field) == Some(&*text);
                }
            });
        }
    }
}

impl Plan {
    /// A whole object carries the fields that stand in it, where it says the same.
    fn mark_within(&self, index: usize, values: &Values<'_>, carried: &mut [bool]) {
        let Some(CompiledRow { at, held: Held::Field(whole, Holds::Json(_)), .. }) =
            self.rows.get(index)
        else {
            return;
        };
        let Some(Value::Json(whole)) = values.get(*whole) else { return };
        for inner in self.within(index) {
            let Held::Field(field, holds) = inner.held else { continue };
            let path = names(&inner.at[at.len() + 1..]);
            let path: Vec<_> = path.map(|name| json::Step::Member(name.into())).collect();
            let found = json::get(whole, &path).ok().flatten();
            let found = found.and_then(|raw| take(holds, Raw::Json(raw)));
            if let Some(place) = carried.get_mut(field) {
                *place |= found.is_some_and(|(value, _)| values.get(field) == Some(&value));
            }
        }
    }
}

fn headers_of(given: Given<'_>) -> Headers {
    let Given::Json(object) = given else { return Headers::new() };
    let members = json::members(object).filter_map(Result::ok);
    let header = |(name, raw): (Cow<'_, str>, &[u8])| {
        let value = Raw::Json(raw).text()?;
        Some(Header {
            name: Text::from(&*name),
            value: Some(Bytes::copy_from_slice(value.as_bytes())),
        })
    };
    members.filter_map(header).collect()
}
