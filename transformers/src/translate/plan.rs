//! A dialect of a family, compiled: one pass through the data reads it, one writes it.

mod tree;

use std::borrow::Cow;

use bytes::Bytes;
use hybridge_core::{Header, Headers, Text};
use hybridge_schemas::json::{self, Fault, Selection};

use super::event::{Event, Marks};
use super::loss::{Change, Losses};
use super::pattern::{Known, Pattern};
use super::table::{Dialect, Family, Field, Form, Holds, Is, Row, row};
use super::value::{Given, Raw, Value, field_of, give, take};
use tree::Tree;

/// The name of the member that has the marks, in forms that have no extensions.
pub(super) const MARK: &str = "hybridge";

/// A compiled dialect.
pub(super) struct Plan {
    pub(super) form: Form,
    pub(super) service: &'static str,
    kinds: Vec<CompiledKind>,
    rows: Vec<CompiledRow>,
    selection: Selection,
    tree: Tree,
    fields: usize,
}

/// A kind with its conditions as fields.
pub(super) struct CompiledKind {
    pub(super) name: &'static str,
    pub(super) native: &'static str,
    with: Vec<(usize, &'static str)>,
    is_written: bool,
}

pub(super) struct CompiledRow {
    at: &'static str,
    place: Place,
    held: Held,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Source,
    Subject,
    Extension(&'static str),
    Payload,
    Headers,
    /// The slot of a path of the data.
    Data(usize),
}

/// When a pattern has to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// It is there and fits, read and written.
    Both,
    /// It fits where it is there.
    Fit,
    /// It is written; what is read may be anything.
    Written,
}

fn pattern(text: &str, field: impl Fn(&str) -> Option<usize>, need: Need) -> Held {
    Held::Pattern { pattern: Pattern::new(text, field), need }
}

enum Held {
    Field(usize, Holds),
    Pattern { pattern: Pattern, need: Need },
    Derived(Pattern),
    Fixed(&'static str),
}

/// What was read of an event.
pub(super) struct Reading<'e> {
    pub(super) kind: &'static str,
    pub(super) values: Values<'e>,
    pub(super) marks: Marks<'e>,
    /// The rows whose places hold something.
    present: Vec<bool>,
    /// Extensions that stood in the mark.
    pub(super) extensions: Vec<(Cow<'e, str>, Cow<'e, str>)>,
    pub(super) losses: Losses,
}

/// The values of the fields of a family, each with the path that it was read from.
pub(super) struct Values<'e>(Vec<Option<(Value<'e>, &'static str)>>);

impl<'e> Values<'e> {
    pub(super) fn get(&self, field: usize) -> Option<&Value<'e>> {
        self.0.get(field)?.as_ref().map(|(value, _)| value)
    }

    pub(super) fn text(&self, field: usize) -> Option<&str> {
        self.get(field)?.as_text()
    }

    /// Where a field was read.
    pub(super) fn path(&self, field: usize) -> Option<&'static str> {
        self.0.get(field)?.as_ref().map(|(_, path)| *path)
    }

    pub(super) fn take(&mut self, field: usize) -> Option<Value<'e>> {
        self.0.get_mut(field)?.take().map(|(value, _)| value)
    }

    /// Sets one that is not there yet.
    fn put(&mut self, field: usize, value: Value<'e>, path: &'static str) {
        if self.get(field).is_none() {
            self.set(field, value, path);
        }
    }

    pub(super) fn set(&mut self, field: usize, value: Value<'e>, path: &'static str) {
        if let Some(place) = self.0.get_mut(field) {
            *place = Some((value, path));
        }
    }
}

/// What was written of an event.
#[derive(Default)]
pub(super) struct Written {
    pub(super) source: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) extensions: Vec<(&'static str, String)>,
    /// The data as JSON; none where the payload is what a field holds.
    pub(super) data: Option<Vec<u8>>,
    pub(super) payload: Option<Bytes>,
    pub(super) headers: Headers,
    /// Which fields have a place now.
    pub(super) carried: Vec<bool>,
}

impl Plan {
    pub(super) fn new(family: &Family, dialect: &Dialect) -> Self {
        let field = |name: &str| family.fields.iter().position(|field| field.name == name);
        let kinds = dialect.kinds.iter().map(|kind| CompiledKind {
            name: kind.name,
            native: kind.native,
            with: kind.with.iter().filter_map(|(name, word)| Some((field(name)?, *word))).collect(),
            is_written: kind.is_written,
        });
        Self::compile(family, dialect.form, dialect.service, kinds.collect(), dialect.rows)
    }

    /// The common form of a family: all its kinds, and each field under its own name.
    pub(super) fn common(family: &Family) -> Self {
        let mut kinds: Vec<CompiledKind> = Vec::new();
        for kind in family.dialects.iter().flat_map(|dialect| dialect.kinds) {
            if !kinds.iter().any(|known| known.name == kind.name) {
                let name = kind.name;
                kinds.push(CompiledKind { name, native: name, with: Vec::new(), is_written: true });
            }
        }
        let rows: Vec<Row> = family.fields.iter().map(common_row).collect();
        Self::compile(family, Form::Canonical, "", kinds, &rows)
    }

    fn compile(
        family: &Family,
        form: Form,
        service: &'static str,
        kinds: Vec<CompiledKind>,
        rows: &[Row],
    ) -> Self {
        let field = |name: &str| family.fields.iter().position(|field| field.name == name);
        let mut paths: Vec<&'static str> = vec![MARK];
        let mut compiled = Vec::with_capacity(rows.len());
        for row in rows {
            let held = match row.holds {
                Holds::Pattern(text) => pattern(text, field, Need::Both),
                Holds::Maybe(text) => pattern(text, field, Need::Fit),
                Holds::Loose(text) => pattern(text, field, Need::Written),
                Holds::Derived(text) => Held::Derived(Pattern::new(text, field)),
                Holds::Fixed(text) => Held::Fixed(text),
                holds => match field_of(holds).and_then(field) {
                    Some(field) => Held::Field(field, holds),
                    None => continue,
                },
            };
            compiled.push(CompiledRow { at: row.at, place: place(row.at, &mut paths), held });
        }
        Self {
            form,
            service,
            kinds,
            tree: Tree::new(&paths, &compiled),
            rows: compiled,
            selection: Selection::new(paths.iter().map(|path| path.split('.'))),
            fields: family.fields.len(),
        }
    }

    /// The types that it reads.
    pub(super) fn types(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.kinds.iter().map(|kind| kind.native)
    }

    /// Reads an event of one of its types; none where it does not fit.
    pub(super) fn read<'e>(
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
        let mut values = Values(vec![None; self.fields]);
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

    fn reads_data(&self) -> bool {
        !self.rows.iter().any(|row| row.place == Place::Payload)
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
        for (row, is_present) in self.rows.iter().zip(&mut present) {
            if row.place == Place::Headers {
                *is_present = !event.headers.is_empty();
                continue;
            }
            let Some(raw) = self.raw(row.place, event, found) else { continue };
            *is_present = true;
            // Of several rows for one place, one has to be right.
            let mut same_place = self.rows.iter().filter(|other| other.place == row.place);
            let is_same = same_place.any(|row| row.agrees(raw, values, known));
            if !is_same {
                losses.add(Change::Changed, self.prefix(row), row.at);
            }
        }
        present
    }

    /// Names the places of what was read whose fields have no place in what was written: lost
    /// where none has, changed where some have.
    pub(super) fn name_lost(&self, reading: &Reading<'_>, carried: &[bool], losses: &mut Losses) {
        let is_carried = |field: usize| carried.get(field).copied().unwrap_or_default();
        for (row, is_present) in self.rows.iter().zip(&reading.present) {
            if !is_present {
                continue;
            }
            let (mut some, mut all) = (false, true);
            for other in self.rows.iter().filter(|other| other.place == row.place) {
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
        for field in 0..self.fields {
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

    fn prefix(&self, row: &CompiledRow) -> &'static str {
        if matches!(row.place, Place::Data(_)) { self.form.data_name() } else { "" }
    }

    /// The kind of an event; sets what its type says by itself.
    fn kind_read(&self, native: &str, values: &mut Values<'_>) -> Option<&'static str> {
        let reads = |field: usize| self.reads(field);
        let found = self.kinds.iter().find(|kind| {
            kind.native == native
                && kind.with.iter().all(|(field, word)| match values.text(*field) {
                    Some(text) => *word == "*" || text == *word,
                    None => *word != "*" && !reads(*field),
                })
        })?;
        for (field, word) in &found.with {
            if values.get(*field).is_none() {
                values.set(*field, Value::Text(Cow::Borrowed(word)), "type");
            }
        }
        Some(found.name)
    }

    /// Whether a row reads the headers of the message.
    pub(super) fn reads_headers(&self) -> bool {
        self.rows.iter().any(|row| row.place == Place::Headers)
    }

    /// Whether a row reads this extension.
    pub(super) fn reads_extension(&self, name: &str) -> bool {
        self.rows.iter().any(|row| matches!(row.place, Place::Extension(other) if other == name))
    }

    /// Whether a row has this field.
    fn reads(&self, field: usize) -> bool {
        self.rows.iter().any(|row| match &row.held {
            Held::Field(other, _) => *other == field,
            Held::Pattern { pattern, .. } => pattern.fields().any(|other| other == field),
            _ => false,
        })
    }

    /// The kind that an event of this name is written as, and which fields are to be set for it.
    pub(super) fn kind_written(
        &self,
        name: &str,
        values: &Values<'_>,
    ) -> Option<(&CompiledKind, Vec<(usize, &'static str)>)> {
        let found = self.kinds.iter().find(|kind| {
            let fits = |(field, word): &(usize, &str)| {
                values.text(*field).is_none_or(|text| *word == "*" || text == *word)
            };
            kind.name == name && kind.is_written && kind.with.iter().all(fits)
        })?;
        let is_missing = |(field, _): &&(usize, &str)| values.get(*field).is_none();
        Some((found, found.with.iter().filter(is_missing).copied().collect()))
    }

    /// Whether what is written as this kind is read as another one: the type alone does not tell.
    pub(super) fn is_ambiguous(&self, kind: &CompiledKind) -> bool {
        let first = self.kinds.iter().find(|other| other.native == kind.native);
        first.is_some_and(|first| first.name != kind.name && first.with.is_empty())
            || (kind.with.is_empty()
                && self.kinds.iter().any(|other| {
                    other.native == kind.native
                        && other.name != kind.name
                        && other.with.iter().all(|(field, _)| !self.reads(*field))
                }))
    }

    /// Whether a kind of this name can be written at all.
    pub(super) fn writes(&self, name: &str) -> bool {
        self.kinds.iter().any(|kind| kind.name == name && kind.is_written)
    }

    /// Writes an event of a kind; none where something is missing without which there is none.
    /// At home, where the event began, its source is what it was and need not fit.
    pub(super) fn write(
        &self,
        kind: &CompiledKind,
        values: &Values<'_>,
        is_home: bool,
        known: &dyn Fn(Known) -> Option<Cow<'static, str>>,
    ) -> Option<Written> {
        let mut written = Written { carried: vec![false; self.fields], ..Written::default() };
        for (field, _) in &kind.with {
            // What the type says by itself has its place there.
            written.carried[*field] = !self.reads(*field);
        }
        for row in &self.rows {
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
                let Some(row) = self.rows.get(row) else { return false };
                match row.fill(values, known) {
                    Some(given) => {
                        given.write(out);
                        true
                    }
                    None => match row.held {
                        Held::Fixed(text) => {
                            out.extend_from_slice(text.as_bytes());
                            true
                        }
                        _ => false,
                    },
                }
            };
            self.tree.write(&mut data, fill, |row| {
                if let Some(row) = self.rows.get(row) {
                    row.mark(&mut written.carried);
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
}

impl CompiledRow {
    /// Whether a place holds what the row would write there, where that follows from the fields.
    fn agrees<'e>(
        &self,
        raw: Raw<'e>,
        values: &Values<'e>,
        known: &dyn Fn(Known) -> Option<Cow<'e, str>>,
    ) -> bool {
        match &self.held {
            Held::Fixed(text) => match raw {
                Raw::Json(raw) => raw == text.as_bytes(),
                Raw::Text(raw) => raw == *text,
                Raw::Bytes(_) => true,
            },
            Held::Derived(pattern) | Held::Pattern { pattern, .. } => {
                let known = |which| known(which);
                let filled = pattern.fill(|field| values.text(field), known);
                let may_be_other = matches!(self.held, Held::Pattern { need: Need::Written, .. });
                match filled {
                    Some(filled) => raw.text().is_some_and(|text| text == filled),
                    None => may_be_other,
                }
            }
            Held::Field(..) => true,
        }
    }

    fn fill<'v>(
        &self,
        values: &'v Values<'_>,
        known: &dyn Fn(Known) -> Option<Cow<'static, str>>,
    ) -> Option<Given<'v>> {
        match &self.held {
            Held::Field(field, holds) => give(*holds, values.get(*field)?),
            Held::Pattern { pattern, .. } | Held::Derived(pattern) => {
                let known = |which| known(which);
                let filled = pattern.fill(|field| values.text(field), known)?;
                Some(Given::Text(filled.into()))
            }
            Held::Fixed(_) => None,
        }
    }

    fn can_fill(
        &self,
        values: &Values<'_>,
        known: &dyn Fn(Known) -> Option<Cow<'static, str>>,
    ) -> bool {
        self.fill(values, known).is_some()
    }

    fn is_needed(&self) -> bool {
        matches!(self.held, Held::Pattern { need: Need::Both | Need::Written, .. })
    }

    /// Shows every field that has to do with the place.
    fn each_field(&self, mut show: impl FnMut(usize)) {
        match &self.held {
            Held::Field(field, _) => show(*field),
            Held::Pattern { pattern, .. } | Held::Derived(pattern) => {
                pattern.fields().for_each(show)
            }
            Held::Fixed(_) => {}
        }
    }

    /// Notes which fields have a place here.
    fn mark(&self, carried: &mut [bool]) {
        let mut note = |field: usize| {
            if let Some(place) = carried.get_mut(field) {
                *place = true;
            }
        };
        match &self.held {
            Held::Field(field, _) => note(*field),
            Held::Pattern { pattern, .. } => pattern.fields().for_each(note),
            Held::Derived(_) | Held::Fixed(_) => {}
        }
    }
}

fn place(at: &'static str, paths: &mut Vec<&'static str>) -> Place {
    match at {
        "source" => return Place::Source,
        "subject" => return Place::Subject,
        "payload" => return Place::Payload,
        "headers" => return Place::Headers,
        _ => {}
    }
    if let Some(name) = at.strip_prefix("ext.") {
        return Place::Extension(name);
    }
    let slot = paths.iter().position(|path| *path == at).unwrap_or_else(|| {
        paths.push(at);
        paths.len() - 1
    });
    Place::Data(slot)
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

/// The rows of the common form: each field under its own name.
fn common_row(field: &Field) -> Row {
    let name = field.name;
    match field.is {
        Is::Text => row(name, Holds::Text(name)),
        Is::Number => row(name, Holds::Number(name)),
        Is::Json => row(name, Holds::Json(name)),
        Is::Bytes => row("payload", Holds::Utf8(name)),
        Is::Texts => row("headers", Holds::Texts(name)),
        Is::Extension(at) => row(at, Holds::Text(name)),
        Is::Subject => row("subject", Holds::Text(name)),
    }
}
