//! What the grammar does not say: which members there are, and which patterns can be read.

use regex_automata::util::syntax;

use super::{Cel, Function, Kind, Literal, Node, Operator, Root, parse};
use crate::{OriginField, SyntaxError, filter};

/// The longest pattern of `matches`, in bytes.
const LONGEST_PATTERN: usize = 1024;

pub(super) fn check(text: &str, root: &Node) -> Result<(), SyntaxError> {
    below(text, root, 0)
}

fn below(text: &str, node: &Node, depth: usize) -> Result<(), SyntaxError> {
    if depth > Cel::DEEPEST {
        return Err(parse::too_deep(text, node.span.start));
    }
    let wrong = |node: &Node, message: &str, help: &str| {
        Err(SyntaxError::new(text, node.span.start, message, help))
    };
    let passed = match &node.kind {
        Kind::Select(target, name) | Kind::Has(target, name) => {
            member(text, target, name)?;
            Some(&**target)
        }
        Kind::Index(nodes) if nodes[0].kind == Kind::Root(Root::Headers) => Some(&nodes[0]),
        Kind::Binary(Operator::In, nodes) if nodes[1].kind == Kind::Root(Root::Headers) => {
            Some(&nodes[1])
        }
        Kind::Root(Root::Event) => {
            return wrong(node, "no field of the event", "write `event.type` or `event.data.name`");
        }
        Kind::Root(Root::Origin) => {
            return wrong(node, "no field of the origin", "write `origin.topic`");
        }
        Kind::Root(Root::Headers) => {
            return wrong(node, "no name of a header", "write `headers[\"x\"]`");
        }
        Kind::Call(Function::Matches, arguments) => {
            pattern(text, &arguments[1])?;
            None
        }
        _ => None,
    };
    let is_passed = |child: &Node| {
        let is_root = matches!(child.kind, Kind::Root(_));
        is_root && passed.is_some_and(|passed| std::ptr::eq(passed, child))
    };
    for child in node.children() {
        if !is_passed(child) {
            below(text, child, depth + 1)?;
        }
    }
    Ok(())
}

fn member(text: &str, target: &Node, name: &str) -> Result<(), SyntaxError> {
    let wrong =
        |message: &str, help: String| Err(SyntaxError::new(text, target.span.end, message, help));
    match target.kind {
        Kind::Root(Root::Event) if name != "data" => match filter::check_name(name) {
            Ok(()) => Ok(()),
            Err(_) => wrong(
                "not the name of an attribute",
                "a CloudEvents attribute has lower-case letters and digits only; data is under `event.data`".into(),
            ),
        },
        Kind::Root(Root::Origin) => {
            let mut names = OriginField::NAMES.iter().map(|(name, _)| *name);
            match names.clone().any(|other| other == name) {
                true => Ok(()),
                false => {
                    let names: Vec<&str> = names.by_ref().collect();
                    wrong("unknown field of the origin", format!("an origin has {}", names.join(", ")))
                }
            }
        }
        _ => Ok(()),
    }
}

/// A pattern is fixed, so that none is compiled for a message.
fn pattern(text: &str, node: &Node) -> Result<(), SyntaxError> {
    let wrong =
        |message: &str, help: String| Err(SyntaxError::new(text, node.span.start, message, help));
    let Kind::Literal(Literal::String(pattern)) = &node.kind else {
        return wrong("no fixed pattern", "write the pattern as a text in quotes".into());
    };
    if pattern.len() > LONGEST_PATTERN {
        return wrong("too long a pattern", format!("it has at most {LONGEST_PATTERN} bytes"));
    }
    match syntax::parse(pattern) {
        Ok(_) => Ok(()),
        Err(_) => wrong("not a regular expression", "write one in the syntax of RE2".into()),
    }
}
