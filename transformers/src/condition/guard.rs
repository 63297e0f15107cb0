//! What must hold of an event wherever an expression over its attributes holds, as a pattern: so that the expression is
//! asked only about events that it may hold for.

use std::sync::Arc;

use hybridge_config::cesql::{Comparison, Kind, Literal, Logic, Node};
use hybridge_config::pattern::{Alternative, Condition, Number, Range, Test, Wildcard};
use hybridge_config::{Cel, Cesql, Filter, Pattern, cel};

/// More ways than these are not worth telling apart.
const MOST_WAYS: usize = 64;

/// The attributes that every event has.
const REQUIRED: [&str; 4] = ["id", "source", "specversion", "type"];

/// A pattern that every event matches which the expression holds for.
pub(super) struct Guard {
    /// The pattern; `None` where there is nothing to ask first.
    pub(super) pattern: Option<Pattern>,
    /// Whether the expression holds for every event that matches, so that it need not be asked.
    pub(super) is_all: bool,
}

pub(super) fn cesql(cesql: &Cesql) -> Guard {
    finish(node(cesql.root()))
}

pub(super) fn cel(cel: &Cel) -> Guard {
    finish(cel_node(cel.root()))
}

pub(super) fn filter(one: &Filter) -> Guard {
    finish(of_filter(one))
}

/// Ways to hold, each a list of attributes with their tests, and whether they say all of it. No way stands for what
/// nothing is known of.
struct Ways {
    ways: Vec<Vec<(String, Vec<Test>)>>,
    is_all: bool,
}

const UNKNOWN: Ways = Ways { ways: Vec::new(), is_all: false };

fn finish(Ways { ways, is_all }: Ways) -> Guard {
    let condition = |(name, tests): (String, Vec<Test>)| Condition {
        path: name.into(),
        tests: Arc::from(tests),
    };
    let alternative =
        |way: Vec<_>| Alternative { conditions: way.into_iter().map(condition).collect() };
    let pattern = Pattern::from_alternatives(ways.into_iter().map(alternative).collect());
    Guard { is_all: is_all && pattern.is_some(), pattern }
}

fn one(name: &str, tests: Vec<Test>, is_all: bool) -> Ways {
    // Anything else may stand for something else in a pattern.
    let is_attribute = !name.is_empty()
        && name != "data"
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if !is_attribute {
        return UNKNOWN;
    }
    Ways { ways: vec![vec![(name.to_owned(), tests)]], is_all }
}

fn all(parts: impl Iterator<Item = Ways>) -> Ways {
    let mut both = Ways { ways: Vec::new(), is_all: true };
    for part in parts {
        if part.ways.is_empty()
            || (!both.ways.is_empty() && both.ways.len() * part.ways.len() > MOST_WAYS)
        {
            both.is_all = false;
            continue;
        }
        both.is_all &= part.is_all;
        if both.ways.is_empty() {
            both.ways = part.ways;
            continue;
        }
        let mut joined = Vec::new();
        for left in &both.ways {
            for right in &part.ways {
                let mut way = left.clone();
                for (name, tests) in right {
                    if way.iter().any(|(other, _)| other == name) {
                        both.is_all = false;
                    } else {
                        way.push((name.clone(), tests.clone()));
                    }
                }
                joined.push(way);
            }
        }
        both.ways = joined;
    }
    both
}

fn any(parts: impl Iterator<Item = Ways>) -> Ways {
    let mut either = Ways { ways: Vec::new(), is_all: true };
    for part in parts {
        if part.ways.is_empty() || either.ways.len() + part.ways.len() > MOST_WAYS {
            return UNKNOWN;
        }
        either.is_all &= part.is_all;
        either.ways.extend(part.ways);
    }
    either
}

fn of_filter(filter: &Filter) -> Ways {
    match filter {
        Filter::Exact(texts) => all(texts.iter().map(|(name, text)| one(name, equal(text), true))),
        Filter::Prefix(texts) => all(texts.iter().map(|(name, text)| {
            let (tests, is_all) =
                part(text, Test::Prefix(text.into()), |whole| whole.starts_with(text));
            one(name, tests, is_all)
        })),
        Filter::Suffix(texts) => all(texts.iter().map(|(name, text)| {
            let (tests, is_all) =
                part(text, Test::Suffix(text.into()), |whole| whole.ends_with(text));
            one(name, tests, is_all)
        })),
        Filter::All(filters) => all(filters.iter().map(of_filter)),
        Filter::Any(filters) => any(filters.iter().map(of_filter)),
        Filter::Not(_) => UNKNOWN,
        Filter::Sql(cesql) => Ways { is_all: false, ..node(cesql.root()) },
    }
}

fn node(node: &Node) -> Ways {
    let ways = match &node.kind {
        Kind::Logic(Logic::And, parts) => all(parts.iter().map(self::node)),
        Kind::Logic(Logic::Or, parts) => any(parts.iter().map(self::node)),
        // Every event is taken to have these, so nothing is known of the message.
        Kind::Exists(name) if REQUIRED.contains(&name.as_str()) => UNKNOWN,
        Kind::Exists(name) => one(name, vec![Test::Exists], false),
        Kind::Comparison(Comparison::Equal, sides) => match (&sides[0].kind, &sides[1].kind) {
            (Kind::Attribute(name), Kind::Literal(Literal::String(text))) => {
                one(name, equal(text), false)
            }
            _ => UNKNOWN,
        },
        Kind::Like { operand, pattern, negated: false } => match &operand.kind {
            Kind::Attribute(name) => match wildcard(pattern) {
                Some(test) => one(name, with_others(vec![test]), false),
                None => UNKNOWN,
            },
            _ => UNKNOWN,
        },
        Kind::In { operand, set, negated: false } => {
            let Kind::Attribute(name) = &operand.kind else { return UNKNOWN };
            let mut tests = Vec::new();
            for item in set {
                let Kind::Literal(Literal::String(text)) = &item.kind else { return UNKNOWN };
                tests.extend(equal(text));
            }
            one(name, tests, false)
        }
        _ => UNKNOWN,
    };
    Ways { is_all: false, ..ways }
}

/// Only attributes are asked first, not data: where data is malformed, the expression does not hold, and a pattern would
/// reject the message.
fn cel_node(node: &cel::Node) -> Ways {
    use cel::{Function, Kind, Operator};
    let ways = match &node.kind {
        Kind::And(parts) => all(parts.iter().map(cel_node)),
        Kind::Or(parts) => any(parts.iter().map(cel_node)),
        Kind::Has(target, name) if is_event(target) && !REQUIRED.contains(&name.as_str()) => {
            one(name, vec![Test::Exists], false)
        }
        Kind::Binary(Operator::Equal, sides) => match (&sides[0], &sides[1]) {
            (side, literal) | (literal, side) if cel_attribute(side).is_some() => {
                cel_tests(side, literal, equal)
            }
            _ => UNKNOWN,
        },
        Kind::Binary(Operator::In, sides) => {
            let (Some(name), Kind::List(items)) = (cel_attribute(&sides[0]), &sides[1].kind) else {
                return UNKNOWN;
            };
            let texts: Option<Vec<&str>> = items.iter().map(cel_text).collect();
            texts.map_or(UNKNOWN, |texts| {
                one(name, texts.into_iter().flat_map(equal).collect(), false)
            })
        }
        Kind::Call(Function::StartsWith, sides) if sides.len() == 2 => {
            cel_tests(&sides[0], &sides[1], |text| with_others(vec![Test::Prefix(text.into())]))
        }
        Kind::Call(Function::EndsWith, sides) if sides.len() == 2 => {
            cel_tests(&sides[0], &sides[1], |text| with_others(vec![Test::Suffix(text.into())]))
        }
        _ => UNKNOWN,
    };
    Ways { is_all: false, ..ways }
}

fn cel_tests(side: &cel::Node, literal: &cel::Node, tests: impl Fn(&str) -> Vec<Test>) -> Ways {
    match (cel_attribute(side), cel_text(literal)) {
        (Some(name), Some(text)) => one(name, tests(text), false),
        _ => UNKNOWN,
    }
}

/// `event.name`.
fn cel_attribute(node: &cel::Node) -> Option<&str> {
    match &node.kind {
        cel::Kind::Select(target, name) if is_event(target) => Some(name),
        _ => None,
    }
}

fn is_event(node: &cel::Node) -> bool {
    matches!(node.kind, cel::Kind::Root(cel::Root::Event))
}

fn cel_text(node: &cel::Node) -> Option<&str> {
    match &node.kind {
        cel::Kind::Literal(cel::Literal::String(text)) => Some(text),
        _ => None,
    }
}

/// The tests for an attribute whose text is this, whatever its type.
fn equal(text: &str) -> Vec<Test> {
    let mut tests = vec![Test::Text(text.into())];
    if let Ok(number) = text.parse::<i32>()
        && number.to_string() == text
    {
        tests.push(Test::Number(Number::Value(f64::from(number))));
    }
    tests.extend(
        [true, false].into_iter().filter(|word| word.to_string() == text).map(Test::Boolean),
    );
    tests
}

/// The tests for an attribute whose text has a part; whether they say all of it.
fn part(text: &str, test: Test, of: impl Fn(&str) -> bool) -> (Vec<Test>, bool) {
    let mut tests = vec![test];
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_number {
        tests.push(ANY_NUMBER);
    }
    tests.extend([true, false].into_iter().filter(|word| of(&word.to_string())).map(Test::Boolean));
    (tests, !is_number)
}

const ANY_NUMBER: Test = Test::Range(Range { low: None, high: None });

/// With all values that are no text.
fn with_others(mut tests: Vec<Test>) -> Vec<Test> {
    tests.extend([ANY_NUMBER, Test::Boolean(true), Test::Boolean(false)]);
    tests
}

/// A wildcard for at least the texts that a pattern of `LIKE` is for: `_` is taken as any characters.
fn wildcard(pattern: &str) -> Option<Test> {
    let mut text = String::new();
    let mut chars = pattern.chars().peekable();
    let mut is_star = false;
    while let Some(char) = chars.next() {
        let next = chars.peek().copied();
        let literal = match char {
            '%' | '_' => None,
            '\\' if matches!(next, Some('%' | '_')) => chars.next(),
            char => Some(char),
        };
        match literal {
            Some('*') => text.push_str("\\*"),
            Some('\\') => text.push_str("\\\\"),
            Some(char) => text.push(char),
            None if is_star => {}
            None => text.push('*'),
        }
        is_star = literal.is_none();
    }
    let wildcard = Wildcard::parse(&text).ok()?;
    Some(match wildcard.literal() {
        Some(text) => Test::Text(text.into()),
        None => Test::Wildcard(wildcard),
    })
}
