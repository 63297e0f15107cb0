//! Saves positions when a route flushes.

use std::collections::BTreeMap;

use hybridge_core::Error;
use tokio::time::{Duration, Instant};

use super::{Numbers, Positions, Saving};

/// How soon a save that failed is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Collects what is to be saved and saves it when it is asked to flush. A save that fails is tried
/// again: what was saved before stands, so a crash repeats some messages and loses none.
pub(crate) struct Keeper {
    positions: Box<dyn Positions>,
    /// Not yet on its way.
    changed: BTreeMap<String, Numbers>,
    saving: Option<(Saving, BTreeMap<String, Numbers>)>,
    flush: bool,
    again_at: Option<Instant>,
}

impl Keeper {
    pub(crate) fn new(positions: Box<dyn Positions>) -> Self {
        Self { positions, changed: BTreeMap::new(), saving: None, flush: false, again_at: None }
    }

    /// Before everything else.
    pub(crate) async fn open(&mut self) -> Result<(), Error> {
        self.positions.open().await
    }

    /// What is durable under this name: empty, or `count` numbers.
    pub(crate) fn get(&self, name: &str, count: usize) -> Numbers {
        let numbers = self.positions.get(name, count);
        if numbers.len() == count { numbers } else { Numbers::new() }
    }

    /// To be saved with the next flush; no numbers forget the name.
    pub(crate) fn set(&mut self, name: String, numbers: Numbers) {
        self.changed.insert(name, numbers);
    }

    /// Saves what was set so far; [`flushed`](Self::flushed) returns when it is durable.
    pub(crate) fn flush(&mut self) {
        self.flush = true;
    }

    /// Returns once for a `flush`, when it is done. Cancel-safe.
    pub(crate) async fn flushed(&mut self) {
        loop {
            if let Some(at) = self.again_at {
                tokio::time::sleep_until(at).await;
                self.again_at = None;
            }
            let Some((saving, changes)) = &mut self.saving else {
                if !std::mem::take(&mut self.flush) {
                    return std::future::pending().await;
                }
                if self.changed.is_empty() {
                    return;
                }
                let changes = std::mem::take(&mut self.changed);
                let list = changes.iter().map(|(name, n)| (name.clone(), n.clone())).collect();
                self.saving = Some((self.positions.save(list), changes));
                continue;
            };
            let result = saving.await;
            let changes = std::mem::take(changes);
            self.saving = None;
            let Err(error) = result else { return };
            tracing::warn!(error = %error, "positions could not be saved; trying again");
            for (name, numbers) in changes {
                self.changed.entry(name).or_insert(numbers);
            }
            self.flush = true;
            self.again_at = Some(Instant::now() + AGAIN);
        }
    }

    /// Saves what was set, once, at the end.
    pub(crate) async fn close(&mut self) {
        let changes = std::mem::take(&mut self.changed);
        let saving = self.saving.take().map(|(saving, _)| saving);
        if let Some(saving) = saving
            && let Err(error) = saving.await
        {
            tracing::warn!(error = %error, "positions could not be saved");
        }
        if !changes.is_empty()
            && let Err(error) = self.positions.save(changes.into_iter().collect()).await
        {
            tracing::warn!(error = %error, "positions could not be saved");
        }
    }
}
