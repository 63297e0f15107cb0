//! Changes to a JSON text that leave every other byte as it is.

use std::borrow::Cow;
use std::ops::Range;

use super::path::{brackets, entry_name, is_meant};
use super::{Fault, Scanner, Step, write_string};

/// Why a change cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The text is not JSON.
    #[error(transparent)]
    Json(#[from] Fault),
    /// The path goes through a value that has no members.
    #[error("a value on the way is no object")]
    NoObject,
    /// The path goes to an element that the array does not have, or through a value that is none.
    #[error("the array has no such element")]
    NoElement,
}

/// Puts `value`, a JSON text, where `path` leads to. A member that is not there is added at the end
/// of its object, with the objects on the way to it; an element must be there.
pub fn set(text: &[u8], path: &[Step], value: &[u8]) -> Result<Vec<u8>, EditError> {
    if path.is_empty() {
        Scanner::new(text).only_value()?;
        return Ok(value.to_vec());
    }
    let edit = Edit::make(text, path, Change::Set(value))?;
    Ok(edit.apply(text))
}

/// Takes away what `path` leads to, every one of it where a name is there twice; `None` where there
/// is nothing. `path` must not be empty.
pub fn remove(text: &[u8], path: &[Step]) -> Result<Option<Vec<u8>>, EditError> {
    let edit = Edit::make(text, path, Change::Remove)?;
    Ok((!edit.replacements.is_empty()).then(|| edit.apply(text)))
}

/// Gives the member that `path` leads to another name, in its place; `None` where there is none. A
/// member that has the name already is not touched: remove it first.
pub fn rename(text: &[u8], path: &[Step], name: &str) -> Result<Option<Vec<u8>>, EditError> {
    let edit = Edit::make(text, path, Change::Rename(name))?;
    Ok((!edit.replacements.is_empty()).then(|| edit.apply(text)))
}

#[derive(Clone, Copy)]
enum Change<'v> {
    Set(&'v [u8]),
    Remove,
    Rename(&'v str),
}

/// What to replace by what, in order and without overlaps.
struct Edit<'v> {
    change: Change<'v>,
    replacements: Vec<(Range<usize>, Cow<'v, [u8]>)>,
}

impl<'v> Edit<'v> {
    fn make(text: &[u8], path: &[Step], change: Change<'v>) -> Result<Self, EditError> {
        let mut edit = Self { change, replacements: Vec::new() };
        let mut scanner = Scanner::new(text);
        match path.split_first() {
            Some((step, rest)) => edit.visit(&mut scanner, step, rest)?,
            None => {
                scanner.value()?;
            }
        }
        scanner.end()?;
        Ok(edit)
    }

    fn apply(self, text: &[u8]) -> Vec<u8> {
        let added: usize = self.replacements.iter().map(|(_, new)| new.len()).sum();
        let mut out = Vec::with_capacity(text.len() + added);
        let mut copied = 0;
        for (old, new) in self.replacements {
            out.extend_from_slice(&text[copied..old.start]);
            out.extend_from_slice(&new);
            copied = old.end;
        }
        out.extend_from_slice(&text[copied..]);
        out
    }

    fn visit(
        &mut self,
        scanner: &mut Scanner<'_>,
        step: &Step,
        rest: &[Step],
    ) -> Result<(), EditError> {
        let (open, close) = brackets(step);
        if scanner.peek() != Some(open) {
            scanner.value()?;
            return self.not_there(step);
        }
        let mut is_found = false;
        let mut index = 0;
        let mut removal = Removal::default();
        let mut more = scanner.enter(open, close)?;
        while more {
            scanner.peek();
            let start = scanner.at();
            self.replacements.extend(removal.next_entry(start));
            let name = entry_name(scanner, step)?;
            let name_end = start + name.len();
            let is_here = is_meant(step, name, index);
            scanner.peek();
            let value_start = scanner.at();
            let is_target = is_here && rest.is_empty();
            match rest.split_first() {
                Some((next, rest)) if is_here => self.visit(scanner, next, rest)?,
                _ => {
                    scanner.value()?;
                }
            }
            is_found |= is_here;
            let end = scanner.at();
            match self.change {
                Change::Set(value) if is_target => {
                    self.replacements.push((value_start..end, Cow::Borrowed(value)));
                }
                Change::Rename(name) if is_target && matches!(step, Step::Member(_)) => {
                    self.replacements.push((start..name_end, Cow::Owned(quoted(name))));
                }
                Change::Remove if is_target => {
                    self.replacements.extend(removal.remove(start, end));
                }
                _ => removal.keep(end),
            }
            index += 1;
            more = scanner.more(close)?;
        }
        self.replacements.extend(removal.end());
        if is_found {
            return Ok(());
        }
        let (Change::Set(value), Step::Member(name)) = (self.change, step) else {
            return self.not_there(step);
        };
        let new = added_member(index > 0, name, rest, value)?;
        let at = if index > 0 { removal.last_end } else { scanner.at() - 1 };
        self.replacements.push((at..at, Cow::Owned(new)));
        Ok(())
    }

    /// Nothing is no fault for what takes away, but it is one for what puts.
    fn not_there(&self, step: &Step) -> Result<(), EditError> {
        match (self.change, step) {
            (Change::Remove | Change::Rename(_), _) => Ok(()),
            (Change::Set(_), Step::Member(_)) => Err(EditError::NoObject),
            (Change::Set(_), Step::Index(_)) => Err(EditError::NoElement),
        }
    }
}

/// Which bytes go with the entries of one container that go, so that its commas stay right.
#[derive(Default)]
struct Removal {
    is_one_kept: bool,
    last_end: usize,
    /// The start of an entry that goes and has none before it that stays.
    open: Option<usize>,
}

impl Removal {
    fn next_entry(&mut self, start: usize) -> Option<(Range<usize>, Cow<'static, [u8]>)> {
        self.open.take().map(|open| (open..start, Cow::Borrowed(&[][..])))
    }

    fn keep(&mut self, end: usize) {
        self.is_one_kept = true;
        self.last_end = end;
    }

    fn remove(&mut self, start: usize, end: usize) -> Option<(Range<usize>, Cow<'static, [u8]>)> {
        let before = std::mem::replace(&mut self.last_end, end);
        if self.is_one_kept {
            return Some((before..end, Cow::Borrowed(&[][..])));
        }
        self.open = Some(start);
        None
    }

    fn end(&mut self) -> Option<(Range<usize>, Cow<'static, [u8]>)> {
        self.next_entry(self.last_end)
    }
}

fn quoted(name: &str) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(name.len() + 2);
    write_string(&mut quoted, name);
    quoted
}

/// `,"name":value` with an object for each further step.
fn added_member(
    has_others: bool,
    name: &str,
    rest: &[Step],
    value: &[u8],
) -> Result<Vec<u8>, EditError> {
    let mut text = Vec::with_capacity(value.len() + name.len() + 4);
    if has_others {
        text.push(b',');
    }
    write_string(&mut text, name);
    text.push(b':');
    for step in rest {
        let Step::Member(name) = step else { return Err(EditError::NoElement) };
        text.push(b'{');
        write_string(&mut text, name);
        text.push(b':');
    }
    text.extend_from_slice(value);
    text.extend(std::iter::repeat_n(b'}', rest.len()));
    Ok(text)
}

#[cfg(test)]
mod tests;
