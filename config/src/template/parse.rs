//! The grammar of templates, by recursive descent.
//!
//! ```text
//! template   = { text | "{{{{" | "{{" expression "}}" }
//! expression = field | "default" "(" field "," string ")" | any other expression of CEL
//! field      = "key" | "headers" "[" string "]" | "origin" "." name | "event" "." name | "event.data" { step }
//! step       = "." name | "[" number "]" | "[" string "]"
//! string     = '"' characters '"' | "'" characters "'"        with \\, \" and \' for themselves
//! ```

use super::{Field, OriginField, Segment, Step, field::is_plain};
use crate::{Cel, SyntaxError};

const FIELDS: &str =
    "write `event.type`, `event.data.customer.name`, `headers[\"x\"]`, `key` or `origin.topic`";

/// Steps into data that one reference may have.
const DEEPEST: usize = 64;

pub(super) fn template(text: &str) -> Result<Vec<Segment>, SyntaxError> {
    let mut segments = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        literal.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("{{{{") {
            literal.push_str("{{");
            rest = after;
            continue;
        }
        if !literal.is_empty() {
            segments.push(Segment::Literal(std::mem::take(&mut literal)));
        }
        let (segment, after) = segment(text, text.len() - rest.len() + 2)?;
        segments.push(segment);
        rest = after;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        segments.push(Segment::Literal(literal));
    }
    Ok(segments)
}

/// What stands between braces, and the text behind them: a reference where it is one, else CEL.
fn segment(text: &str, start: usize) -> Result<(Segment, &str), SyntaxError> {
    let closed = |cursor: &mut Cursor| cursor.expect("}}", "close the expression with `}}`");
    let mut cursor = Cursor { text, at: start };
    let reference = expression(&mut cursor).and_then(|segment| {
        closed(&mut cursor)?;
        Ok(segment)
    });
    let error = match reference {
        Ok(segment) => return Ok((segment, cursor.rest())),
        Err(error) => error,
    };
    let cel = Cel::read_prefix(text, start).and_then(|(cel, end)| {
        cursor.at = end;
        closed(&mut cursor)?;
        Ok(cel)
    });
    match cel {
        Ok(cel) => Ok((Segment::Cel(cel), cursor.rest())),
        // Of the two, the one that understood more of the text.
        Err(other) if other.at > error.at => Err(other),
        Err(_) => Err(error),
    }
}

pub(super) fn field(text: &str) -> Result<Field, SyntaxError> {
    let mut cursor = Cursor { text, at: 0 };
    let field = reference(&mut cursor)?;
    cursor.space();
    if cursor.rest().is_empty() { Ok(field) } else { Err(cursor.error("unexpected text", FIELDS)) }
}

fn expression(cursor: &mut Cursor) -> Result<Segment, SyntaxError> {
    cursor.space();
    let start = cursor.at;
    if cursor.name() != "default" || !cursor.eat("(") {
        cursor.at = start;
        return Ok(Segment::Field { field: reference(cursor)?, default: None });
    }
    let field = reference(cursor)?;
    cursor.expect(",", "write `default(field, \"text\")`")?;
    let default = string(cursor)?;
    cursor.expect(")", "close `default(` with `)`")?;
    Ok(Segment::Field { field, default: Some(default) })
}

fn reference(cursor: &mut Cursor) -> Result<Field, SyntaxError> {
    cursor.space();
    let start = cursor.at;
    match cursor.name() {
        "key" => Ok(Field::Key),
        "headers" => {
            cursor.expect("[", "write `headers[\"name\"]`")?;
            let name = string(cursor)?;
            cursor.expect("]", "close `[` with `]`")?;
            Ok(Field::Header(name))
        }
        "origin" => {
            cursor.expect(".", "write `origin.topic`")?;
            origin(cursor)
        }
        "event" => {
            cursor.expect(".", "write `event.type` or `event.data.name`")?;
            event(cursor)
        }
        "" => Err(cursor.error("no field", FIELDS)),
        _ => {
            cursor.at = start;
            Err(cursor.error("unknown field", FIELDS))
        }
    }
}

fn origin(cursor: &mut Cursor) -> Result<Field, SyntaxError> {
    let start = cursor.at;
    let name = cursor.name();
    if let Some((_, field)) = OriginField::NAMES.iter().find(|(other, _)| *other == name) {
        return Ok(Field::Origin(*field));
    }
    cursor.at = start;
    let names: Vec<&str> = OriginField::NAMES.iter().map(|(name, _)| *name).collect();
    let help = format!("an origin has {}", names.join(", "));
    Err(cursor.error("unknown field of the origin", &help))
}

fn event(cursor: &mut Cursor) -> Result<Field, SyntaxError> {
    let start = cursor.at;
    let name = cursor.name();
    if name == "data" {
        return data(cursor);
    }
    // CloudEvents 1.0, section 3.1: names of attributes are lower-case letters and digits.
    let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !name.is_empty() && name.chars().all(lower) {
        return Ok(Field::Attribute(name.to_owned()));
    }
    cursor.at = start;
    let help = "a CloudEvents attribute has lower-case letters and digits only; data is under `event.data`";
    Err(cursor.error("not the name of an attribute", help))
}

fn data(cursor: &mut Cursor) -> Result<Field, SyntaxError> {
    let mut steps = Vec::new();
    loop {
        if steps.len() > DEEPEST {
            return Err(cursor.error("too many steps", "a reference has at most 64 steps"));
        }
        if cursor.eat_now(".") {
            let name = cursor.name();
            if !is_plain(name) {
                return Err(cursor
                    .error("no name after the dot", "write `[\"name\"]` for other characters"));
            }
            steps.push(Step::Name(name.to_owned()));
            continue;
        }
        if !cursor.eat_now("[") {
            return Ok(Field::Data(steps));
        }
        cursor.space();
        steps.push(match cursor.rest().starts_with(['"', '\'']) {
            true => Step::Name(string(cursor)?),
            false => Step::Index(index(cursor)?),
        });
        cursor.expect("]", "close `[` with `]`")?;
    }
}

fn index(cursor: &mut Cursor) -> Result<usize, SyntaxError> {
    let rest = cursor.rest();
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    match rest[..end].parse() {
        Ok(index) => {
            cursor.at += end;
            Ok(index)
        }
        Err(_) => {
            Err(cursor.error("no index", "write `[0]` for an element or `[\"name\"]` for a member"))
        }
    }
}

fn string(cursor: &mut Cursor) -> Result<String, SyntaxError> {
    cursor.space();
    let mut chars = cursor.rest().char_indices();
    let Some((_, quote @ ('"' | '\''))) = chars.next() else {
        return Err(cursor.error("no text in quotes", "write `\"text\"`"));
    };
    let mut text = String::new();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some((_, escaped @ ('\\' | '"' | '\''))) => text.push(escaped),
                _ => break,
            },
            _ if c == quote => {
                cursor.at += at + 1;
                return Ok(text);
            }
            _ => text.push(c),
        }
    }
    Err(cursor.error(
        "text that does not end",
        "close it with the same quote; `\\\\`, `\\\"` and `\\'` stand for themselves",
    ))
}

/// A place in a text; `at` is a byte offset on a character's boundary.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Takes the characters of a plain name, possibly none.
    fn name(&mut self) -> &'a str {
        let rest = self.rest();
        let is_end = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        let end = rest.find(is_end).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn eat_now(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn eat(&mut self, token: &str) -> bool {
        self.space();
        self.eat_now(token)
    }

    fn expect(&mut self, token: &str, help: &str) -> Result<(), SyntaxError> {
        if self.eat(token) { Ok(()) } else { Err(self.error(&format!("expected `{token}`"), help)) }
    }

    fn error(&self, message: &str, help: &str) -> SyntaxError {
        SyntaxError::new(self.text, self.at, message, help)
    }
}
