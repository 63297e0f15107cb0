//! Positions that are kept in the entry of a lease.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use async_trait::async_trait;
use futures_util::future::LocalBoxFuture;
use hybridge_core::Error;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Duration, Instant};

use crate::nats::Claim;
use crate::positions::{Numbers, Positions, Saving};

/// How long a save may take before nothing more is given out: another holder would repeat all that is not saved.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the entry has beside the holder: all positions of the source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) positions: BTreeMap<String, Numbers>,
}

/// Who takes the lease goes on from what the last holder left.
pub(super) struct Successor;

#[async_trait(?Send)]
impl Claim for Successor {
    type State = State;

    async fn begin(&self, left: Option<State>) -> Result<State, Error> {
        Ok(left.unwrap_or_default())
    }
}

/// The positions of one tenure: the source sets them, whoever keeps the lease saves them all together.
#[derive(Clone, Default)]
pub(super) struct Kept(Rc<Inner>);

#[derive(Default)]
struct Inner {
    book: RefCell<Book>,
    changed: Notify,
}

#[derive(Default)]
struct Book {
    state: State,
    /// Who waits for changes that are not on their way, and for such that are.
    waiting: Vec<oneshot::Sender<()>>,
    saving: Vec<oneshot::Sender<()>>,
    /// Since when there is something that is not in the entry.
    unsaved: Option<Instant>,
    /// The lease is given back with what is here.
    parting: bool,
}

impl Kept {
    pub(super) fn new(state: State) -> Self {
        let book = Book { state, ..Book::default() };
        Self(Rc::new(Inner { book: RefCell::new(book), changed: Notify::new() }))
    }

    /// Whether something is not in the entry yet.
    pub(super) fn has_changes(&self) -> bool {
        let book = self.0.book.borrow();
        !book.waiting.is_empty() || !book.saving.is_empty()
    }

    /// When it is too long that something has not been saved.
    pub(super) fn stalls(&self) -> Option<Instant> {
        self.0.book.borrow().unsaved.map(|since| since + PATIENCE)
    }

    /// Returns when something has changed. Cancel-safe.
    pub(super) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// What is to be saved now; [`saved`](Self::saved) says that it is.
    pub(super) fn begin_save(&self) -> State {
        let mut book = self.0.book.borrow_mut();
        let waiting = std::mem::take(&mut book.waiting);
        book.saving.extend(waiting);
        book.state.clone()
    }

    /// What was given out last is in the entry.
    pub(super) fn saved(&self) {
        let mut book = self.0.book.borrow_mut();
        for saved in book.saving.drain(..) {
            let _ = saved.send(());
        }
        book.unsaved = (!book.waiting.is_empty()).then(Instant::now);
    }

    /// From now on what changes need not be waited for: it goes into the entry with the end of the lease.
    pub(super) fn part(&self) {
        let mut book = self.0.book.borrow_mut();
        book.parting = true;
        let Book { waiting, saving, .. } = &mut *book;
        for saved in waiting.drain(..).chain(saving.drain(..)) {
            let _ = saved.send(());
        }
    }
}

impl Positions for Kept {
    fn open(&mut self) -> LocalBoxFuture<'_, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    fn get(&self, name: &str, count: usize) -> Numbers {
        let book = self.0.book.borrow();
        let numbers = book.state.positions.get(name).map_or(&[][..], Vec::as_slice);
        numbers[..count.min(numbers.len())].to_vec()
    }

    fn save(&self, changes: Vec<(String, Numbers)>) -> Saving {
        let mut book = self.0.book.borrow_mut();
        for (name, numbers) in changes {
            if numbers.is_empty() {
                book.state.positions.remove(&name);
            } else {
                book.state.positions.insert(name, numbers);
            }
        }
        if book.parting {
            return Box::pin(async { Ok(()) });
        }
        let (sender, saved) = oneshot::channel();
        book.waiting.push(sender);
        book.unsaved.get_or_insert_with(Instant::now);
        self.0.changed.notify_one();
        Box::pin(async move {
            saved.await.map_err(|_| Error::transient("the lease over the positions is lost"))
        })
    }
}
