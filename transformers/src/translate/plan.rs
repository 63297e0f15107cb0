//! A dialect of a family, compiled: one pass through the data reads it, one writes it.

mod read;
mod row;
mod tree;
mod values;
mod write;

use std::borrow::Cow;

use hybridge_schemas::json::Selection;

use super::pattern::Pattern;
use super::table::{Dialect, Family, Field, Form, Holds, Is, Row, row};
use super::value::{Value, field_of};
pub(super) use read::Reading;
use row::{CompiledRow, Held, Need, Place, pattern};
use tree::{Tree, names};
pub(super) use values::Values;

/// The name of the member that has the marks, in forms that have no extensions.
pub(super) const MARK: &str = "hybridge";

/// A compiled dialect.
pub(super) struct Plan {
    pub(super) form: Form,
    pub(super) service: &'static str,
    kinds: Vec<CompiledKind>,
    rows: Vec<CompiledRow>,
    /// For each row all rows of its place, itself among them.
    of_place: Vec<Vec<usize>>,
    selection: Selection,
    tree: Tree,
    /// For each row those of places within its place.
    within: Vec<Vec<usize>>,
    /// For each field whether a row has it.
    reads: Vec<bool>,
}

/// A kind with its conditions as fields.
pub(super) struct CompiledKind {
    pub(super) name: &'static str,
    pub(super) native: &'static str,
    with: Vec<(usize, &'static str)>,
    is_written: bool,
    /// Whether what is written as this kind is read as another one: the type alone does not tell.
    pub(super) is_ambiguous: bool,
}

impl Plan {
    pub(super) fn new(family: &Family, dialect: &Dialect) -> Self {
        let field = |name: &str| family.fields.iter().position(|field| field.name == name);
        let kinds = dialect.kinds.iter().map(|kind| CompiledKind {
            name: kind.name,
            native: kind.native,
            with: kind.with.iter().filter_map(|(name, word)| Some((field(name)?, *word))).collect(),
            is_written: kind.is_written,
            is_ambiguous: false,
        });
        Self::compile(family, dialect.form, dialect.service, kinds.collect(), dialect.rows)
    }

    /// The common form of a family: all its kinds, and each field under its own name.
    pub(super) fn common(family: &Family) -> Self {
        let mut kinds: Vec<CompiledKind> = Vec::new();
        for kind in family.dialects.iter().flat_map(|dialect| dialect.kinds) {
            if !kinds.iter().any(|known| known.name == kind.name) {
                let name = kind.name;
                kinds.push(CompiledKind {
                    name,
                    native: name,
                    with: Vec::new(),
                    is_written: true,
                    is_ambiguous: false,
                });
            }
        }
        let rows: Vec<Row> = family.fields.iter().map(common_row).collect();
        Self::compile(family, Form::Canonical, "", kinds, &rows)
    }

    fn compile(
        family: &Family,
        form: Form,
        service: &'static str,
        mut kinds: Vec<CompiledKind>,
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
                Holds::Absent => Held::Absent,
                holds => match field_of(holds).and_then(field) {
                    Some(field) => Held::Field(field, holds),
                    None => continue,
                },
            };
            compiled.push(CompiledRow {
                at: row.at,
                place: place(row.at, &mut paths),
                held,
                foreign: foreign(family, row.holds),
            });
        }
        let fields = 0..family.fields.len();
        let reads: Vec<bool> =
            fields.map(|field| compiled.iter().any(|row| row.has(field))).collect();
        let ambiguous: Vec<bool> =
            kinds.iter().map(|kind| is_ambiguous(kind, &kinds, &reads)).collect();
        for (kind, is_ambiguous) in kinds.iter_mut().zip(ambiguous) {
            kind.is_ambiguous = is_ambiguous;
        }
        let of_place = compiled.iter().map(|row| {
            let all = compiled.iter().enumerate();
            all.filter(|(_, other)| other.place == row.place).map(|(index, _)| index).collect()
        });
        let is_within = |inner: &CompiledRow, outer: &CompiledRow| {
            matches!((inner.place, outer.place), (Place::Data(_), Place::Data(_)))
                && inner.at.strip_prefix(outer.at).is_some_and(|rest| rest.starts_with('.'))
        };
        let within = compiled.iter().map(|row| {
            let all = compiled.iter().enumerate();
            all.filter(|(_, other)| is_within(other, row)).map(|(index, _)| index).collect()
        });
        Self {
            form,
            service,
            kinds,
            within: within.collect(),
            of_place: of_place.collect(),
            tree: Tree::new(&paths, &compiled),
            rows: compiled,
            selection: Selection::new(paths.iter().map(|path| names(path))),
            reads,
        }
    }

    /// The rows of the same place as a row, itself among them.
    fn of_place(&self, row: usize) -> impl Iterator<Item = &CompiledRow> {
        self.rows_of(&self.of_place, row)
    }

    /// The rows of places within that of a row.
    fn within(&self, row: usize) -> impl Iterator<Item = &CompiledRow> {
        self.rows_of(&self.within, row)
    }

    fn rows_of(&self, lists: &[Vec<usize>], row: usize) -> impl Iterator<Item = &CompiledRow> {
        let rows: &[usize] = lists.get(row).map_or(&[], Vec::as_slice);
        rows.iter().filter_map(|index| self.rows.get(*index))
    }

    /// The types that it reads.
    pub(super) fn types(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.kinds.iter().map(|kind| kind.native)
    }

    fn reads_data(&self) -> bool {
        !self.rows.iter().any(|row| row.place == Place::Payload)
    }

    /// The kind of an event; sets what its type says by itself.
    fn kind_read(&self, native: &str, values: &mut Values<'_>) -> Option<&'static str> {
        let reads = |field: usize| self.reads(field);
        let found = self.kinds.iter().find(|kind| {
            kind.native == native
                && kind.with.iter().all(|(field, word)| match values.text(*field) {
                    Some(text) => is_said(word, text),
                    None => !word.starts_with('*') && !reads(*field),
                })
        })?;
        for (field, word) in &found.with {
            if values.get(*field).is_none() && !word.is_empty() {
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

    /// Where a field is written, in two parts that belong together; none for what the type says by itself.
    pub(super) fn place_of(&self, field: usize) -> Option<(&'static str, &'static str)> {
        let row = self.rows.iter().find(|row| row.has(field))?;
        Some((self.prefix(row), row.at))
    }

    /// Whether a row has this field.
    fn reads(&self, field: usize) -> bool {
        self.reads.get(field).copied().unwrap_or_default()
    }

    /// The kind that an event of this name is written as, and which fields are to be set for it.
    pub(super) fn kind_written(
        &self,
        name: &str,
        values: &Values<'_>,
    ) -> Option<(&CompiledKind, Vec<(usize, &'static str)>)> {
        let found = self.kinds.iter().find(|kind| {
            let fits = |(field, word): &(usize, &str)| match values.text(*field) {
                Some(text) => is_said(word, text),
                None => *word == "*" || !word.starts_with('*'),
            };
            kind.name == name && kind.is_written && kind.with.iter().all(fits)
        })?;
        let is_missing =
            |(field, word): &&(usize, &str)| values.get(*field).is_none() && !word.is_empty();
        Some((found, found.with.iter().filter(is_missing).copied().collect()))
    }

    /// Whether a kind of this name can be written at all.
    pub(super) fn writes(&self, name: &str) -> bool {
        self.kinds.iter().any(|kind| kind.name == name && kind.is_written)
    }
}

/// Whether a text is what a condition asks for.
fn is_said(word: &str, text: &str) -> bool {
    match word.strip_prefix('*') {
        Some(end) => text.ends_with(end),
        None => text == word,
    }
}

fn is_ambiguous(kind: &CompiledKind, kinds: &[CompiledKind], reads: &[bool]) -> bool {
    let same_type = || kinds.iter().filter(|other| other.native == kind.native);
    let is_other = |other: &CompiledKind| other.name != kind.name;
    let is_read = |field: usize| reads.get(field).copied().unwrap_or_default();
    let tells = |other: &CompiledKind| other.with.iter().any(|(field, _)| is_read(*field));
    same_type().next().is_some_and(|first| is_other(first) && first.with.is_empty())
        || (kind.with.is_empty() && same_type().any(|other| is_other(other) && !tells(other)))
}

/// Words of a field that other dialects have, where this row has words and not these.
fn foreign(family: &Family, holds: Holds) -> Vec<&'static str> {
    let Holds::Words(field, own) = holds else { return Vec::new() };
    let rows = family.dialects.iter().flat_map(|dialect| dialect.rows);
    let lists = rows.filter_map(|row| match row.holds {
        Holds::Words(other, words) if other == field => Some(words),
        _ => None,
    });
    let words = lists.flatten().map(|(_, word)| *word);
    words.filter(|word| !own.iter().any(|(_, known)| known == word)).collect()
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
