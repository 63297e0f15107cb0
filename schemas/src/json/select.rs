//! Many values out of a JSON text in one pass.

use std::borrow::Cow;

use super::{Fault, Scanner, unescape};

/// Paths that are looked for together, compiled to a tree of names.
///
/// A path is the names of members on the way to a value. A path may lead to a value and also be the
/// beginning of others. The stack grows with the paths, not with the text.
#[derive(Debug, Default)]
pub struct Selection {
    nodes: Vec<Node>,
    paths: usize,
}

#[derive(Debug, Default)]
struct Node {
    /// The names on the way to it, joined by dots.
    path: Box<str>,
    /// Which path ends here.
    slot: Option<usize>,
    members: Vec<(Box<str>, usize)>,
}

impl Selection {
    /// Compiles paths; the value of the n-th path is found in the n-th place. Of equal paths the
    /// last one is found.
    pub fn new<'p, P>(paths: impl IntoIterator<Item = P>) -> Self
    where
        P: IntoIterator<Item = &'p str>,
    {
        let mut selection = Self { nodes: vec![Node::default()], paths: 0 };
        for path in paths {
            let mut at = 0;
            for name in path {
                at = selection.member(at, name);
            }
            selection.nodes[at].slot = Some(selection.paths);
            selection.paths += 1;
        }
        selection
    }

    fn member(&mut self, parent: usize, name: &str) -> usize {
        let known = self.nodes[parent].members.iter().find(|(other, _)| **other == *name);
        if let Some((_, node)) = known {
            return *node;
        }
        let dot = if parent == 0 { "" } else { "." };
        let path = format!("{}{dot}{name}", self.nodes[parent].path).into();
        self.nodes.push(Node { path, ..Node::default() });
        let node = self.nodes.len() - 1;
        self.nodes[parent].members.push((name.into(), node));
        node
    }

    /// How many paths there are.
    pub fn len(&self) -> usize {
        self.paths
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.paths == 0
    }

    /// Reads one value with nothing behind it. Puts what the paths lead to, as it is written, into
    /// `found`, which has a place for each, and shows every member that no path leads to or through
    /// as the path of its object and its name with quotes, unless the object is found as a whole. A
    /// value that is on the way to others and is no object is shown as its own path, without a name.
    /// Of two members of one name the last one counts.
    pub fn read<'a>(
        &self,
        text: &'a [u8],
        found: &mut [Option<&'a [u8]>],
        mut unread: impl FnMut(&str, Option<&'a [u8]>),
    ) -> Result<(), Fault> {
        let mut scanner = Scanner::new(text);
        self.visit(&mut scanner, 0, found, false, &mut unread)?;
        scanner.end()
    }

    fn visit<'a>(
        &self,
        scanner: &mut Scanner<'a>,
        at: usize,
        found: &mut [Option<&'a [u8]>],
        is_within: bool,
        unread: &mut impl FnMut(&str, Option<&'a [u8]>),
    ) -> Result<(), Fault> {
        let Some(node) = self.nodes.get(at) else { return scanner.value().map(drop) };
        scanner.peek();
        let start = scanner.at();
        if node.members.is_empty() || scanner.peek() != Some(b'{') {
            let value = scanner.value()?;
            match node.slot.and_then(|slot| found.get_mut(slot)) {
                Some(place) => *place = Some(value),
                None if !is_within => unread(&node.path, None),
                None => {}
            }
            return Ok(());
        }
        let is_within = is_within || node.slot.is_some();
        let mut more = scanner.enter(b'{', b'}')?;
        while more {
            let name = scanner.name()?;
            match node.find(name) {
                Some(member) => self.visit(scanner, member, found, is_within, unread)?,
                None => {
                    scanner.value()?;
                    if !is_within {
                        unread(&node.path, Some(name));
                    }
                }
            }
            more = scanner.more(b'}')?;
        }
        if let Some(place) = node.slot.and_then(|slot| found.get_mut(slot)) {
            let end = scanner.at();
            scanner.go_to(start);
            *place = Some(scanner.until(end));
        }
        Ok(())
    }
}

impl Node {
    /// The node of a member by its name with quotes.
    fn find(&self, quoted: &[u8]) -> Option<usize> {
        let mut plain = Cow::Borrowed(&quoted[1..quoted.len() - 1]);
        if plain.contains(&b'\\') {
            plain = Cow::Owned(unescape(quoted).ok()?.into_owned().into_bytes());
        }
        self.members.iter().find(|(name, _)| *name.as_bytes() == *plain).map(|(_, node)| *node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(paths: &[&str], text: &str) -> Result<(Vec<Option<String>>, Vec<String>), Fault> {
        let selection = Selection::new(paths.iter().map(|path| path.split('.')));
        let mut found = vec![None; selection.len()];
        let mut unread = Vec::new();
        selection.read(text.as_bytes(), &mut found, |path, name| {
            let name = name.map(|name| unescape(name).unwrap().into_owned());
            unread.push(format!("{path}/{}", name.unwrap_or_default()));
        })?;
        let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
        Ok((found.into_iter().map(|value| value.map(text)).collect(), unread))
    }

    #[test]
    fn one_pass_finds_all_and_shows_the_rest() {
        let text = r#" {"a": {"b": 1.0, "c": [2], "x": 3}, "\u0064":  {"e" : "5", "w": 7, "h": 8 }, "y z": {}, "f": 6 } "#;
        let (found, unread) = read(&["a.c", "a.b", "d.e", "d", "g", "f.h", "d.h.i"], text).unwrap();
        let some = |text: &str| Some(text.to_owned());
        let want = [
            some("[2]"),
            some("1.0"),
            some("\"5\""),
            some("{\"e\" : \"5\", \"w\": 7, \"h\": 8 }"),
            None,
            None,
            None,
        ];
        assert_eq!(found, want);
        assert_eq!(unread, ["a/x", "/y z", "f/"]);
    }

    #[test]
    fn the_last_of_two_counts_and_faults_are_seen() {
        assert_eq!(read(&["a"], r#"{"a":1,"a":2}"#).unwrap().0, [Some("2".into())]);
        assert!(read(&["a"], r#"{"a":1,"b":}"#).is_err());
        assert!(read(&["a"], r#"{"a":1} 2"#).is_err());
        assert_eq!(read(&["a"], "[1]").unwrap(), (vec![None], vec!["/".into()]));
    }
}
