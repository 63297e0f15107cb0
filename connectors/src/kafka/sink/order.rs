//! Keys of which a record was refused, so that none of their later ones may overtake it.

use std::collections::HashSet;

use bytes::Bytes;
use hybridge_config::Ordering;
use hybridge_core::Message;

/// What must wait within one batch.
pub(super) struct Held {
    ordering: Ordering,
    keys: HashSet<Option<Bytes>>,
}

impl Held {
    pub(super) fn new(ordering: Ordering) -> Self {
        Self { ordering, keys: HashSet::new() }
    }

    pub(super) fn add(&mut self, message: &Message) {
        match self.ordering {
            Ordering::None => {}
            Ordering::Key => drop(self.keys.insert(message.key.clone())),
            Ordering::Total => drop(self.keys.insert(None)),
        }
    }

    pub(super) fn holds(&self, message: &Message) -> bool {
        if self.keys.is_empty() {
            return false;
        }
        self.ordering == Ordering::Total || self.keys.contains(&message.key)
    }
}
