//! The tree that is evaluated: what an expression needs of a message is known before the message is.

use hybridge_config::OriginField;
use hybridge_config::cel::{self, Function, Literal, Macro, Operator, Root};
use hybridge_core::Text;
use regex_automata::meta::Regex;

use crate::json::{Paths, Step};

/// Paths into the data that are found in one pass; what is more is looked up step by step.
pub(super) const MOST_SLOTS: usize = 16;

/// Bytes that the automaton of one pattern may have.
const LARGEST_PATTERN: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Program {
    pub(super) root: Node,
    /// Where in the data the values of the slots are.
    pub(super) paths: Paths,
    pub(super) headers: Vec<Text>,
    slots: Vec<Vec<Step>>,
}

/// One part of an expression with the byte at which it begins.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: usize,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Literal(Literal),
    Attribute(String),
    HasAttribute(String),
    /// All of the data.
    Data,
    /// A value in the data.
    Slot(usize),
    /// Whether the value of a slot is in the data, by that of the object in which it is.
    HasSlot(Option<usize>, usize),
    Header(String),
    HasHeader(String),
    /// The header of a name that is a value.
    HeaderOf(Box<Node>),
    IsHeader(Box<Node>),
    Key,
    Origin(OriginField),
    Variable(usize),
    Select(Box<Node>, String),
    Has(Box<Node>, String),
    Index(Box<[Node; 2]>),
    List(Vec<Node>),
    Map(Vec<[Node; 2]>),
    Not(Box<Node>),
    Negate(Box<Node>),
    Binary(Operator, Box<[Node; 2]>),
    And(Vec<Node>),
    Or(Vec<Node>),
    Conditional(Box<[Node; 3]>),
    /// `x.matches("pattern")`; `None` for one that is too large, which matches nothing and is a fault.
    Matches(Box<Node>, Option<Box<Regex>>),
    Call(Function, Vec<Node>),
    Macro(Macro, Box<Node>, Vec<Node>),
    Default(Box<[Node; 2]>),
}

impl Program {
    pub(super) fn new(root: &cel::Node) -> Self {
        let mut program = Self {
            root: Node { at: 0, kind: Kind::Key },
            paths: Paths::default(),
            headers: Vec::new(),
            slots: Vec::new(),
        };
        program.root = program.node(root);
        for (slot, path) in program.slots.iter().enumerate() {
            program.paths.add(path, slot);
        }
        program
    }

    /// The trees of the configuration are of bounded depth.
    fn node(&mut self, node: &cel::Node) -> Node {
        Node { at: node.span.start, kind: self.kind(node) }
    }

    fn kind(&mut self, node: &cel::Node) -> Kind {
        if let Some(slot) =
            path(node).filter(|path| !path.is_empty()).and_then(|path| self.slot(path))
        {
            return Kind::Slot(slot);
        }
        match &node.kind {
            cel::Kind::Literal(literal) => Kind::Literal(literal.clone()),
            // The trees of the configuration have only the key alone; the others have a member.
            cel::Kind::Root(_) => Kind::Key,
            cel::Kind::Variable(outwards) => Kind::Variable(*outwards),
            cel::Kind::Select(target, name) => self.select(target, name),
            cel::Kind::Has(target, name) => self.has(target, name),
            cel::Kind::Index(nodes) => self.index(nodes),
            cel::Kind::List(nodes) => Kind::List(self.all(nodes)),
            cel::Kind::Map(entries) => {
                Kind::Map(entries.iter().map(|entry| self.both(entry)).collect())
            }
            cel::Kind::Not(node) => Kind::Not(self.boxed(node)),
            cel::Kind::Negate(node) => Kind::Negate(self.boxed(node)),
            cel::Kind::Binary(Operator::In, nodes) if is_headers(&nodes[1]) => {
                Kind::IsHeader(self.boxed(&nodes[0]))
            }
            cel::Kind::Binary(operator, nodes) => {
                Kind::Binary(*operator, Box::new(self.both(nodes)))
            }
            cel::Kind::And(nodes) => Kind::And(self.all(nodes)),
            cel::Kind::Or(nodes) => Kind::Or(self.all(nodes)),
            cel::Kind::Conditional(nodes) => {
                let [condition, then, other] = &**nodes;
                let nodes = [self.node(condition), self.node(then), self.node(other)];
                Kind::Conditional(Box::new(nodes))
            }
            cel::Kind::Call(Function::Matches, arguments) => self.matches(arguments),
            cel::Kind::Call(function, arguments) => Kind::Call(*function, self.all(arguments)),
            cel::Kind::Macro(kind, over, steps) => {
                Kind::Macro(*kind, self.boxed(over), self.all(steps))
            }
            cel::Kind::Default(nodes) => Kind::Default(Box::new(self.both(nodes))),
        }
    }

    fn select(&mut self, target: &cel::Node, name: &str) -> Kind {
        match &target.kind {
            cel::Kind::Root(Root::Event) if name == "data" => Kind::Data,
            cel::Kind::Root(Root::Event) => Kind::Attribute(name.to_owned()),
            cel::Kind::Root(Root::Origin) => Kind::Origin(origin(name)),
            cel::Kind::Root(Root::Headers) => Kind::Header(self.header(name)),
            _ => Kind::Select(self.boxed(target), name.to_owned()),
        }
    }

    fn has(&mut self, target: &cel::Node, name: &str) -> Kind {
        match &target.kind {
            cel::Kind::Root(Root::Event) => return Kind::HasAttribute(name.to_owned()),
            cel::Kind::Root(Root::Origin) => return Kind::Literal(Literal::Boolean(true)),
            cel::Kind::Root(Root::Headers) => return Kind::HasHeader(self.header(name)),
            _ => {}
        }
        let Some(object) = path(target) else {
            return Kind::Has(self.boxed(target), name.to_owned());
        };
        let mut member = object.clone();
        member.push(Step::Member(name.into()));
        let parent = if object.is_empty() { Some(None) } else { self.slot(object).map(Some) };
        match (parent, self.slot(member)) {
            (Some(parent), Some(slot)) => Kind::HasSlot(parent, slot),
            _ => Kind::Has(self.boxed(target), name.to_owned()),
        }
    }

    fn index(&mut self, nodes: &[cel::Node; 2]) -> Kind {
        let [target, index] = nodes;
        match (is_headers(target), &index.kind) {
            (true, cel::Kind::Literal(Literal::String(name))) => Kind::Header(self.header(name)),
            (true, _) => Kind::HeaderOf(self.boxed(index)),
            (false, _) => Kind::Index(Box::new(self.both(nodes))),
        }
    }

    fn matches(&mut self, arguments: &[cel::Node]) -> Kind {
        let [text, pattern] = arguments else { return Kind::Call(Function::Matches, Vec::new()) };
        let compiled = match &pattern.kind {
            cel::Kind::Literal(Literal::String(pattern)) => {
                let config = Regex::config()
                    .nfa_size_limit(Some(LARGEST_PATTERN))
                    .onepass_size_limit(Some(LARGEST_PATTERN))
                    .hybrid_cache_capacity(LARGEST_PATTERN);
                Regex::builder().configure(config).build(pattern).ok()
            }
            _ => None,
        };
        Kind::Matches(self.boxed(text), compiled.map(Box::new))
    }

    fn header(&mut self, name: &str) -> String {
        self.headers.push(name.into());
        name.to_owned()
    }

    /// The slot of a path; `None` where there are too many.
    fn slot(&mut self, path: Vec<Step>) -> Option<usize> {
        if let Some(slot) = self.slots.iter().position(|other| *other == path) {
            return Some(slot);
        }
        if self.slots.len() == MOST_SLOTS {
            return None;
        }
        self.slots.push(path);
        Some(self.slots.len() - 1)
    }

    fn boxed(&mut self, node: &cel::Node) -> Box<Node> {
        Box::new(self.node(node))
    }

    fn both(&mut self, nodes: &[cel::Node; 2]) -> [Node; 2] {
        let [left, right] = nodes;
        [self.node(left), self.node(right)]
    }

    fn all(&mut self, nodes: &[cel::Node]) -> Vec<Node> {
        nodes.iter().map(|node| self.node(node)).collect()
    }
}

/// The steps into the data, where a part is nothing but them; none for all of the data.
fn path(node: &cel::Node) -> Option<Vec<Step>> {
    match &node.kind {
        cel::Kind::Select(target, name) if target.kind == cel::Kind::Root(Root::Event) => {
            (name == "data").then(Vec::new)
        }
        cel::Kind::Select(target, name) => {
            let mut steps = path(target)?;
            steps.push(Step::Member(name.as_str().into()));
            Some(steps)
        }
        cel::Kind::Index(nodes) => {
            let [target, index] = &**nodes;
            let step = match &index.kind {
                cel::Kind::Literal(Literal::String(name)) => Step::Member(name.as_str().into()),
                cel::Kind::Literal(Literal::Int(index)) => {
                    Step::Index(usize::try_from(*index).ok()?)
                }
                _ => return None,
            };
            let mut steps = path(target)?;
            steps.push(step);
            Some(steps)
        }
        _ => None,
    }
}

fn is_headers(node: &cel::Node) -> bool {
    node.kind == cel::Kind::Root(Root::Headers)
}

/// The configuration lets no other names through.
fn origin(name: &str) -> OriginField {
    match name {
        "connector" => OriginField::Connector,
        "cluster" => OriginField::Cluster,
        "partition" => OriginField::Partition,
        "offset" => OriginField::Offset,
        _ => OriginField::Topic,
    }
}
