//! CloudEvents SQL expressions, version 1.0: the text of the file as a tree.
//!
//! The tree says what was written, with the place of every part in the text; what an expression makes of an event is
//! decided where events are. Texts and trees are bounded, so that whoever walks a tree may recurse.

mod function;
mod lex;
mod parse;

use std::{borrow::Cow, fmt, ops::Range, str::FromStr};

pub use function::{Function, Type};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::SyntaxError;

/// A CESQL expression; equal expressions have equal texts.
#[derive(Clone)]
pub struct Cesql {
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
    /// The value of a context attribute, whose name is in lower case.
    Attribute(String),
    /// `EXISTS name`.
    Exists(String),
    /// `NOT x`.
    Not(Box<Node>),
    /// `-x`.
    Negate(Box<Node>),
    /// `x < y` and its like.
    Comparison(Comparison, Box<[Node; 2]>),
    /// `x + y` and its like.
    Arithmetic(Arithmetic, Box<[Node; 2]>),
    /// `x AND y AND z`: two or more of one kind, from left to right.
    Logic(Logic, Vec<Node>),
    /// `x LIKE 'pattern'`.
    Like {
        /// What is compared.
        operand: Box<Node>,
        /// `%` is any characters, `_` is one; `\%` and `\_` are these characters.
        pattern: String,
        /// Whether it is `NOT LIKE`.
        negated: bool,
    },
    /// `x IN (y, z)`.
    In {
        /// What is looked for.
        operand: Box<Node>,
        /// What it is looked for in; at least one.
        set: Vec<Node>,
        /// Whether it is `NOT IN`.
        negated: bool,
    },
    /// A function that there is, with as many arguments as it takes.
    Call(Function, Vec<Node>),
    /// A function that there is not, or not with so many arguments. Evaluation goes on with an error.
    UnknownCall(String, usize),
}

/// A fixed value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the three types of the language")]
pub enum Literal {
    Boolean(bool),
    Integer(i32),
    String(String),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the usual names")]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What is calculated from two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the usual names")]
pub enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// How booleans are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the usual names")]
pub enum Logic {
    And,
    Or,
    Xor,
}

impl Cesql {
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

    /// An error for the first function that there is not: to evaluate one is no fault of the language, but in a rule it
    /// is a mistake.
    pub fn check_functions(&self) -> Result<(), SyntaxError> {
        match unknown_call(&self.root) {
            None => Ok(()),
            Some((at, name, count)) => {
                let message = format!("no function {name} takes {count} arguments,");
                Err(SyntaxError::new(&self.text, at, message, function::help(name)))
            }
        }
    }
}

fn unknown_call(node: &Node) -> Option<(usize, &str, usize)> {
    match &node.kind {
        Kind::UnknownCall(name, count) => Some((node.span.start, name, *count)),
        Kind::Literal(_) | Kind::Attribute(_) | Kind::Exists(_) => None,
        Kind::Not(operand) | Kind::Negate(operand) | Kind::Like { operand, .. } => {
            unknown_call(operand)
        }
        Kind::Comparison(_, operands) | Kind::Arithmetic(_, operands) => {
            operands.iter().find_map(unknown_call)
        }
        Kind::Logic(_, operands) | Kind::Call(_, operands) => {
            operands.iter().find_map(unknown_call)
        }
        Kind::In { operand, set, .. } => {
            unknown_call(operand).or_else(|| set.iter().find_map(unknown_call))
        }
    }
}

impl FromStr for Cesql {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        Ok(Self { text: text.to_owned(), root: parse::expression(text)? })
    }
}

impl PartialEq for Cesql {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for Cesql {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Cesql {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

/// A function that there is not is refused here too.
impl<'de> Deserialize<'de> for Cesql {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let cesql: Self = String::deserialize(from)?.parse().map_err(D::Error::custom)?;
        cesql.check_functions().map_err(D::Error::custom)?;
        Ok(cesql)
    }
}

impl Serialize for Cesql {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text)
    }
}

impl JsonSchema for Cesql {
    fn schema_name() -> Cow<'static, str> {
        "Cesql".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "hybridge-cesql",
            "description": "A CloudEvents SQL expression such as `type LIKE 'order.%' AND priority > 3`.",
        })
    }
}

#[cfg(test)]
mod tests;
