//! One value out of a JSON text.

use super::{Fault, Scanner, unescape};

/// One step into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A member of an object.
    Member(Box<str>),
    /// An element of an array, counted from 0.
    Index(usize),
}

/// The value that `path` leads to, as it is written; `None` where there is none. The whole text is
/// checked, also what lies behind the value. The stack grows with the path, not with the text.
pub fn get<'a>(text: &'a [u8], path: &[Step]) -> Result<Option<&'a [u8]>, Fault> {
    let mut scanner = Scanner::new(text);
    let found = find(&mut scanner, path)?;
    scanner.end()?;
    Ok(found)
}

fn find<'a>(scanner: &mut Scanner<'a>, path: &[Step]) -> Result<Option<&'a [u8]>, Fault> {
    let Some((step, rest)) = path.split_first() else { return scanner.value().map(Some) };
    let (open, close) = brackets(step);
    if scanner.peek() != Some(open) {
        scanner.value()?;
        return Ok(None);
    }
    let mut found = None;
    let mut index = 0;
    let mut more = scanner.enter(open, close)?;
    while more {
        let name = entry_name(scanner, step)?;
        if is_meant(step, name, index) {
            found = find(scanner, rest)?;
        } else {
            scanner.value()?;
        }
        index += 1;
        more = scanner.more(close)?;
    }
    Ok(found)
}

/// What encloses the values that a step chooses from.
pub(super) fn brackets(step: &Step) -> (u8, u8) {
    match step {
        Step::Member(_) => (b'{', b'}'),
        Step::Index(_) => (b'[', b']'),
    }
}

/// Passes the name of the next entry with its colon, where entries have names; returns it with its
/// quotes.
pub(super) fn entry_name<'a>(scanner: &mut Scanner<'a>, step: &Step) -> Result<&'a [u8], Fault> {
    match step {
        Step::Member(_) => scanner.name(),
        Step::Index(_) => Ok(&[]),
    }
}

/// Whether the entry with this name, in this place, is the one that `step` means.
pub(super) fn is_meant(step: &Step, name: &[u8], index: usize) -> bool {
    match step {
        Step::Index(wanted) => *wanted == index,
        Step::Member(wanted) => unescape(name).is_ok_and(|name| *name == **wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, path: &[Step]) -> Result<Option<String>, Fault> {
        let found = get(text.as_bytes(), path)?;
        Ok(found.map(|value| String::from_utf8(value.to_vec()).unwrap()))
    }

    fn name(name: &str) -> Step {
        Step::Member(name.into())
    }

    #[test]
    fn members_and_elements() {
        let text = r#" {"a": [1, {"b\u002dc": 1.10 }], "x": null, "a b": []} "#;
        assert_eq!(at(text, &[name("a"), Step::Index(1), name("b-c")]), Ok(Some("1.10".into())));
        assert_eq!(at(text, &[name("x")]), Ok(Some("null".into())));
        assert_eq!(at(text, &[name("a"), Step::Index(2)]), Ok(None));
        assert_eq!(at(text, &[name("x"), name("y")]), Ok(None));
        assert_eq!(at(text, &[name("a"), name("0")]), Ok(None));
        assert_eq!(at(text, &[]), Ok(Some(text.trim().into())));
    }

    #[test]
    fn the_last_of_two_members_counts() {
        assert_eq!(at(r#"{"a":1,"\u0061":2}"#, &[name("a")]), Ok(Some("2".into())));
        assert_eq!(at(r#"{"a":{"b":1},"a":3}"#, &[name("a"), name("b")]), Ok(None));
    }

    #[test]
    fn what_follows_is_checked_too() {
        assert!(at(r#"{"a":1,}"#, &[name("a")]).is_err());
        assert!(at(r#"{"a":1} 2"#, &[name("a")]).is_err());
    }
}
