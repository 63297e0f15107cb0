//! Which messages of a batch wait for which, and what became of each.

use std::collections::HashMap;

use hybridge_config::Ordering;
use hybridge_core::{Error, Message, Receipt};

/// The messages of a batch in rounds. In an ordered route a round has at most one message of each key, the next one that is
/// not resolved, and none of a key that failed.
pub(super) struct Rounds {
    /// The chain that each message belongs to.
    chains: Vec<usize>,
    rounds: std::vec::IntoIter<Vec<usize>>,
    failed: Vec<bool>,
    results: Vec<Option<Result<Receipt, Error>>>,
}

impl Rounds {
    pub(super) fn new(ordering: Ordering, batch: &[Message]) -> Self {
        let count = batch.len();
        let (chains, rounds) = match ordering {
            Ordering::None => ((0..count).collect(), vec![(0..count).collect()]),
            Ordering::Total => (vec![0; count], (0..count).map(|index| vec![index]).collect()),
            Ordering::Key => by_key(batch),
        };
        let failed = vec![false; count];
        Self { chains, rounds: rounds.into_iter(), failed, results: vec![None; count] }
    }

    /// The next messages to publish, in order; none of them waits for another.
    pub(super) fn next(&mut self) -> Option<Vec<usize>> {
        let mut round = self.rounds.next()?;
        round.retain(|index| !self.failed[self.chains[*index]]);
        Some(round)
    }

    pub(super) fn set(&mut self, index: usize, result: Result<Receipt, Error>) {
        if result.is_err() {
            self.failed[self.chains[index]] = true;
        }
        self.results[index] = Some(result);
    }

    /// One result for each message; those without one get this error.
    pub(super) fn into_results(self, rest: &Error) -> Vec<Result<Receipt, Error>> {
        let results = self.results.into_iter();
        results.map(|result| result.unwrap_or_else(|| Err(rest.clone()))).collect()
    }
}

/// Messages without a key are one chain.
fn by_key(batch: &[Message]) -> (Vec<usize>, Vec<Vec<usize>>) {
    let mut lengths: HashMap<Option<&[u8]>, (usize, usize)> = HashMap::new();
    let mut chains = Vec::with_capacity(batch.len());
    let mut rounds: Vec<Vec<usize>> = Vec::new();
    for (index, message) in batch.iter().enumerate() {
        let key = message.key.as_deref();
        let key = key.or_else(|| message.attributes.text("partitionkey").map(str::as_bytes));
        let next = lengths.len();
        let (chain, length) = lengths.entry(key).or_insert((next, 0));
        if rounds.len() == *length {
            rounds.push(Vec::new());
        }
        rounds[*length].push(index);
        chains.push(*chain);
        *length += 1;
    }
    (chains, rounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(keys: &str) -> Vec<Message> {
        let message =
            |key: char| Message { key: Some(key.to_string().into()), ..Message::default() };
        keys.chars().map(message).collect()
    }

    #[test]
    fn a_key_has_one_message_in_a_round_and_none_behind_a_failure() {
        let mut rounds = Rounds::new(Ordering::Key, &batch("aabacb"));
        assert_eq!(rounds.next(), Some(vec![0, 2, 4]));
        rounds.set(0, Err(Error::transient("no")));
        rounds.set(2, Ok(Receipt::Written(None)));
        rounds.set(4, Ok(Receipt::Written(None)));
        assert_eq!(rounds.next(), Some(vec![5]));
        rounds.set(5, Ok(Receipt::Written(None)));
        assert_eq!(rounds.next(), Some(vec![]));
        assert_eq!(rounds.next(), None);
        let results = rounds.into_results(&Error::rejected("rest"));
        let shown: Vec<bool> = results.iter().map(Result::is_ok).collect();
        assert_eq!(shown, [false, false, true, false, true, true]);
    }

    #[test]
    fn without_order_all_go_at_once_and_in_total_order_one_by_one() {
        assert_eq!(Rounds::new(Ordering::None, &batch("aab")).next(), Some(vec![0, 1, 2]));
        let mut rounds = Rounds::new(Ordering::Total, &batch("ab"));
        assert_eq!(
            (rounds.next(), rounds.next(), rounds.next()),
            (Some(vec![0]), Some(vec![1]), None)
        );
    }
}
