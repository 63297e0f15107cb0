//! Which messages of a batch wait for which, and what became of each.

use std::cell::RefCell;
use std::collections::HashMap;

use hybridge_config::Ordering;
use hybridge_core::{Error, ErrorKind, Message, Receipt};

/// The indices of `batch` in chains: in a chain each is sent after the one before it was
/// confirmed, and chains know nothing of each other. Messages without a key are one chain where
/// there is an order to keep.
pub(super) fn chains(ordering: Ordering, batch: &[Message]) -> Vec<Vec<usize>> {
    match ordering {
        Ordering::None => (0..batch.len()).map(|index| vec![index]).collect(),
        Ordering::Total => vec![(0..batch.len()).collect()],
        Ordering::Key => {
            let mut chains: Vec<Vec<usize>> = Vec::new();
            let mut of_key = HashMap::new();
            for (index, message) in batch.iter().enumerate() {
                let chain = *of_key.entry(message.key.as_deref()).or_insert_with(|| {
                    chains.push(Vec::new());
                    chains.len() - 1
                });
                if let Some(chain) = chains.get_mut(chain) {
                    chain.push(index);
                }
            }
            chains
        }
    }
}

/// One result for each message; what has none was not attempted.
pub(super) struct Results(RefCell<Vec<Option<Result<Receipt, Error>>>>);

impl Results {
    pub(super) fn new(messages: usize) -> Self {
        Self(RefCell::new(vec![None; messages]))
    }

    pub(super) fn set(&self, index: usize, result: Result<Receipt, Error>) {
        if let Some(slot) = self.0.borrow_mut().get_mut(index) {
            *slot = Some(result);
        }
    }

    /// As if it had not been attempted.
    pub(super) fn clear(&self, index: usize) {
        if let Some(slot) = self.0.borrow_mut().get_mut(index) {
            *slot = None;
        }
    }

    /// Whether this one was refused.
    pub(super) fn is_err(&self, index: usize) -> bool {
        matches!(self.0.borrow().get(index), Some(Some(Err(_))))
    }

    pub(super) fn into_results(self) -> Vec<Result<Receipt, Error>> {
        let held = Error::new(ErrorKind::Held, "not attempted yet");
        let results = self.0.into_inner().into_iter();
        results.map(|result| result.unwrap_or_else(|| Err(held.clone()))).collect()
    }
}
