//! The locks and atomics that threads share; with the feature `shuttle` those of the model checker,
//! which runs the tests in `models` under many schedules.

#[cfg(not(feature = "shuttle"))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic};

#[cfg(feature = "shuttle")]
pub(crate) use shuttle::sync::{Mutex, MutexGuard, atomic};

/// Locks, also after another thread panicked while it held the lock: what these locks protect is
/// counters that are changed in one step, so they are whole at every point where a panic can be.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
