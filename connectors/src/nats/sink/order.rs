//! Which messages of a batch wait for which.

use std::collections::HashMap;
use std::collections::VecDeque;

use hybridge_config::Ordering;
use hybridge_core::Message;

/// The order in which a batch may be published.
#[derive(Debug)]
pub(super) struct Turns {
    /// What may be published now.
    ready: VecDeque<usize>,
    /// For each message the one that waits for its confirmation.
    next: Vec<Option<usize>>,
}

impl Turns {
    pub(super) fn new(ordering: Ordering, batch: &[Message]) -> Self {
        let mut next = vec![None; batch.len()];
        let ready = match ordering {
            Ordering::None => (0..batch.len()).collect(),
            Ordering::Total => {
                for (index, slot) in next.iter_mut().enumerate() {
                    *slot = (index + 1 < batch.len()).then_some(index + 1);
                }
                (0..batch.len().min(1)).collect()
            }
            Ordering::Key => {
                let mut last = HashMap::with_capacity(batch.len());
                let mut ready = VecDeque::with_capacity(batch.len());
                for (index, message) in batch.iter().enumerate() {
                    match last.insert(key(message), index) {
                        Some(before) => next[before] = Some(index),
                        None => ready.push_back(index),
                    }
                }
                ready
            }
        };
        Self { ready, next }
    }

    /// The next that may be published.
    pub(super) fn take(&mut self) -> Option<usize> {
        self.ready.pop_front()
    }

    /// This one is confirmed.
    pub(super) fn confirmed(&mut self, index: usize) {
        if let Some(next) = self.next.get_mut(index).and_then(Option::take) {
            self.ready.push_back(next);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }
}

/// What order goes by, as in the lanes of a route.
fn key(message: &Message) -> Option<&[u8]> {
    let event = || message.attributes.text("partitionkey").map(str::as_bytes);
    message.key.as_deref().or_else(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyed(keys: &[&'static str]) -> Vec<Message> {
        let message = |key: &&'static str| Message {
            key: (!key.is_empty()).then(|| key.as_bytes().into()),
            ..Message::default()
        };
        keys.iter().map(message).collect()
    }

    fn drain(turns: &mut Turns) -> Vec<usize> {
        std::iter::from_fn(|| turns.take()).collect()
    }

    #[test]
    fn a_key_waits_for_itself_only() {
        let batch = keyed(&["a", "b", "a", "", "", "a"]);
        let mut turns = Turns::new(Ordering::Key, &batch);
        assert_eq!(drain(&mut turns), [0, 1, 3]);
        turns.confirmed(0);
        turns.confirmed(1);
        assert_eq!(drain(&mut turns), [2]);
        turns.confirmed(3);
        turns.confirmed(2);
        assert_eq!(drain(&mut turns), [4, 5]);
        assert_eq!(drain(&mut Turns::new(Ordering::None, &batch)).len(), 6);
        let mut total = Turns::new(Ordering::Total, &batch);
        assert_eq!(drain(&mut total), [0]);
        total.confirmed(0);
        assert_eq!(drain(&mut total), [1]);
        assert_eq!(drain(&mut Turns::new(Ordering::Total, &[])), [0_usize; 0]);
    }
}
