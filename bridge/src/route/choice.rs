//! Rules: which targets each message goes to.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use hybridge_core::{Error, Message};

use crate::status::RuleCounts;

/// Indices of targets, ascending, none twice.
pub(crate) type Chosen = Rc<[u16]>;

/// Writes the indices of the rules that a message meets, ascending. An error is the message's own fault or, as
/// everywhere, to be tried again.
pub(crate) type Match = Box<dyn Fn(&Message, &mut Vec<usize>) -> Result<(), Error>>;

/// The rules of a route. Every rule that matches applies: a message goes to the union of their targets, once to each.
pub(crate) struct Choice {
    matches: Match,
    /// For each rule where it sends.
    send_to: Vec<Chosen>,
    /// Where messages go that no rule matched.
    otherwise: Chosen,
    counts: Arc<RuleCounts>,
    matched: RefCell<Vec<usize>>,
}

impl Choice {
    pub fn new(
        matches: Match,
        send_to: Vec<Chosen>,
        otherwise: Chosen,
        counts: Arc<RuleCounts>,
    ) -> Self {
        Self { matches, send_to, otherwise, counts, matched: RefCell::default() }
    }

    /// The targets of a message; none where it is filtered.
    pub fn of(&self, message: &Message) -> Result<Chosen, Error> {
        let mut matched = self.matched.borrow_mut();
        matched.clear();
        (self.matches)(message, &mut matched)?;
        self.counts.matched(&matched);
        let [first, rest @ ..] = matched.as_slice() else { return Ok(self.otherwise.clone()) };
        let first = &self.send_to[*first];
        let same = rest.iter().all(|rule| self.send_to[*rule] == *first);
        if same {
            return Ok(first.clone());
        }
        let mut union: Vec<u16> =
            matched.iter().flat_map(|rule| self.send_to[*rule].iter().copied()).collect();
        union.sort_unstable();
        union.dedup();
        Ok(union.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_goes_to_the_union_once_to_each() {
        let counts = Arc::new(RuleCounts::new(["a", "b", "c"].map(String::from).into()));
        // The payload's bytes are the rules that match.
        let matches: Match = Box::new(|message, matched| {
            let payload = message.payload.as_deref().ok_or(Error::rejected("no payload"))?;
            matched.extend(payload.iter().map(|byte| usize::from(*byte)));
            Ok(())
        });
        let send_to: Vec<Chosen> = vec![[0, 2].into(), [1, 2].into(), [0, 2].into()];
        let choice = Choice::new(matches, send_to, [1].into(), counts.clone());
        let of = |rules: &'static [u8]| {
            let message = Message { payload: Some(rules.into()), ..Message::default() };
            choice.of(&message).unwrap().to_vec()
        };
        assert_eq!(of(&[0]), [0, 2]);
        assert_eq!(of(&[0, 2]), [0, 2]);
        assert_eq!(of(&[0, 1]), [0, 1, 2]);
        assert_eq!(of(&[]), [1]);
        assert!(choice.of(&Message::default()).is_err());
        let counted: Vec<_> = counts.iter().map(|(name, count)| (name.to_owned(), count)).collect();
        assert_eq!(counted, [("a".into(), 3), ("b".into(), 1), ("c".into(), 1)]);
        assert_eq!(counts.unmatched(), 1);
    }
}
