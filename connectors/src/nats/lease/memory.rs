//! An entry that processes of a test share, and that can be out of reach.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::sync::Semaphore;

use super::*;

#[derive(Clone, Default)]
pub(crate) struct Memory(Rc<Inner>);

#[derive(Default)]
struct Inner {
    entry: RefCell<Option<(Vec<u8>, u64)>>,
    is_away: Cell<bool>,
    /// The next change waits for this.
    held: RefCell<Option<Rc<Semaphore>>>,
}

/// Lets the change go on when it is dropped.
pub(crate) struct Held(Rc<Semaphore>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Memory {
    pub(crate) fn terms(&self, holder: &str, ttl: Duration) -> Terms {
        let place = Box::new(self.clone());
        let (route, shown) = ("r".to_owned(), "`k`".to_owned());
        Terms { place, route, shown, ttl, holder: RefCell::new(holder.to_owned()) }
    }

    pub(crate) fn away(&self, is_away: bool) {
        self.0.is_away.set(is_away);
    }

    pub(crate) fn entry(&self) -> serde_json::Value {
        serde_json::from_slice(&self.0.entry.borrow().as_ref().unwrap().0).unwrap()
    }

    /// Keeps the next change on its way.
    pub(crate) fn hold_next_swap(&self) -> Held {
        let semaphore = Rc::new(Semaphore::new(0));
        *self.0.held.borrow_mut() = Some(semaphore.clone());
        Held(semaphore)
    }

    async fn reach(&self) -> Result<(), Error> {
        tokio::task::yield_now().await;
        match self.0.is_away.get() {
            true => Err(Error::transient("away")),
            false => Ok(()),
        }
    }
}

#[async_trait(?Send)]
impl Place for Memory {
    async fn probe(&self) -> Result<(), Error> {
        self.reach().await
    }

    async fn open(&self) -> Result<Box<dyn Slot>, Error> {
        self.reach().await?;
        Ok(Box::new(self.clone()))
    }
}

#[async_trait(?Send)]
impl Slot for Memory {
    async fn read(&mut self) -> Result<Option<(Vec<u8>, u64)>, Error> {
        self.reach().await?;
        Ok(self.0.entry.borrow().clone())
    }

    async fn swap(&mut self, revision: u64, body: &[u8]) -> Result<Option<u64>, Error> {
        self.reach().await?;
        let held = self.0.held.take();
        if let Some(held) = held {
            let _ = held.acquire().await;
        }
        let mut entry = self.0.entry.borrow_mut();
        if entry.as_ref().map_or(0, |(_, revision)| *revision) != revision {
            return Ok(None);
        }
        *entry = Some((body.to_vec(), revision + 1));
        Ok(Some(revision + 1))
    }

    async fn close(self: Box<Self>) {}
}
