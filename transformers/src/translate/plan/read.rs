//! One pass through an event that reads its fields and names what it does not carry on.

use std::borrow::Cow;

use hybridge_core::Headers;
use hybridge_schemas::json::{self, Fault};

use super::super::event::{Event, Marks};
use super::super::loss::{Change, Losses};
use super::super::pattern::Known;
use super::super::table::Holds;
use super::super::value::{Raw, Value, take};
use super::row::{CompiledRow, Held, Need, Place};
use super::{Plan, Values};

/// What was read of an event.
pub(in crate::translate) struct Reading<'e> {
    pub(in crate::translate) kind: &'static str,
    pub(in crate::translate) values: Values<'e>,
    pub(in crate::translate) marks: Marks<'e>,
    /// The rows whose places hold something.
    present: Vec<bool>,
    /// Extensions that stood in the mark.
    pub(in crate::translate) extensions: Vec<(Cow<'e, str>, Cow<'e, str>)>,
    pub(in crate::translate) losses: Losses,
}

impl Plan {
    /// Reads an event of one of its types; none where it does not fit.
    pub(in crate::translate) fn read<'e>(
        &self,
        event: &'e Event<'_>,
        native: &str,
        known: &dyn Fn(Known) -> Option<Cow<'e, str>>,
    ) -> Result<Option<Reading<'e>>, Fault> {
        let mut losses = Losses::default();
        let mut found = vec![None; self.selection.len()];
        let data = event.json().filter(|_| self.reads_data()).unwrap_or(b"{}");
        let prefix = self.form.data_name();
        self.selection.read(data, &mut found, |path, name| {
            let name = name.and_then(|name| json::unescape(name).ok());
            match name {
                Some(name) if path.is_empty() => losses.add(Change::Lost, prefix, &name),
                Some(name) => losses.add(Change::Lost, prefix, &format!("{path}.{name}")),
                None => losses.add(Change::Lost, prefix, path),
            }
        })?;
        let mut values = Values(vec![None; self.reads.len()]);
        for row in &self.rows {
            if !self.read_row(row, event, &found, &mut values, &mut losses) {
                return Ok(None);
            }
        }
        let Some(kind) = self.kind_read(native, &mut values) else { return Ok(None) };
        let present = self.compare(event, &found, &values, known, &mut losses);
        let mut reading = Reading {
            kind,
            values,
            marks: event.marks.clone(),
            present,
            extensions: Vec::new(),
            losses,
        };
        if let Some(mark) = found.first().copied().flatten() {
            read_mark(mark, &mut reading)?;
        }
        Ok(Some(reading))
    }

    /// Whether the event can still be one of these.
    fn read_row<'e>(
        &self,
        row: &CompiledRow,
        event: &'e Event<'_>,
        found: &[Option<&'e [u8]>],
        values: &mut Values<'e>,
        losses: &mut Losses,
    ) -> bool {
        if row.place == Place::Headers {
            if let Held::Field(field, _) = &row.held {
                read_headers(&event.headers, *field, row.at, values, losses);
            }
            return true;
        }
        let raw = match self.raw(row.place, event, found) {
            // What is null says nothing, but it will not be there again.
            Some(Raw::Json(b"null")) if !matches!(row.held, Held::Field(_, Holds::Json(_))) => {
                losses.add(Change::Lost, self.prefix(row), row.at);
                None
            }
            raw => raw,
        };
        match &row.held {
            Held::Field(field, holds) => {
                let Some(raw) = raw else { return true };
                let Some((value, is_exact)) = take(*holds, raw) else {
                    losses.add(Change::Lost, self.prefix(row), row.at);
                    return true;
                };
                if !is_exact {
                    losses.add(Change::Changed, self.prefix(row), row.at);
                }
                values.put(*field, value, row.at);
                true
            }
            Held::Pattern { pattern, need } => {
                let fits = match raw.and_then(Raw::text) {
                    Some(Cow::Borrowed(text)) => pattern.matches(text, |field, text| {
                        values.put(field, Value::Text(text), row.at);
                    }),
                    Some(Cow::Owned(text)) => pattern.matches(&text, |field, text| {
                        values.put(field, Value::Text(text.into_owned().into()), row.at);
                    }),
                    None => *need == Need::Fit,
                };
                fits || *need == Need::Written
            }
            Held::Derived(_) | Held::Fixed(_) => true,
            Held::Absent => raw.is_none(),
        }
    }

    /// Names what does not follow from the fields as it should; says which places hold anything.
    fn compare<'e>(
        &self,
        event: &'e Event<'_>,
        found: &[Option<&'e [u8]>],
        values: &Values<'e>,
        known: &dyn Fn(Known) -> Option<Cow<'e, str>>,
        losses: &mut Losses,
    ) -> Vec<bool> {
        let mut present = vec![false; self.rows.len()];
        for (index, (row, is_present)) in self.rows.iter().zip(&mut present).enumerate() {
            if row.place == Place::Headers {
                *is_present = !event.headers.is_empty();
                continue;
            }
            let Some(raw) = self.raw(row.place, event, found) else { continue };
            *is_present = true;
            // Of several rows for one place, one has to be right.
            let is_same = self.of_place(index).any(|row| row.agrees(raw, values, known));
            if !is_same {
                losses.add(Change::Changed, self.prefix(row), row.at);
            }
        }
        present
    }

    /// Names the places of what was read whose fields have no place in what was written: lost
    /// where none has, changed where some have.
    pub(in crate::translate) fn name_lost(
        &self,
        reading: &Reading<'_>,
        carried: &[bool],
        losses: &mut Losses,
    ) {
        let is_carried = |field: usize| carried.get(field).copied().unwrap_or_default();
        for (index, (row, is_present)) in self.rows.iter().zip(&reading.present).enumerate() {
            if !is_present {
                continue;
            }
            let (mut some, mut all) = (false, true);
            for other in self.of_place(index).chain(self.within(index)) {
                other.each_field(|field| {
                    if reading.values.get(field).is_some() {
                        some |= is_carried(field);
                        all &= is_carried(field);
                    }
                });
            }
            if !all {
                let change = if some { Change::Changed } else { Change::Lost };
                losses.add(change, self.prefix(row), row.at);
            }
        }
        for field in 0..self.reads.len() {
            if reading.values.path(field) == Some("type") && !is_carried(field) {
                losses.add(Change::Lost, "", "type");
            }
        }
    }

    fn raw<'e>(
        &self,
        place: Place,
        event: &'e Event<'_>,
        found: &[Option<&'e [u8]>],
    ) -> Option<Raw<'e>> {
        match place {
            Place::Source => Some(Raw::Text(&event.source)),
            Place::Subject => event.subject.as_deref().map(Raw::Text),
            Place::Extension(name) => event.extension(name).map(Raw::Text),
            Place::Payload => event.data.bytes().map(Raw::Bytes),
            Place::Headers => None,
            Place::Data(slot) => found.get(slot).copied().flatten().map(Raw::Json),
        }
    }

    pub(super) fn prefix(&self, row: &CompiledRow) -> &'static str {
        if matches!(row.place, Place::Data(_)) { self.form.data_name() } else { "" }
    }
}

/// The marks of a form that has no extensions, and the extensions that an event had elsewhere.
fn read_mark<'e>(mark: &'e [u8], reading: &mut Reading<'e>) -> Result<(), Fault> {
    for member in json::members(mark) {
        let (name, raw) = member?;
        let Some(text) = Raw::Json(raw).text() else { continue };
        if !reading.marks.set(&format!("hybridge{name}"), text.clone()) {
            reading.extensions.push((name, text));
        }
    }
    Ok(())
}

fn read_headers<'e>(
    headers: &Headers,
    field: usize,
    at: &'static str,
    values: &mut Values<'e>,
    losses: &mut Losses,
) {
    if headers.is_empty() {
        return;
    }
    let mut object = vec![b'{'];
    headers.each(|name, value| {
        let text = value.and_then(|value| std::str::from_utf8(value).ok());
        let Some(text) = text else {
            losses.add(Change::Lost, "headers.", name);
            return;
        };
        if object.len() > 1 {
            object.push(b',');
        }
        json::write_string(&mut object, name);
        object.push(b':');
        json::write_string(&mut object, text);
    });
    object.push(b'}');
    if object.len() == 2 {
        return;
    }
    values.set(field, Value::Json(object.into()), at);
}
