//! The locks that threads share, so that a model checker can take the place of the real ones.

pub(crate) use std::sync::Mutex;
use std::sync::{MutexGuard, PoisonError};

/// Locks, also after another thread panicked while it held the lock: what these locks protect is
/// counters that are changed in one step, so they are whole at every point where a panic can be.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
