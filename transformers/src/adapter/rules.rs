//! Rules that a table gives for each event of a product.
//!
//! A table has a line for each event: its name, the source, the rest of the type, the subject and
//! the time, separated by tabs. Source and type are texts with `{path}` where a value of the
//! payload belongs; `{path#}` leaves out the fragment of a URL and `{path^}` its last segment. The
//! subject is a path. The time is one path or several with `|` between: the first that has a time
//! counts, and without any it is the current time. In a path, `{action}` is a member of its own.

use std::borrow::Cow;
use std::collections::BTreeMap;

use hybridge_core::Error;
use hybridge_schemas::json::{self, Selection};
use hybridge_schemas::rfc3339;

/// What to read of an event and what to make of it.
pub(super) struct Rule {
    source: Vec<Part>,
    kind: Vec<Part>,
    subject: Option<usize>,
    times: Vec<Time>,
    selection: Selection,
}

enum Part {
    Text(Box<str>),
    Value { slot: usize, path: Box<str>, cut: Cut },
}

#[derive(Clone, Copy)]
enum Cut {
    Nothing,
    Fragment,
    LastSegment,
}

enum Time {
    At(usize),
    /// A path that has a value of the payload in it: looked up for each event.
    Depends(Vec<Part>),
}

/// What a rule makes of an event.
pub(super) struct Found {
    pub(super) source: String,
    /// What comes after the prefix of the product.
    pub(super) kind: String,
    pub(super) subject: Option<String>,
    pub(super) time: Option<String>,
}

/// The rules of a table by the names of the events.
pub(super) fn compile(table: &str) -> BTreeMap<String, Rule> {
    let lines = table.lines().skip(1);
    let rules = lines.map(|line| {
        let mut columns = line.split('\t');
        let mut next = || columns.next().unwrap_or_default().trim().to_owned();
        let name = next();
        (name, Rule::new(&next(), &next(), &next(), &next()))
    });
    rules.collect()
}

impl Rule {
    fn new(source: &str, kind: &str, subject: &str, times: &str) -> Self {
        let mut paths = Vec::new();
        let source = parts(source, &mut paths);
        let kind = parts(kind, &mut paths);
        let subject = (!subject.is_empty()).then(|| slot(subject, &mut paths));
        let times = times.split('|').map(str::trim).filter(|time| !time.is_empty());
        let times = times.map(|time| match time.contains('{') {
            true => Time::Depends(parts(time, &mut paths)),
            false => Time::At(slot(time, &mut paths)),
        });
        let times = times.collect();
        let selection = Selection::new(paths.iter().map(|path| path.split('.')));
        Self { source, kind, subject, times, selection }
    }

    /// Reads an event. A value that the source or the type needs and that is not there is a fault.
    pub(super) fn read(&self, payload: &[u8]) -> Result<Found, Error> {
        let mut found = vec![None; self.selection.len()];
        self.selection
            .read(payload, &mut found, |_, _| {})
            .map_err(|fault| Error::rejected(format!("the payload is {fault}")))?;
        let at = |slot: usize| found.get(slot).copied().flatten().and_then(text);
        let subject = self.subject.and_then(at).map(Cow::into_owned);
        let mut times = self.times.iter().filter_map(|time| match time {
            Time::At(slot) => instant(&at(*slot)?),
            Time::Depends(parts) => instant(&lookup(payload, &filled(parts, &at).ok()?)?),
        });
        Ok(Found {
            source: filled(&self.source, &at)?,
            kind: filled(&self.kind, &at)?,
            subject,
            time: times.next(),
        })
    }
}

fn slot(path: &str, paths: &mut Vec<String>) -> usize {
    paths.iter().position(|other| other == path).unwrap_or_else(|| {
        paths.push(path.to_owned());
        paths.len() - 1
    })
}

fn parts(text: &str, paths: &mut Vec<String>) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (path, after) = after.split_once('}').unwrap_or((after, ""));
        let (path, cut) = match path.as_bytes().last() {
            Some(b'#') => (&path[..path.len() - 1], Cut::Fragment),
            Some(b'^') => (&path[..path.len() - 1], Cut::LastSegment),
            _ => (path, Cut::Nothing),
        };
        if !before.is_empty() {
            parts.push(Part::Text(before.into()));
        }
        parts.push(Part::Value { slot: slot(path, paths), path: path.into(), cut });
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.into()));
    }
    parts
}

fn filled<'a>(
    parts: &[Part],
    at: &impl Fn(usize) -> Option<Cow<'a, str>>,
) -> Result<String, Error> {
    let mut filled = String::new();
    for part in parts {
        match part {
            Part::Text(text) => filled.push_str(text),
            Part::Value { slot, path, cut } => {
                let missing = || Error::rejected(format!("the payload has no {path}"));
                let value = at(*slot).filter(|value| !value.is_empty()).ok_or_else(missing)?;
                filled.push_str(match cut {
                    Cut::Nothing => &value,
                    Cut::Fragment => value.split('#').next().unwrap_or_default(),
                    Cut::LastSegment => {
                        value.rsplit_once('/').map_or(&*value, |(parent, _)| parent)
                    }
                });
            }
        }
    }
    Ok(filled)
}

fn lookup(payload: &[u8], path: &str) -> Option<String> {
    let steps: Vec<_> = path.split('.').map(|name| json::Step::Member(name.into())).collect();
    json::get(payload, &steps).ok().flatten().and_then(text).map(Cow::into_owned)
}

/// A string or a number as text.
pub(super) fn text(raw: &[u8]) -> Option<Cow<'_, str>> {
    match raw.first()? {
        b'"' => json::unescape(raw).ok(),
        b'-' | b'0'..=b'9' => std::str::from_utf8(raw).ok().map(Cow::Borrowed),
        _ => None,
    }
}

/// A timestamp as RFC 3339 writes it, whole seconds since 1970, or `2015-05-17 18:08:09 UTC`.
fn instant(text: &str) -> Option<String> {
    if rfc3339::millis(text).is_some() {
        return Some(text.to_owned());
    }
    if let Ok(seconds) = text.parse::<i64>() {
        return rfc3339::format(seconds.checked_mul(1000)?);
    }
    let (date, time) = text.strip_suffix(" UTC")?.split_once(' ')?;
    let text = format!("{date}T{time}Z");
    rfc3339::millis(&text).is_some().then_some(text)
}
