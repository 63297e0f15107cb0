//! What the process knows about itself: written by the routes, read by the admin listener.
//!
//! Routes write numbers and where their batches are; whether a route is ready is computed from
//! these when somebody asks, so a route that hangs cannot fail to say that it hangs. Nothing here
//! is on a message's path more than once per batch.

mod counts;
mod latency;
mod readiness;
mod route;
mod rules;
mod stage;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use hybridge_core::Pool;

pub use counts::Counts;
pub use latency::Latency;
pub use readiness::{HeldView, RouteView};
pub use route::{Facts, RouteStatus, State, TargetStatus};
pub use rules::RuleCounts;
pub use stage::{Inside, Stage};

/// How long work may wait with none done before a route is not ready, unless configured.
pub const STALLED_AFTER: Duration = Duration::from_secs(30);

/// The state of the whole process. Shared as `Arc<Status>`.
#[derive(Debug)]
pub struct Status {
    started: SystemTime,
    stalled_after: Duration,
    pool: Pool,
    begun: AtomicBool,
    stopping: AtomicBool,
    reloads: [AtomicU64; 2],
    routes: Mutex<BTreeMap<String, Arc<RouteStatus>>>,
}

impl Status {
    /// No routes yet. `pool` is asked for the bytes held; `stalled_after` is how long work may
    /// wait with none done.
    pub fn new(pool: Pool, stalled_after: Duration) -> Arc<Self> {
        Arc::new(Self {
            started: SystemTime::now(),
            stalled_after,
            pool,
            begun: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            reloads: Default::default(),
            routes: Mutex::default(),
        })
    }

    /// The status of this route, made if there is none; with the new facts if there is one, whose
    /// totals go on counting. A route that restarts or is reloaded calls this again.
    pub fn route(&self, name: &str, facts: Facts) -> Arc<RouteStatus> {
        let mut routes = lock(&self.routes);
        if let Some(route) = routes.get(name) {
            route.facts(facts);
            return route.clone();
        }
        let route = RouteStatus::new(name, facts);
        routes.insert(name.to_owned(), route.clone());
        route
    }

    /// Forgets a route that a reload took away.
    pub fn remove(&self, name: &str) {
        lock(&self.routes).remove(name);
    }

    /// All routes, by name.
    pub fn routes(&self) -> Vec<Arc<RouteStatus>> {
        lock(&self.routes).values().cloned().collect()
    }

    /// What `/routes` and readiness say, by name.
    pub fn views(&self) -> Vec<RouteView> {
        self.routes().iter().map(|route| route.view(self.stalled_after)).collect()
    }

    /// All routes of the configuration are known: from now on the process can be ready.
    pub fn begin(&self) {
        self.begun.store(true, Ordering::Relaxed);
    }

    /// Whether all routes of the configuration are known.
    pub fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    /// The process stops: from now on it is not ready.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the process stops.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// The configuration was read again: applied, or left as it was because it does not load.
    pub fn reloaded(&self, applied: bool) {
        self.reloads[usize::from(applied)].fetch_add(1, Ordering::Relaxed);
    }

    /// How often the configuration was read again and applied, or not applied.
    pub fn reloads(&self, applied: bool) -> u64 {
        self.reloads[usize::from(applied)].load(Ordering::Relaxed)
    }

    /// When the process started.
    pub fn started(&self) -> SystemTime {
        self.started
    }

    /// Bytes of messages that all routes hold.
    pub fn held_bytes(&self) -> u64 {
        self.pool.held()
    }

    /// Bytes of the shared pool that are free; negative while more was charged than there is.
    pub fn free_bytes(&self) -> i64 {
        self.pool.free()
    }
}

/// Locks, also after a panic elsewhere: what is behind these locks is changed in single steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
