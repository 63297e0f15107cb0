//! CEL, the Common Expression Language, over a message: the text of the file as a tree.
//!
//! The language is that of the specification (`cel-spec`, `doc/langdef.md`) with its macros, but for messages of protocol
//! buffers, types as values and containers. Its variables are `event`, `headers`, `key` and `origin`, as in templates.
//! Names, functions and patterns are checked here, so that what can only fail is refused when the file is loaded. Texts
//! and trees are bounded, so that whoever walks a tree may recurse.

mod check;
mod function;
mod lex;
mod literal;
mod parse;

use std::{borrow::Cow, fmt, ops::Range, str::FromStr};

pub use function::Function;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::SyntaxError;

/// A CEL expression; equal expressions have equal texts.
#[derive(Clone)]
pub struct Cel {
    text: String,
    root: Node,
}

/// One part of an expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it stands in the text, in bytes.
    pub span: Range<usize>,
    /// What it is.
    pub kind: Kind,
}

/// What a part of an expression is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A fixed value.
    Literal(Literal),
    /// Something of the message.
    Root(Root),
    /// What a macro goes through: the variable that so many macros round it made, 0 for the innermost.
    Variable(usize),
    /// `x.name`.
    Select(Box<Node>, String),
    /// `has(x.name)`.
    Has(Box<Node>, String),
    /// `x[y]`.
    Index(Box<[Node; 2]>),
    /// `[x, y]`.
    List(Vec<Node>),
    /// `{x: y}`.
    Map(Vec<[Node; 2]>),
    /// `!x`.
    Not(Box<Node>),
    /// `-x`.
    Negate(Box<Node>),
    /// `x == y` and its like.
    Binary(Operator, Box<[Node; 2]>),
    /// `x && y && z`: two or more.
    And(Vec<Node>),
    /// `x || y || z`: two or more.
    Or(Vec<Node>),
    /// `x ? y : z`.
    Conditional(Box<[Node; 3]>),
    /// A function or method; what stands before the dot of a method is the first argument.
    Call(Function, Vec<Node>),
    /// `x.all(name, y)` and its like.
    Macro(Macro, Box<Node>, Vec<Node>),
    /// `default(x, y)`: `y` where something is missing in `x`, or where `x` is null.
    Default(Box<[Node; 2]>),
}

/// What an expression can refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// The attributes of the event, and its data as `event.data`.
    Event,
    /// The headers.
    Headers,
    /// The key.
    Key,
    /// Where the message came from.
    Origin,
}

/// A fixed value.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the types of the language")]
pub enum Literal {
    Null,
    Boolean(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(String),
    Bytes(Vec<u8>),
}

/// What is made of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the usual names")]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// What goes through the elements of a list or the keys of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Macro {
    /// Whether the condition holds for all.
    All,
    /// Whether it holds for one at least.
    Exists,
    /// Whether it holds for exactly one.
    ExistsOne,
    /// Those for which it holds.
    Filter,
    /// What the last expression makes of those for which the one before it holds, if there is one.
    Map,
}

impl Cel {
    /// Bytes that the text of one expression may have.
    pub const LONGEST: usize = 64 * 1024;
    /// How deep parts may stand in each other.
    pub const DEEPEST: usize = 64;

    /// The text as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The whole expression.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// Reads an expression in a longer text, from `start` on; it ends where no more of `text` belongs to it. Returns where
    /// that is. Places are those of the longer text.
    pub(crate) fn read_prefix(text: &str, start: usize) -> Result<(Self, usize), SyntaxError> {
        let (root, end) = parse::prefix(text, start)?;
        check::check(text, &root)?;
        Ok((Self { text: text[start..end].trim().to_owned(), root }, end))
    }
}

impl Node {
    /// The parts of this part, from left to right.
    pub fn children(&self) -> Vec<&Node> {
        match &self.kind {
            Kind::Literal(_) | Kind::Root(_) | Kind::Variable(_) => Vec::new(),
            Kind::Select(node, _) | Kind::Has(node, _) | Kind::Not(node) | Kind::Negate(node) => {
                vec![&**node]
            }
            Kind::Index(nodes) | Kind::Binary(_, nodes) | Kind::Default(nodes) => {
                nodes.iter().collect()
            }
            Kind::Conditional(nodes) => nodes.iter().collect(),
            Kind::List(nodes) | Kind::And(nodes) | Kind::Or(nodes) | Kind::Call(_, nodes) => {
                nodes.iter().collect()
            }
            Kind::Map(entries) => entries.iter().flatten().collect(),
            Kind::Macro(_, over, nodes) => std::iter::once(&**over).chain(nodes).collect(),
        }
    }
}

impl FromStr for Cel {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let root = parse::whole(text)?;
        check::check(text, &root)?;
        Ok(Self { text: text.to_owned(), root })
    }
}

impl PartialEq for Cel {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Cel {}

impl PartialOrd for Cel {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Cel {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl fmt::Display for Cel {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Cel {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

impl<'de> Deserialize<'de> for Cel {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for Cel {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text)
    }
}

impl JsonSchema for Cel {
    fn schema_name() -> Cow<'static, str> {
        "Cel".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "hybridge-cel",
            "description": "A CEL expression such as `event.type != 'heartbeat' && event.data.amount > 1000`.",
        })
    }
}

#[cfg(test)]
mod tests;
