//! The tree that is evaluated.

use std::ops::Range;

use hybridge_config::cesql::{self, Arithmetic, Comparison, Function, Literal, Logic};

use crate::expression::like::Like;

/// One part of an expression with its place in the text.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Literal(Literal),
    Attribute(String),
    Exists(String),
    Not(Box<Node>),
    Negate(Box<Node>),
    Comparison(Comparison, Box<[Node; 2]>),
    Arithmetic(Arithmetic, Box<[Node; 2]>),
    Logic(Logic, Vec<Node>),
    Like { operand: Box<Node>, like: Like, negated: bool },
    In { operand: Box<Node>, set: Vec<Node>, negated: bool },
    Call(Function, Vec<Node>),
    UnknownCall,
}

/// The attributes that every event has.
const REQUIRED: [&str; 4] = ["id", "source", "specversion", "type"];

impl Node {
    /// The trees of the configuration are of bounded depth.
    pub(super) fn new(node: &cesql::Node) -> Self {
        let boxed = |node: &cesql::Node| Box::new(Self::new(node));
        let all = |nodes: &[cesql::Node]| nodes.iter().map(Self::new).collect();
        let both = |nodes: &[cesql::Node; 2]| {
            let [left, right] = nodes;
            Box::new([Self::new(left), Self::new(right)])
        };
        let kind = match &node.kind {
            cesql::Kind::Literal(literal) => Kind::Literal(literal.clone()),
            cesql::Kind::Attribute(name) => Kind::Attribute(name.clone()),
            cesql::Kind::Exists(name) if REQUIRED.contains(&name.as_str()) => {
                Kind::Literal(Literal::Boolean(true))
            }
            cesql::Kind::Exists(name) => Kind::Exists(name.clone()),
            cesql::Kind::Not(operand) => Kind::Not(boxed(operand)),
            cesql::Kind::Negate(operand) => Kind::Negate(boxed(operand)),
            cesql::Kind::Comparison(operator, operands) => {
                Kind::Comparison(*operator, both(operands))
            }
            cesql::Kind::Arithmetic(operator, operands) => {
                Kind::Arithmetic(*operator, both(operands))
            }
            cesql::Kind::Logic(operator, operands) => Kind::Logic(*operator, all(operands)),
            cesql::Kind::Like { operand, pattern, negated } => {
                Kind::Like { operand: boxed(operand), like: Like::new(pattern), negated: *negated }
            }
            cesql::Kind::In { operand, set, negated } => {
                Kind::In { operand: boxed(operand), set: all(set), negated: *negated }
            }
            cesql::Kind::Call(function, arguments) => Kind::Call(*function, all(arguments)),
            cesql::Kind::UnknownCall(..) => Kind::UnknownCall,
        };
        Self { span: node.span.clone(), kind }
    }
}
