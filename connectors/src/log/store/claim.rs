//! The right to be the one reader of a topic for a consumer group.

use std::sync::Arc;

use super::Store;
use crate::log::engine::Registry;
use crate::log::topic::Topic;
use crate::log::view::lock;

/// While it lives nobody else of this process reads the topic for the group; two readers would overwrite each other's
/// cursors. Other processes are kept out by the folder's lock.
#[derive(Debug)]
pub struct Claim {
    registry: Arc<Registry>,
    key: (String, String),
}

impl Store {
    /// Claims a topic for a group; `None` while somebody has it.
    #[must_use]
    pub fn claim(&self, group: &str, topic: &Topic) -> Option<Claim> {
        let key = (group.to_owned(), topic.name().to_owned());
        let registry = self.inner.registry.clone();
        let free = lock(&registry.claims).insert(key.clone());
        free.then_some(Claim { registry, key })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        lock(&self.registry.claims).remove(&self.key);
    }
}
