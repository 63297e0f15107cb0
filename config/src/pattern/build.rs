//! The meaning of a pattern: its alternatives, with every rule of the language checked.

use std::sync::Arc;

use super::{
    Alternative, AnythingBut, Bound, Cidr, Condition, DEEPEST, LONGEST_PATH, LONGEST_TEXT,
    MOST_ALTERNATIVES, MOST_FIELDS, MOST_TESTS, Number, Pattern, PatternError, Range, Test,
    Wildcard, address,
    node::{Node, Value, too_deep},
};

/// Names of tests, and those kept for tests to come: within `$or` they cannot be names of fields, as a test that was
/// put where a field belongs would never match.
const RESERVED: [&str; 24] = [
    "exactly",
    "equals-ignore-case",
    "prefix",
    "suffix",
    "anything-but",
    "exists",
    "wildcard",
    "numeric",
    "cidr",
    "=",
    "<",
    "<=",
    ">",
    ">=",
    "regex",
    "not-wildcard",
    "not-equals-ignore-case",
    "date-after",
    "date-on-or-after",
    "date-before",
    "date-on-or-before",
    "in-date-range",
    "ip-address-in-range",
    "ip-address-not-in-range",
];

const OR: &str = "$or";

type Result<T> = std::result::Result<T, PatternError>;

/// Conditions by path, in the order in which the pattern names them.
type Draft = Vec<(Arc<str>, Arc<[Test]>)>;

pub(super) fn pattern(node: &Node) -> Result<Pattern> {
    let Value::Map(members) = &node.value else {
        let message = format!("a pattern must be an object, and this is {}", node.kind());
        return Err(PatternError::new(node.at, "", message));
    };
    let mut builder = Builder { path: String::new(), steps: 0, drafts: Vec::new(), tests: 0 };
    builder.object(node, members, 0, false)?;
    let alternatives = builder.drafts.into_iter().map(alternative).collect();
    Ok(Pattern { alternatives })
}

fn alternative(draft: Draft) -> Alternative {
    let condition = |(path, tests)| Condition { path, tests };
    let mut conditions: Vec<Condition> = draft.into_iter().map(condition).collect();
    sort(&mut conditions);
    Alternative { conditions }
}

/// By their paths as UTF-16, as event-ruler takes the fields of a rule.
pub(super) fn sort(conditions: &mut [Condition]) {
    conditions.sort_by(|left, right| left.path.encode_utf16().cmp(right.path.encode_utf16()));
}

struct Builder {
    /// The way to the field at hand, joined with dots.
    path: String,
    /// How many names are in it.
    steps: usize,
    drafts: Vec<Draft>,
    tests: usize,
}

impl Builder {
    fn fault<T>(&self, node: &Node, message: impl Into<String>) -> Result<T> {
        Err(PatternError::new(node.at, &self.path, message))
    }

    fn object(
        &mut self,
        node: &Node,
        members: &[(String, Node)],
        depth: usize,
        in_or: bool,
    ) -> Result<()> {
        if members.is_empty() {
            return self.fault(node, "an object must name a field");
        }
        if depth > DEEPEST {
            return self.fault(node, too_deep());
        }
        for (name, value) in members {
            if name == OR {
                self.or(value, depth + 1)?;
                continue;
            }
            let outer = self.path.len();
            if self.steps > 0 {
                self.path.push('.');
            }
            self.path.push_str(name);
            self.steps += 1;
            if in_or && RESERVED.contains(&name.as_str()) {
                let message = format!(
                    "`{name}` is the name of a test and cannot be that of a field within `$or`"
                );
                return self.fault(value, message);
            }
            match &value.value {
                Value::Map(members) => self.object(value, members, depth + 1, in_or)?,
                Value::List(items) => self.field(value, items)?,
                _ => {
                    let kind = value.kind();
                    return self.fault(value, format!("{kind} where a list of tests or an object belongs; a single test is a list of one"));
                }
            }
            self.path.truncate(outer);
            self.steps -= 1;
        }
        Ok(())
    }

    fn or(&mut self, node: &Node, depth: usize) -> Result<()> {
        let Value::List(ways) = &node.value else {
            return self.fault(node, "`$or` must be a list of objects");
        };
        if ways.len() < 2 {
            return self.fault(node, "`$or` needs at least two objects");
        }
        let mut before = std::mem::take(&mut self.drafts);
        if before.is_empty() {
            before.push(Draft::new());
        }
        let mut after = Vec::new();
        for way in ways {
            let Value::Map(members) = &way.value else {
                return self.fault(way, format!("{} where an object of `$or` belongs", way.kind()));
            };
            self.drafts = before.clone();
            self.object(way, members, depth, true)?;
            after.append(&mut self.drafts);
            if after.len() > MOST_ALTERNATIVES {
                return self.fault(
                    node,
                    format!(
                        "`$or` makes more than {MOST_ALTERNATIVES} alternatives; split the rule"
                    ),
                );
            }
        }
        self.drafts = after;
        Ok(())
    }

    /// Sets the tests of the field at hand in every alternative so far; the last ones that a pattern names count.
    fn field(&mut self, node: &Node, items: &[Node]) -> Result<()> {
        if items.is_empty() {
            return self.fault(node, "an empty list of tests would never match");
        }
        if self.path.len() > LONGEST_PATH || self.path.matches('.').count() >= DEEPEST {
            return self.fault(
                node,
                format!("a path longer than {LONGEST_PATH} bytes or {DEEPEST} names"),
            );
        }
        let tests: Arc<[Test]> = items.iter().map(|item| self.test(item)).collect::<Result<_>>()?;
        if self.drafts.is_empty() {
            self.drafts.push(Draft::new());
        }
        self.tests += tests.len() * self.drafts.len();
        if self.tests > MOST_TESTS {
            return self
                .fault(node, format!("a pattern of more than {MOST_TESTS} tests; split the rule"));
        }
        let path: Arc<str> = self.path.as_str().into();
        for draft in &mut self.drafts {
            match draft.iter_mut().find(|(other, _)| *other == path) {
                Some((_, old)) => *old = tests.clone(),
                None => draft.push((path.clone(), tests.clone())),
            }
        }
        if self.drafts.iter().any(|draft| draft.len() > MOST_FIELDS) {
            return self.fault(node, format!("a pattern of more than {MOST_FIELDS} fields"));
        }
        Ok(())
    }
}

/// The tests themselves.
impl Builder {
    fn test(&self, node: &Node) -> Result<Test> {
        match &node.value {
            Value::Null => Ok(Test::Null),
            Value::Boolean(boolean) => Ok(Test::Boolean(*boolean)),
            Value::Number(number) => Ok(Test::Number(number.clone())),
            Value::Text(text) => Ok(match address(text.as_bytes()) {
                Some(address) if text.contains(':') => Test::Address(address),
                _ => Test::Text(self.short(node, text)?),
            }),
            Value::List(_) => self.fault(node, "a list where a test belongs"),
            Value::Map(members) => {
                let (name, value) = self.only(node, members)?;
                self.named(name, value)
            }
        }
    }

    fn named(&self, name: &str, value: &Node) -> Result<Test> {
        Ok(match name {
            "exactly" => Test::Text(self.text(name, value)?),
            "prefix" => match self.ignoring_case(name, value)? {
                Some(text) => Test::PrefixIgnoreCase(text),
                None => Test::Prefix(self.text(name, value)?),
            },
            "suffix" => match self.ignoring_case(name, value)? {
                Some(text) => Test::SuffixIgnoreCase(text),
                None => Test::Suffix(self.text(name, value)?),
            },
            "equals-ignore-case" => Test::IgnoreCase(self.text(name, value)?),
            "wildcard" => {
                let wildcard = self.wildcard(name, value)?;
                match wildcard.literal() {
                    Some(text) => Test::Text(text.into()),
                    None => Test::Wildcard(wildcard),
                }
            }
            "anything-but" => Test::AnythingBut(self.anything_but(value)?),
            "numeric" => Test::Range(self.range(value)?),
            "cidr" => match Cidr::parse(&self.text(name, value)?) {
                Ok(block) => Test::Cidr(block),
                Err(message) => return self.fault(value, message),
            },
            "exists" => match value.value {
                Value::Boolean(true) => Test::Exists,
                Value::Boolean(false) => Test::Absent,
                _ => return self.fault(value, "`exists` must be true or false"),
            },
            _ => {
                let message = format!(
                    "`{name}` is not the name of a test; there are `exactly`, `prefix`, `suffix`, `equals-ignore-case`, `wildcard`, `anything-but`, `numeric`, `cidr` and `exists`"
                );
                return self.fault(value, message);
            }
        })
    }

    fn only<'n>(&self, node: &Node, members: &'n [(String, Node)]) -> Result<(&'n str, &'n Node)> {
        match members {
            [(name, value)] => Ok((name, value)),
            [] => self.fault(node, "an empty object where a test belongs"),
            [_, (_, second), ..] => {
                let at = if second.at.is_some() { second } else { node };
                self.fault(at, "a test must have one member; several tests are several objects")
            }
        }
    }

    fn text(&self, name: &str, node: &Node) -> Result<Box<str>> {
        match &node.value {
            Value::Text(text) => self.short(node, text),
            _ => self.fault(node, format!("`{name}` must be a text, and this is {}", node.kind())),
        }
    }

    fn short(&self, node: &Node, text: &str) -> Result<Box<str>> {
        if text.len() > LONGEST_TEXT {
            return self.fault(node, format!("a text longer than {LONGEST_TEXT} bytes"));
        }
        Ok(text.into())
    }

    fn ignoring_case(&self, name: &str, node: &Node) -> Result<Option<Box<str>>> {
        let Value::Map(members) = &node.value else { return Ok(None) };
        let (inner, value) = self.only(node, members)?;
        if inner != "equals-ignore-case" {
            let message =
                format!("`{name}` must be a text or have `equals-ignore-case`, not `{inner}`");
            return self.fault(value, message);
        }
        self.text(inner, value).map(Some)
    }

    fn wildcard(&self, name: &str, node: &Node) -> Result<Wildcard> {
        match Wildcard::parse(&self.text(name, node)?) {
            Ok(wildcard) => Ok(wildcard),
            Err(message) => self.fault(node, message),
        }
    }

    fn anything_but(&self, node: &Node) -> Result<AnythingBut> {
        match &node.value {
            Value::Text(text) => Ok(AnythingBut::Texts([self.short(node, text)?].into())),
            Value::Number(number) => Ok(AnythingBut::Numbers([self.value(node, number)?].into())),
            Value::List(items) => self.anything_but_list(node, items),
            Value::Map(members) => {
                let (name, value) = self.only(node, members)?;
                self.anything_but_named(name, value)
            }
            _ => self.fault(
                node,
                "`anything-but` must be a text, a number, a list of either, or an object",
            ),
        }
    }

    fn anything_but_list(&self, node: &Node, items: &[Node]) -> Result<AnythingBut> {
        let mut texts = Vec::new();
        let mut numbers = Vec::new();
        for item in items {
            match &item.value {
                Value::Text(text) => texts.push(self.short(item, text)?),
                Value::Number(number) => numbers.push(self.value(item, number)?),
                _ => {
                    let kind = item.kind();
                    return self.fault(
                        item,
                        format!("{kind} in `anything-but`, where only texts or numbers can be"),
                    );
                }
            }
        }
        match (texts.is_empty(), numbers.is_empty()) {
            (false, true) => Ok(AnythingBut::Texts(texts.into())),
            (true, false) => Ok(AnythingBut::Numbers(numbers.into())),
            (true, true) => self.fault(node, "an empty `anything-but`"),
            (false, false) => self.fault(node, "`anything-but` cannot mix texts and numbers"),
        }
    }

    fn anything_but_named(&self, name: &str, node: &Node) -> Result<AnythingBut> {
        let alone = std::slice::from_ref(node);
        let items = match &node.value {
            Value::List(items) => items.as_slice(),
            _ => alone,
        };
        let texts = || items.iter().map(|item| self.text(name, item)).collect::<Result<Box<[_]>>>();
        match name {
            "equals-ignore-case" => Ok(AnythingBut::IgnoreCase(texts()?)),
            "prefix" => Ok(AnythingBut::Prefixes(self.none_empty(name, node, texts()?)?)),
            "suffix" => Ok(AnythingBut::Suffixes(self.none_empty(name, node, texts()?)?)),
            "wildcard" => {
                let wildcards = items.iter().map(|item| self.wildcard(name, item));
                Ok(AnythingBut::Wildcards(wildcards.collect::<Result<_>>()?))
            }
            _ => self.fault(node, format!("`anything-but` can have `prefix`, `suffix`, `equals-ignore-case` or `wildcard`, not `{name}`")),
        }
    }

    fn none_empty(
        &self,
        name: &str,
        node: &Node,
        texts: Box<[Box<str>]>,
    ) -> Result<Box<[Box<str>]>> {
        if texts.iter().any(|text| text.is_empty()) {
            return self.fault(
                node,
                format!("an empty text in `anything-but` with `{name}` would never match"),
            );
        }
        Ok(texts)
    }

    fn value(&self, node: &Node, number: &Number) -> Result<f64> {
        match number.comparable() {
            Some(value) => Ok(value),
            None => self.fault(
                node,
                format!("{number} cannot be compared: 64-bit floating point does not represent it"),
            ),
        }
    }

    fn range(&self, node: &Node) -> Result<Range> {
        let Value::List(items) = &node.value else {
            return self.fault(node, "`numeric` must be a list such as [\">\", 0, \"<=\", 5]");
        };
        match items.as_slice() {
            [sign, value] => {
                let (sign, value) = self.comparison(sign, value)?;
                let bound = |included| Some(Bound { value, included });
                match sign {
                    "=" => Ok(Range { low: bound(true), high: bound(true) }),
                    ">" | ">=" => Ok(Range { low: bound(sign == ">="), high: None }),
                    _ => Ok(Range { low: None, high: bound(sign == "<=") }),
                }
            }
            [low_sign, low, high_sign, high] => {
                let (low_sign, low) = self.comparison(low_sign, low)?;
                let (high_sign, high) = self.comparison(high_sign, high)?;
                if !matches!((low_sign, high_sign), (">" | ">=", "<" | "<=")) {
                    return self.fault(
                        node,
                        "a range of two bounds has `>` or `>=` first and `<` or `<=` second",
                    );
                }
                if low >= high {
                    return self.fault(node, "the lower bound must be less than the upper one");
                }
                let low = Some(Bound { value: low, included: low_sign == ">=" });
                let high = Some(Bound { value: high, included: high_sign == "<=" });
                Ok(Range { low, high })
            }
            _ => self
                .fault(node, "`numeric` must have one comparison or two, each a sign and a number"),
        }
    }

    fn comparison<'n>(&self, sign: &'n Node, value: &Node) -> Result<(&'n str, f64)> {
        let sign = match &sign.value {
            Value::Text(text) if matches!(text.as_str(), "=" | "<" | "<=" | ">" | ">=") => text,
            _ => return self.fault(sign, "`=`, `<`, `<=`, `>` or `>=` must stand here"),
        };
        match &value.value {
            Value::Number(number) => Ok((sign, self.value(value, number)?)),
            _ => {
                self.fault(value, format!("{} after `{sign}` where a number belongs", value.kind()))
            }
        }
    }
}
