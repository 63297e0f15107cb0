//! Which topics a pattern of a `kafka` source takes.

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::util::primitives::StateID;
use regex_automata::util::{start, syntax};
use regex_automata::{Anchored, MatchKind};

use crate::{Segment, Template};

/// The most that one pattern may take in memory.
const LARGEST: usize = 1 << 20;

/// A topic of a source that begins with `^`: a regular expression.
pub(super) struct Pattern(dense::DFA<Vec<u32>>);

impl Pattern {
    /// `None` for the name of one topic, and for an expression that cannot be followed here: the client has its own kind
    /// of them.
    pub(super) fn new(topic: &str) -> Option<Self> {
        if !topic.starts_with('^') {
            return None;
        }
        let config = dense::Config::new()
            .start_kind(StartKind::Anchored)
            .match_kind(MatchKind::All)
            .dfa_size_limit(Some(LARGEST))
            .determinize_size_limit(Some(LARGEST));
        let syntax = syntax::Config::new().unicode(false).utf8(false);
        // The client looks for it anywhere in the name, so an alternative without `^` need not begin there.
        let whole = format!("(?:.*(?:{topic}).*)$");
        let dfa = dense::Builder::new().configure(config).syntax(syntax).build(&whole);
        Some(Self(dfa.ok()?))
    }

    /// Whether a template can render to a topic that it takes: a reference stands for any text of characters that the
    /// name of a topic may have, none included.
    pub(super) fn may_match(&self, template: &Template) -> bool {
        let anchored = start::Config::new().anchored(Anchored::Yes);
        let Ok(start) = self.0.start_state(&anchored) else { return false };
        let mut states = vec![start];
        for segment in template.segments() {
            states = match segment {
                Segment::Literal(text) => self.after(states, text),
                Segment::Field { .. } | Segment::Cel(_) => self.after_any(states),
            };
        }
        states.into_iter().any(|state| self.0.is_match_state(self.0.next_eoi_state(state)))
    }

    fn after(&self, states: Vec<StateID>, text: &str) -> Vec<StateID> {
        let step = |state, byte: &u8| self.0.next_state(state, *byte);
        let mut after: Vec<StateID> =
            states.into_iter().map(|state| text.as_bytes().iter().fold(state, step)).collect();
        after.sort_unstable();
        after.dedup();
        after
    }

    fn after_any(&self, mut reached: Vec<StateID>) -> Vec<StateID> {
        let mut seen: std::collections::BTreeSet<StateID> = reached.iter().copied().collect();
        let mut next = 0;
        while let Some(state) = reached.get(next).copied() {
            let one_more = (0..=u8::MAX).filter(|byte| may_be_in_a_name(*byte));
            for after in one_more.map(|byte| self.0.next_state(state, byte)) {
                if seen.insert(after) {
                    reached.push(after);
                }
            }
            next += 1;
        }
        reached
    }
}

/// As in Kafka's `Topic.LEGAL_CHARS`.
fn may_be_in_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_takes_what_a_template_can_become() {
        let may = |pattern: &str, template: &str| {
            Pattern::new(pattern).unwrap().may_match(&template.parse().unwrap())
        };
        assert!(may("^orders", "orders") && may("^orders", "orders.dead"));
        assert!(!may("^orders", "my.orders") && !may("^orders$", "orders.dead"));
        assert!(may("^orders\\.", "orders.x") && !may("^orders\\.", "orders"));
        assert!(may("^(a|b)\\.in$", "b.in") && !may("^(a|b)\\.in$", "c.in"));
        assert!(may("^a|b", "x.b.out") && !may("^(a|b)", "x.b.out"));
        assert!(may("^[a-z]+\\.in$", "{{ key }}.in") && !may("^[a-z]+\\.in$", "{{ key }}.out"));
        assert!(may("^in\\.", "{{ event.type }}.x") && !may("^in\\.", "dead.{{ origin.topic }}"));
        assert!(may("^x[0-9]{2}y", "x{{ key }}y") && !may("^x[0-9]{2}$", "x{{ key }}y"));
        assert!(!may("^a b", "{{ key }}"), "no topic is called so");
    }

    #[test]
    fn what_cannot_be_followed_is_no_pattern() {
        for text in ["orders", "^(", "^(a)\\1", "^([a-z]{100}.*){90}$"] {
            assert!(Pattern::new(text).is_none(), "{text}");
        }
    }
}
