//! The members of the data in the order in which they are written.

use hybridge_schemas::json;

use super::MARK;
use super::row::{CompiledRow, Place};

/// The names on the way to a member. The name of a claim is an address, with dots of its own.
pub(super) fn names(path: &str) -> impl Iterator<Item = &str> {
    let (before, address) = match path.find(".http://") {
        Some(at) => (&path[..at], Some(&path[at + 1..])),
        None => (path, None),
    };
    before.split('.').chain(address)
}

/// Objects within objects, each with the rows that may fill it, of which the first that can counts.
pub(super) struct Tree {
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Node {
    name: Box<str>,
    rows: Vec<usize>,
    children: Vec<usize>,
}

impl Tree {
    pub(super) fn new(paths: &[&str], rows: &[CompiledRow]) -> Self {
        let mut tree = Self { nodes: vec![Node::default()] };
        for (slot, path) in paths.iter().enumerate().filter(|(_, path)| **path != MARK) {
            let mut at = 0;
            for name in names(path) {
                at = tree.child(at, name);
            }
            let here = rows.iter().enumerate().filter(|(_, row)| row.place == Place::Data(slot));
            tree.nodes[at].rows.extend(here.map(|(index, _)| index));
        }
        tree
    }

    fn child(&mut self, parent: usize, name: &str) -> usize {
        let mut children = self.nodes[parent].children.iter();
        if let Some(child) = children.find(|child| *self.nodes[**child].name == *name) {
            return *child;
        }
        self.nodes.push(Node { name: name.into(), ..Node::default() });
        let child = self.nodes.len() - 1;
        self.nodes[parent].children.push(child);
        child
    }

    /// Appends the object; nothing where it would be empty. `fill` appends what a row holds and
    /// says whether it could; `show` is told which rows were filled.
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        fill: impl Fn(usize, &mut Vec<u8>) -> bool,
        mut show: impl FnMut(usize),
    ) {
        self.visit(0, out, &fill, &mut show);
    }

    fn visit(
        &self,
        at: usize,
        out: &mut Vec<u8>,
        fill: &impl Fn(usize, &mut Vec<u8>) -> bool,
        show: &mut impl FnMut(usize),
    ) -> bool {
        let Some(node) = self.nodes.get(at) else { return false };
        // A whole object before its members.
        if let Some(row) = node.rows.iter().find(|row| fill(**row, out)) {
            show(*row);
            return true;
        }
        if node.children.is_empty() {
            return false;
        }
        let start = out.len();
        out.push(b'{');
        for child in &node.children {
            let before = out.len();
            if before > start + 1 {
                out.push(b',');
            }
            json::write_string(out, &self.nodes[*child].name);
            out.push(b':');
            if !self.visit(*child, out, fill, show) {
                out.truncate(before);
            }
        }
        if out.len() == start + 1 {
            out.truncate(start);
            return false;
        }
        out.push(b'}');
        true
    }
}
