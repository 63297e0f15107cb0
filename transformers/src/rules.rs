//! All rules of a route as one machine: which of them match a message.
//!
//! [`Matcher::compile`] takes the rules apart into clauses and puts those into an index; [`Matcher::matches`] reads the
//! fields that rules name in one pass over the payload, follows the index to the few clauses that may match, and checks
//! those. What one message costs follows the number of fields that rules name in it, not the number of rules.

mod access;
mod case;
mod clauses;
mod event;
mod exact;
mod explain;
mod hold;
mod index;
mod keys;
mod lists;
mod lookup;
mod message;
mod paths;
mod ranges;
mod scan;
mod texts;

use std::{collections::HashMap, sync::Arc};

use hybridge_config::Pattern;
use hybridge_core::Message;

use clauses::{Clauses, Draft};
use event::{Event, Seen};
use exact::Exact;
pub use explain::Verdict;
use index::{Index, Walk};
use keys::Full;
use message::Members;
use paths::{Field, Paths};
pub use scan::Malformed;

/// A rule to compile.
#[derive(Clone)]
pub struct Rule {
    /// Its name, for faults.
    pub name: String,
    /// When it matches.
    pub when: When,
}

/// When a rule matches.
#[derive(Clone)]
pub enum When {
    /// The event matches this pattern.
    Pattern(Pattern),
    /// An expression holds. It is asked only about messages that match the guard, which must match every message that
    /// the expression holds for: without one it is asked about every message.
    Expression {
        /// What is cheap to find out first, such as `type = 'x'` of `type = 'x' AND ...`.
        guard: Option<Pattern>,
        /// What is asked then.
        holds: Arc<dyn Expression>,
    },
}

/// A condition that is found out message by message.
pub trait Expression: Send + Sync {
    /// Whether it holds; `None` where it cannot be evaluated for the message: it does not hold then.
    fn holds(&self, message: &Message) -> Option<bool>;
}

/// Why a rule cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rule `{rule}`: {reason}")]
pub struct Fault {
    /// The rule's name.
    pub rule: String,
    /// Which rule, counted from 0.
    pub index: usize,
    /// The path of the field that it is about; empty where it is about the whole rule.
    pub place: String,
    /// What is wrong.
    pub reason: String,
}

/// The most rules that one route may have.
pub const MOST_RULES: usize = 1 << 24;

/// Compiled rules. Shared between tasks; each of them has a [`Scratch`] of its own.
pub struct Matcher {
    paths: Paths,
    members: Members,
    exact: Exact,
    clauses: Clauses,
    index: Index,
    expressions: HashMap<u32, Arc<dyn Expression>>,
    rules: usize,
}

/// Memory for the work on one message after another. It grows with the largest of them, and nothing is allocated after
/// that.
#[derive(Default)]
pub struct Scratch {
    event: Event,
    found: Found,
}

impl Scratch {
    /// How many expressions could not be evaluated since the last time this was asked.
    pub fn take_unevaluable(&mut self) -> u64 {
        std::mem::take(&mut self.found.unevaluable)
    }
}

#[derive(Default)]
struct Found {
    rules: Vec<u32>,
    /// In which turn each rule was last found, so that none is found twice.
    turns: Vec<u32>,
    turn: u32,
    walk: Walk,
    lists: lists::Room,
    unevaluable: u64,
}

impl Matcher {
    /// Compiles rules.
    ///
    /// # Errors
    /// Says of each rule that cannot be compiled what is wrong with it.
    pub fn compile(rules: &[Rule]) -> Result<Self, Vec<Fault>> {
        if rules.len() > MOST_RULES {
            let reason = format!("more than {MOST_RULES} rules");
            return Err(vec![Fault {
                rule: rules[MOST_RULES].name.clone(),
                index: MOST_RULES,
                place: String::new(),
                reason,
            }]);
        }
        Self::build(rules).map_err(|(index, Full)| {
            let rule = rules
                .get(index)
                .or(rules.last())
                .map_or_else(String::new, |rule| rule.name.clone());
            let reason = "together the rules hold more than 4 GiB of texts and tests".to_owned();
            vec![Fault { rule, index, place: String::new(), reason }]
        })
    }

    fn build(rules: &[Rule]) -> Result<Self, (usize, Full)> {
        let last = rules.len().saturating_sub(1);
        let mut fields: HashMap<Arc<str>, Field> = HashMap::new();
        let mut names: Vec<Arc<str>> = Vec::new();
        let mut draft = Draft::default();
        for pattern in rules.iter().filter_map(pattern) {
            for condition in pattern.alternatives().iter().flat_map(|way| &way.conditions) {
                let field = *fields.entry(condition.path.clone()).or_insert_with(|| {
                    names.push(condition.path.clone());
                    names.len() as Field - 1
                });
                condition.tests.iter().for_each(|test| draft.accesses.count(field, test));
            }
        }
        let paths = Paths::new(names.iter().map(|name| &**name)).map_err(|full| (last, full))?;
        let mut clauses = Clauses::default();
        let mut expressions = HashMap::new();
        for (index, rule) in rules.iter().enumerate() {
            let number = index as u32;
            if let When::Expression { holds, .. } = &rule.when {
                expressions.insert(number, holds.clone());
            }
            let Some(pattern) = pattern(rule) else {
                clauses.add_always(number).map_err(|full| (index, full))?;
                continue;
            };
            for way in pattern.alternatives() {
                let of: Vec<Field> =
                    way.conditions.iter().map(|condition| fields[&condition.path]).collect();
                clauses.add(number, way, &of, &mut draft).map_err(|full| (index, full))?;
            }
        }
        clauses.shrink();
        draft.accesses.forget_pieces();
        let ways = |clause: u32| clauses.ways(clause, &draft);
        let (exact, count) = (draft.exact.len(), clauses.len());
        let index = Index::new(count, ways, &draft.accesses, exact, paths.len())
            .map_err(|full| (last, full))?;
        let Draft { mut exact, .. } = draft;
        exact.shrink();
        let members = Members::new(&paths);
        Ok(Self { paths, members, exact, clauses, index, expressions, rules: rules.len() })
    }

    /// The rules that match a message, by their places in the list that was compiled, ascending.
    ///
    /// # Errors
    /// The content type says that the payload is JSON, it is not, and some rule asks for a field in it.
    pub fn matches<'s>(
        &self,
        message: &Message,
        scratch: &'s mut Scratch,
    ) -> Result<&'s [u32], Malformed> {
        let Scratch { event, found } = scratch;
        event.clear(self.paths.len());
        self.members.read(message, &self.paths, event)?;
        let text = message.payload.as_deref().unwrap_or_default();
        Ok(self.find(Seen { event, text, exact: &self.exact }, Some(message), found))
    }

    /// The rules that match a JSON text, whose members are the fields. Expressions are about messages and hold for no
    /// text.
    ///
    /// # Errors
    /// The text is not JSON, as far as it was read.
    pub fn matches_json<'s>(
        &self,
        text: &[u8],
        scratch: &'s mut Scratch,
    ) -> Result<&'s [u32], Malformed> {
        let Scratch { event, found } = scratch;
        event.clear(self.paths.len());
        scan::scan(text, 0, &self.paths, event)?;
        Ok(self.find(Seen { event, text, exact: &self.exact }, None, found))
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules
    }

    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.rules == 0
    }

    /// How many bytes the compiled rules take, without those of expressions.
    pub fn memory(&self) -> usize {
        self.paths.memory() + self.exact.memory() + self.clauses.memory() + self.index.memory()
    }

    fn find<'s>(&self, seen: Seen, message: Option<&Message>, found: &'s mut Found) -> &'s [u32] {
        let Found { rules, turns, turn, walk, lists, unevaluable } = found;
        rules.clear();
        lists.clear();
        if turns.len() < self.rules || *turn == u32::MAX {
            turns.clear();
            turns.resize(self.rules, 0);
            *turn = 0;
        }
        *turn += 1;
        self.index.each(seen, walk, |clause| {
            let rule = self.clauses.rule(clause);
            if turns[rule as usize] == *turn || !self.holds(clause, seen, lists) {
                return;
            }
            turns[rule as usize] = *turn;
            let expression =
                if self.expressions.is_empty() { None } else { self.expressions.get(&rule) };
            let holds = |expression: &Arc<dyn Expression>| {
                let holds = message.map_or(Some(false), |message| expression.holds(message));
                holds.unwrap_or_else(|| {
                    *unevaluable += 1;
                    false
                })
            };
            if expression.is_none_or(holds) {
                rules.push(rule);
            }
        });
        rules.sort_unstable();
        rules
    }

    fn holds(&self, clause: u32, seen: Seen, room: &mut lists::Room) -> bool {
        let conditions = self.clauses.conditions(clause);
        let in_list = |condition: &clauses::Condition| seen.event.of(condition.field).in_list;
        if seen.event.elements.is_empty() || !conditions.iter().any(in_list) {
            return self.clauses.all_hold(conditions, seen);
        }
        lists::hold(&self.clauses, conditions, &self.paths, seen, room)
    }
}

/// The pattern that a rule asks first.
fn pattern(rule: &Rule) -> Option<&Pattern> {
    match &rule.when {
        When::Pattern(pattern) => Some(pattern),
        When::Expression { guard, .. } => guard.as_ref(),
    }
}

#[cfg(test)]
mod tests;
