//! The consumer groups that somebody has asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hybridge_connectors::log::{Store, Topic};
use tokio::time::Instant;

use super::group::Group;
use crate::feed::Start;
use crate::serve::Refusal;

/// Groups that are kept in memory at a time.
const MOST: usize = 1024;
/// A group with nothing given out is forgotten when it was not asked for so long; its position is
/// in the log.
const IDLE: Duration = Duration::from_secs(600);

/// All groups of this process. A clone is the same.
#[derive(Clone, Debug)]
pub(super) struct Groups {
    /// Receipts of an earlier life of the process must not be taken for ours.
    epoch: u64,
    open: Arc<Mutex<HashMap<(String, String), Known>>>,
    /// Held while a group is opened: two that began it at once would disagree on its position.
    opening: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug)]
struct Known {
    group: Arc<Group>,
    asked: Instant,
}

impl Default for Groups {
    fn default() -> Self {
        Self { epoch: fastrand::u64(..), open: Arc::default(), opening: Arc::default() }
    }
}

impl Groups {
    /// The group of this name; begun at `from` when it has no position yet.
    pub(super) async fn join(
        &self,
        store: &Store,
        topic: &Topic,
        name: &str,
        from: Option<Start>,
    ) -> Result<Arc<Group>, Refusal> {
        if let Some(group) = self.find(topic, name) {
            return Ok(group);
        }
        let _opening = self.opening.lock().await;
        if let Some(group) = self.find(topic, name) {
            return Ok(group);
        }
        self.make_room()?;
        let group = Arc::new(Group::open(store, topic, name, from, self.epoch).await?);
        let known = Known { group: group.clone(), asked: Instant::now() };
        self.lock().insert((topic.name().to_owned(), name.to_owned()), known);
        Ok(group)
    }

    fn make_room(&self) -> Result<(), Refusal> {
        let mut open = self.lock();
        if open.len() < MOST {
            return Ok(());
        }
        let is_used = |known: &Known| {
            let asked = known.asked.elapsed() < IDLE || Arc::strong_count(&known.group) > 1;
            asked || !known.group.is_idle()
        };
        open.retain(|_, known| is_used(known));
        if open.len() < MOST {
            return Ok(());
        }
        Err(Refusal::unavailable(format!("{MOST} groups are in use")))
    }

    /// The group of this name, if somebody has received from it in this life of the process.
    pub(super) fn find(&self, topic: &Topic, name: &str) -> Option<Arc<Group>> {
        let key = (topic.name().to_owned(), name.to_owned());
        let mut open = self.lock();
        let known = open.get_mut(&key)?;
        if known.group.topic().incarnation() != topic.incarnation() {
            open.remove(&key);
            return None;
        }
        known.asked = Instant::now();
        Some(known.group.clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, String), Known>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
