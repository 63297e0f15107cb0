//! The clauses of all rules: conditions that must all hold for one rule to match.

use std::collections::HashMap;

use hybridge_config::pattern::{Alternative, Test};

use super::{
    access::{Access, Accesses, Way},
    event::{Seen, Value},
    exact::Exact,
    hold::holds,
    index::Ways,
    keys::{Full, Keys},
    paths::{Field, NONE},
};

/// All clauses. A test that several rules have is kept once for each field.
#[derive(Default)]
pub(super) struct Clauses {
    clauses: Vec<Clause>,
    conditions: Vec<Condition>,
    sets: Vec<Set>,
    exact: Vec<u32>,
    checks: Vec<u32>,
    tests: Vec<Test>,
}

struct Clause {
    rule: u32,
    end: u32,
}

/// What is asked of one field.
#[derive(Clone, Copy)]
pub(super) struct Condition {
    pub(super) field: Field,
    /// An exact test, or a set of tests where the highest bit is set.
    tests: u32,
}

const SET: u32 = 1 << 31;

/// Tests of which one must hold.
#[derive(Clone, Copy)]
struct Set {
    exact: (u32, u32),
    checks: (u32, u32),
    /// Whether it also holds where there is no value.
    absent: bool,
}

/// What only the making of the clauses needs.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) exact: Exact,
    pub(super) accesses: Accesses,
    /// The tests that are not exact by their field and text.
    tests: Keys,
    /// The way to each of them; `None` for the one that holds without a value.
    ways: Vec<Option<Access>>,
    sets: HashMap<Box<[u32]>, u32>,
    /// For each set the ways to its tests.
    set_ways: Vec<Option<Box<[Access]>>>,
    /// The way to each exact test.
    exact_ways: Vec<Access>,
}

impl Clauses {
    /// Adds a clause without conditions: always a candidate.
    pub(super) fn add_always(&mut self, rule: u32) -> Result<(), Full> {
        self.close(rule)
    }

    /// Adds a clause; `fields` are those of its conditions.
    pub(super) fn add(
        &mut self,
        rule: u32,
        alternative: &Alternative,
        fields: &[Field],
        draft: &mut Draft,
    ) -> Result<(), Full> {
        for (condition, field) in alternative.conditions.iter().zip(fields) {
            let tests = self.tests(*field, &condition.tests, draft)?;
            self.conditions.push(Condition { field: *field, tests });
        }
        self.close(rule)
    }

    fn close(&mut self, rule: u32) -> Result<(), Full> {
        let end = u32::try_from(self.conditions.len()).map_err(|_| Full)?;
        self.clauses.push(Clause { rule, end });
        Ok(())
    }

    fn tests(&mut self, field: Field, tests: &[Test], draft: &mut Draft) -> Result<u32, Full> {
        let mut numbers = Vec::with_capacity(tests.len());
        for test in tests {
            numbers.push(self.test(field, test, draft)?);
        }
        if let [only] = numbers.as_slice()
            && only & SET == 0
        {
            return Ok(*only);
        }
        numbers.sort_unstable();
        numbers.dedup();
        if let Some(set) = draft.sets.get(numbers.as_slice()) {
            return Ok(*set);
        }
        let number = u32::try_from(self.sets.len()).map_err(|_| Full)? | SET;
        let split = numbers.partition_point(|number| number & SET == 0);
        let (exact, checks) = numbers.split_at(split);
        let ways = |number: &u32| match number & SET {
            0 => Some(draft.exact_ways[*number as usize]),
            _ => draft.ways[(number & !SET) as usize],
        };
        draft.set_ways.push(numbers.iter().map(ways).collect());
        let absent = |number: &&u32| self.tests[(**number & !SET) as usize] == Test::Absent;
        let set = Set {
            exact: range(&mut self.exact, exact.iter().copied())?,
            absent: checks.iter().any(|number| absent(&number)),
            checks: range(&mut self.checks, checks.iter().map(|number| number & !SET))?,
        };
        self.sets.push(set);
        draft.sets.insert(numbers.into(), number);
        Ok(number)
    }

    /// The number of a test, with the highest bit set where it is not exact.
    fn test(&mut self, field: Field, test: &Test, draft: &mut Draft) -> Result<u32, Full> {
        if let Some(number) = draft.exact.insert(field, test) {
            let number = number?;
            if number as usize == draft.exact_ways.len() {
                draft.exact_ways.push(Access { field, way: Way::Exact, key: number });
            }
            return if number & SET == 0 { Ok(number) } else { Err(Full) };
        }
        let number = draft.tests.insert(field, test.to_string().as_bytes())?;
        if number as usize == self.tests.len() {
            self.tests.push(test.clone());
            draft.ways.push(draft.accesses.of(field, test)?);
        }
        if number & SET == 0 { Ok(number | SET) } else { Err(Full) }
    }

    /// The ways to each condition of a clause.
    pub(super) fn ways<'d>(&self, clause: u32, draft: &'d Draft) -> Vec<Ways<'d>> {
        let ways = |condition: &Condition| match condition.tests & SET {
            0 => Some(std::slice::from_ref(&draft.exact_ways[condition.tests as usize])),
            _ => draft.set_ways[(condition.tests & !SET) as usize].as_deref(),
        };
        self.conditions(clause).iter().map(ways).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.clauses.len()
    }

    /// The rule that a clause belongs to.
    #[inline]
    pub(super) fn rule(&self, clause: u32) -> u32 {
        self.clauses[clause as usize].rule
    }

    /// The clauses of a rule.
    pub(super) fn of_rule(&self, rule: u32) -> std::ops::Range<u32> {
        let first = self.clauses.partition_point(|clause| clause.rule < rule);
        let end = self.clauses.partition_point(|clause| clause.rule <= rule);
        first as u32..end as u32
    }

    /// The tests of a condition, as they are written in a pattern.
    pub(super) fn show(&self, condition: Condition, exact: &Exact) -> Vec<String> {
        if condition.tests & SET == 0 {
            return vec![exact.test(condition.tests).to_string()];
        }
        let set = &self.sets[(condition.tests & !SET) as usize];
        let exacts = &self.exact[set.exact.0 as usize..set.exact.1 as usize];
        let checks = &self.checks[set.checks.0 as usize..set.checks.1 as usize];
        let exacts = exacts.iter().map(|number| exact.test(*number).to_string());
        exacts.chain(checks.iter().map(|check| self.tests[*check as usize].to_string())).collect()
    }

    /// The conditions of a clause, in the order of their paths.
    #[inline]
    pub(super) fn conditions(&self, clause: u32) -> &[Condition] {
        let start = clause.checked_sub(1).map_or(0, |before| self.clauses[before as usize].end);
        &self.conditions[start as usize..self.clauses[clause as usize].end as usize]
    }

    /// Whether all conditions hold, each for itself.
    #[inline]
    pub(super) fn all_hold(&self, conditions: &[Condition], seen: Seen) -> bool {
        let is_exact = |condition: &&Condition| condition.tests & SET == 0;
        conditions.iter().filter(is_exact).all(|condition| {
            seen.each(condition.field).any(|value| seen.exact(value) == condition.tests)
        }) && conditions
            .iter()
            .filter(|condition| !is_exact(condition))
            .all(|condition| self.holds(*condition, seen))
    }

    /// Whether a condition holds for some value, or for there being none.
    pub(super) fn holds(&self, condition: Condition, seen: Seen) -> bool {
        match seen.event.of(condition.field).first {
            NONE => self.holds_without(condition),
            _ => seen.each(condition.field).any(|value| self.holds_for(condition, value, seen)),
        }
    }

    /// Whether a condition holds where its field has no value.
    pub(super) fn holds_without(&self, condition: Condition) -> bool {
        condition.tests & SET != 0 && self.sets[(condition.tests & !SET) as usize].absent
    }

    /// Whether a condition holds for one value of its field.
    pub(super) fn holds_for(&self, condition: Condition, value: &Value, seen: Seen) -> bool {
        if condition.tests & SET == 0 {
            return seen.exact(value) == condition.tests;
        }
        let set = &self.sets[(condition.tests & !SET) as usize];
        let exact = &self.exact[set.exact.0 as usize..set.exact.1 as usize];
        if !exact.is_empty() && exact.binary_search(&seen.exact(value)).is_ok() {
            return true;
        }
        let checks = &self.checks[set.checks.0 as usize..set.checks.1 as usize];
        let bytes = seen.bytes(value);
        checks.iter().any(|check| holds(&self.tests[*check as usize], value.kind, bytes))
    }

    /// Gives back memory that more clauses would have needed.
    pub(super) fn shrink(&mut self) {
        self.clauses.shrink_to_fit();
        self.conditions.shrink_to_fit();
        self.sets.shrink_to_fit();
        self.exact.shrink_to_fit();
        self.checks.shrink_to_fit();
        self.tests.shrink_to_fit();
    }

    pub(super) fn memory(&self) -> usize {
        self.clauses.capacity() * size_of::<Clause>()
            + self.conditions.capacity() * size_of::<Condition>()
            + self.sets.capacity() * size_of::<Set>()
            + (self.exact.capacity() + self.checks.capacity()) * size_of::<u32>()
            + self.tests.capacity() * size_of::<Test>()
            + self.tests.iter().map(text_memory).sum::<usize>()
    }
}

fn range(list: &mut Vec<u32>, items: impl Iterator<Item = u32>) -> Result<(u32, u32), Full> {
    let start = u32::try_from(list.len()).map_err(|_| Full)?;
    list.extend(items);
    let end = u32::try_from(list.len()).map_err(|_| Full)?;
    Ok((start, end))
}

/// Roughly what a test has on the heap.
fn text_memory(test: &Test) -> usize {
    match test {
        Test::Prefix(text)
        | Test::Suffix(text)
        | Test::IgnoreCase(text)
        | Test::PrefixIgnoreCase(text)
        | Test::SuffixIgnoreCase(text) => text.len(),
        Test::Wildcard(wildcard) => wildcard.pieces().iter().map(|piece| piece.len() + 16).sum(),
        Test::AnythingBut(but) => but.to_string().len() + 32,
        _ => 0,
    }
}
