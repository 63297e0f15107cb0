//! Why a rule does or does not match: the slow way round, for people.

use hybridge_core::Message;

use super::{
    Malformed, Matcher, Scratch,
    clauses::Condition,
    event::{Kind, Seen, Value},
    lists,
};

/// The most values of a field that are shown.
const MOST_SEEN: usize = 8;

/// The most characters of a value that are shown.
const LONGEST_SEEN: usize = 120;

/// What came of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It matches.
    Matches,
    /// A condition does not hold. Where a rule has alternatives it is the condition of the one that came furthest.
    Fails {
        /// The path of the field.
        path: String,
        /// The tests of which one should have held, as they are written in a pattern.
        tests: Vec<String>,
        /// The values of the field, as JSON; empty if it has none. Only the first few.
        seen: Vec<String>,
    },
    /// Each condition holds, but not all of them within the same elements of lists.
    Scattered {
        /// The paths of the fields.
        paths: Vec<String>,
    },
    /// The expression does not hold or cannot be evaluated.
    ExpressionFails,
}

impl Matcher {
    /// Says of every rule, in order, whether it matches a message, and if not what fails first.
    ///
    /// # Errors
    /// As for [`matches`](Self::matches).
    pub fn explain(&self, message: &Message) -> Result<Vec<Verdict>, Malformed> {
        let mut scratch = Scratch::default();
        let Scratch { event, found } = &mut scratch;
        event.clear(self.paths.len());
        self.members.read(message, &self.paths, event)?;
        let text = message.payload.as_deref().unwrap_or_default();
        let seen = Seen { event, text, exact: &self.exact };
        let verdict = |rule: usize| self.verdict(rule as u32, message, seen, &mut found.lists);
        Ok((0..self.rules).map(verdict).collect())
    }

    fn verdict(&self, rule: u32, message: &Message, seen: Seen, room: &mut lists::Room) -> Verdict {
        let mut furthest = (0, Verdict::ExpressionFails);
        for clause in self.clauses.of_rule(rule) {
            if self.holds(clause, seen, room) {
                let expression = self.expressions.get(&rule);
                let holds = expression.is_none_or(|one| one.holds(message) == Some(true));
                return if holds { Verdict::Matches } else { Verdict::ExpressionFails };
            }
            let conditions = self.clauses.conditions(clause);
            let fails = |condition: &Condition| !self.clauses.holds(*condition, seen);
            let (at, verdict) = match conditions.iter().position(fails) {
                Some(at) => (at, self.failure(conditions[at], seen)),
                None => (conditions.len(), self.scattered(conditions, seen)),
            };
            if at >= furthest.0 {
                furthest = (at, verdict);
            }
        }
        furthest.1
    }

    fn failure(&self, condition: Condition, seen: Seen) -> Verdict {
        let values = seen.each(condition.field).take(MOST_SEEN);
        Verdict::Fails {
            path: self.paths.path_of(condition.field).to_owned(),
            tests: self.clauses.show(condition, &self.exact),
            seen: values.map(|value| show(value, seen)).collect(),
        }
    }

    fn scattered(&self, conditions: &[Condition], seen: Seen) -> Verdict {
        let in_list = |condition: &&Condition| seen.event.of(condition.field).in_list;
        let path = |condition: &Condition| self.paths.path_of(condition.field).to_owned();
        Verdict::Scattered { paths: conditions.iter().filter(in_list).map(path).collect() }
    }
}

/// A value as JSON, cut off where it is long.
fn show(value: &Value, seen: Seen) -> String {
    let text = String::from_utf8_lossy(seen.bytes(value));
    let mut shown: String = text.chars().take(LONGEST_SEEN).collect();
    if text.chars().nth(LONGEST_SEEN).is_some() {
        shown.push('…');
    }
    match value.kind {
        Kind::Text => {
            let mut quoted = Vec::new();
            hybridge_schemas::json::write_string(&mut quoted, &shown);
            String::from_utf8(quoted).unwrap_or_default()
        }
        Kind::Number(_) | Kind::OtherNumber => shown,
        Kind::Boolean(boolean) => boolean.to_string(),
        Kind::Null => "null".to_owned(),
        Kind::Binary => "bytes that are no text".to_owned(),
    }
}
