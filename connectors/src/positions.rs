//! Where sources that keep their own position write it down.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use hybridge_core::Error;

mod in_log;
mod keeper;

pub(crate) use in_log::InLog;
pub(crate) use keeper::Keeper;

/// How long what was settled waits to be saved while nobody asks: what a crash then repeats.
pub(crate) const SAVE_WITHIN: Duration = Duration::from_millis(100);

/// A write that is on its way.
pub(crate) type Saving = LocalBoxFuture<'static, Result<(), Error>>;

/// The numbers that are kept under one name.
pub(crate) type Numbers = Vec<u64>;

/// Numbers by name, durable. The names of one route begin alike, so that routes do not meet.
pub(crate) trait Positions {
    /// Makes it ready; before everything else.
    fn open(&mut self) -> LocalBoxFuture<'_, Result<(), Error>>;

    /// What was saved last under this name, at most `count` numbers; none if nothing was.
    fn get(&self, name: &str, count: usize) -> Numbers;

    /// Saves these, each name whole or not at all; durable when it returns `Ok`. No numbers forget
    /// the name. What is not polled is not saved.
    fn save(&self, changes: Vec<(String, Numbers)>) -> Saving;
}

#[cfg(test)]
pub(crate) mod memory {
    //! Positions that outlive a source, as on a disk, and can fail.

    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    pub(crate) struct Memory(pub Arc<Mutex<BTreeMap<String, Numbers>>>, pub Arc<Mutex<bool>>);

    impl Memory {
        pub(crate) fn fail(&self, fails: bool) {
            *self.1.lock().unwrap() = fails;
        }
    }

    impl Positions for Memory {
        fn open(&mut self) -> LocalBoxFuture<'_, Result<(), Error>> {
            Box::pin(async { Ok(()) })
        }

        fn get(&self, name: &str, count: usize) -> Numbers {
            let mut numbers = self.0.lock().unwrap().get(name).cloned().unwrap_or_default();
            numbers.truncate(count);
            numbers
        }

        fn save(&self, changes: Vec<(String, Numbers)>) -> Saving {
            let memory = self.clone();
            Box::pin(async move {
                tokio::task::yield_now().await;
                if *memory.1.lock().unwrap() {
                    return Err(Error::transient("the disk is full"));
                }
                let mut kept = memory.0.lock().unwrap();
                for (name, numbers) in changes {
                    if numbers.is_empty() {
                        kept.remove(&name);
                    } else {
                        kept.insert(name, numbers);
                    }
                }
                Ok(())
            })
        }
    }
}
