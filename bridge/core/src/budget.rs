//! The memory that messages may hold, in bytes, over the whole process.
//!
//! Three levels with one rule. The process has a pool; each route has a floor that nobody else can
//! take, and shares what is left, up to its cap; inside a route half of its floor is divided
//! equally among its assignments, so that a stuck key stops its own partition and a stuck route
//! only itself. A floor that is not used is still reserved: it is never lent.
//!
//! Only a source waits for bytes. It is woken by any release and tries again: nothing queues on
//! the pool, so a large request cannot starve small ones of other routes. What a transformer adds
//! is charged and never waited for.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::sync::{Mutex, lock};

/// The memory of the process that messages may hold.
#[derive(Clone, Debug)]
pub struct Pool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    released: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    /// Bytes beyond the floors that are free; negative while something was charged unasked.
    free: i64,
    routes: Vec<Option<Route>>,
}

#[derive(Debug)]
struct Route {
    floor: u64,
    cap: u64,
    /// What is held by shares that ended or were never tied to an assignment, and by shares.
    held: u64,
    shares: Vec<Option<u64>>,
    share_count: u64,
    /// Bytes that the floors of the shares reserve although they are not held.
    reserved: u64,
}

impl Route {
    /// The floor of each share: half of the route's floor, divided equally.
    fn share_floor(&self) -> u64 {
        self.floor / 2 / self.share_count.max(1)
    }

    /// What the route occupies: what it holds and what its shares could still take of their floors.
    fn used(&self) -> u64 {
        self.held + self.reserved
    }

    /// What it takes from the pool, beyond its own floor.
    fn taken_from_pool(&self) -> i64 {
        self.used().saturating_sub(self.floor) as i64
    }

    fn reserve_anew(&mut self) {
        let floor = self.share_floor();
        self.reserved = self.shares.iter().flatten().map(|held| floor.saturating_sub(*held)).sum();
    }
}

impl Pool {
    /// A pool of `bytes` beyond the floors of routes.
    pub fn new(bytes: u64) -> Self {
        let state = State { free: bytes as i64, routes: Vec::new() };
        Self(Arc::new(Inner { state: Mutex::new(state), released: Arc::default() }))
    }

    /// Gives a route a floor of its own and a cap on all that it holds (at least its floor).
    pub fn route(&self, floor: u64, cap: u64) -> Budget {
        let route = Route {
            floor,
            cap: cap.max(floor),
            held: 0,
            shares: Vec::new(),
            share_count: 0,
            reserved: 0,
        };
        let mut state = lock(&self.0.state);
        let index = match state.routes.iter().position(Option::is_none) {
            Some(index) => index,
            None => {
                state.routes.push(None);
                state.routes.len() - 1
            }
        };
        state.routes[index] = Some(route);
        Budget(Arc::new(Place { pool: self.clone(), index }))
    }

    /// Gives the pool more bytes, or takes some away: a reload changed the floors of routes. What
    /// is taken away while it is held shows as negative until it comes back.
    pub fn resize(&self, bytes: i64) {
        lock(&self.0.state).free += bytes;
        self.0.released.notify_waiters();
    }

    /// Bytes held now by all routes.
    pub fn held(&self) -> u64 {
        lock(&self.0.state).routes.iter().flatten().map(|route| route.held).sum()
    }

    /// Bytes of the pool that nobody has taken; negative while more was charged than there is.
    pub fn free(&self) -> i64 {
        lock(&self.0.state).free
    }
}

/// The part of one route. A clone is the same part; it ends with its last permit.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Place>);

#[derive(Debug)]
struct Place {
    pool: Pool,
    index: usize,
}

impl Place {
    /// Changes the route and takes from or returns to the pool what that changed.
    fn change<T>(&self, change: impl FnOnce(&mut Route, i64) -> T) -> Option<T> {
        let mut state = lock(&self.pool.0.state);
        let free = state.free;
        let route = state.routes.get_mut(self.index)?.as_mut()?;
        let before = route.taken_from_pool();
        let result = change(route, free);
        let after = route.taken_from_pool();
        state.free += before - after;
        Some(result)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = lock(&self.pool.0.state);
        if let Some(route) = state.routes.get_mut(self.index).and_then(Option::take) {
            state.free += route.taken_from_pool();
        }
        drop(state);
        self.pool.0.released.notify_waiters();
    }
}

impl Budget {
    /// A part that is never short: for tests of single components.
    pub fn unlimited() -> Self {
        Pool::new(0).route(u64::MAX >> 8, u64::MAX >> 8)
    }

    /// A share for one assignment (or one open listener).
    pub fn share(&self) -> Share {
        let index = self.0.change(|route, _| {
            let index = match route.shares.iter().position(Option::is_none) {
                Some(index) => index,
                None => {
                    route.shares.push(None);
                    route.shares.len() - 1
                }
            };
            route.shares[index] = Some(0);
            route.share_count += 1;
            route.reserve_anew();
            index
        });
        Share(Arc::new(ShareInner { budget: self.clone(), index: index.unwrap_or(usize::MAX) }))
    }

    /// Bytes that the route holds now.
    pub fn held(&self) -> u64 {
        self.0.change(|route, _| route.held).unwrap_or(0)
    }

    /// Bytes that the route has for itself, whatever others hold.
    pub fn floor(&self) -> u64 {
        self.0.change(|route, _| route.floor).unwrap_or(0)
    }

    /// The most that the route may hold.
    pub fn cap(&self) -> u64 {
        self.0.change(|route, _| route.cap).unwrap_or(0)
    }
}

/// The part of one assignment. A clone is the same part; it ends with its last permit.
#[derive(Clone, Debug)]
pub struct Share(Arc<ShareInner>);

#[derive(Debug)]
struct ShareInner {
    budget: Budget,
    index: usize,
}

impl Drop for ShareInner {
    fn drop(&mut self) {
        self.budget.0.change(|route, _| {
            if let Some(slot) = route.shares.get_mut(self.index)
                && slot.take().is_some()
            {
                route.share_count -= 1;
                route.reserve_anew();
            }
        });
        self.budget.0.pool.0.released.notify_waiters();
    }
}

impl Share {
    /// Takes `bytes` if they are there now.
    ///
    /// They are taken from the share's floor, then from the rest of the route's floor, then from
    /// the pool, never beyond the route's cap. A share that holds nothing always gets one request,
    /// however large, so that no message is too large to pass.
    pub fn try_take(&self, bytes: u64) -> Option<Permit> {
        let taken = self.0.budget.0.change(|route, free| {
            let held = route.shares.get(self.0.index).copied().flatten().unwrap_or(0);
            let floor_left = route.share_floor().saturating_sub(held);
            let beyond = bytes.saturating_sub(floor_left);
            let used = route.used() + beyond;
            let more_from_pool = used.saturating_sub(route.floor) as i64 - route.taken_from_pool();
            let fits = beyond == 0 || (used <= route.cap && more_from_pool <= free.max(0));
            if held > 0 && !fits {
                return false;
            }
            charge(route, self.0.index, bytes);
            true
        });
        taken.unwrap_or(false).then(|| Permit { share: self.clone(), bytes })
    }

    /// Waits until `bytes` can be taken. Cancel-safe: nothing is held until it returns.
    pub async fn take(&self, bytes: u64) -> Permit {
        loop {
            let released = self.released();
            if let Some(permit) = self.try_take(bytes) {
                return permit;
            }
            released.await;
        }
    }

    /// Returns at the next release of anything, counted from this call: make it before a
    /// `try_take`, await it after, and none is missed. Cancel-safe.
    pub fn released(&self) -> impl Future<Output = ()> + Send + use<> {
        self.0.budget.0.pool.0.released.clone().notified_owned()
    }

    /// Bytes that this share holds.
    pub fn held(&self) -> u64 {
        let index = self.0.index;
        self.0
            .budget
            .0
            .change(|route, _| route.shares.get(index).copied().flatten().unwrap_or(0))
            .unwrap_or(0)
    }
}

fn charge(route: &mut Route, share: usize, bytes: u64) {
    let floor = route.share_floor();
    route.held += bytes;
    if let Some(Some(held)) = route.shares.get_mut(share) {
        route.reserved -= floor.saturating_sub(*held);
        *held += bytes;
        route.reserved += floor.saturating_sub(*held);
    }
}

fn discharge(route: &mut Route, share: usize, bytes: u64) {
    let floor = route.share_floor();
    route.held -= bytes;
    if let Some(Some(held)) = route.shares.get_mut(share) {
        route.reserved -= floor.saturating_sub(*held);
        *held -= bytes;
        route.reserved += floor.saturating_sub(*held);
    }
}

/// Bytes that somebody holds; given back when it is dropped.
#[derive(Debug)]
pub struct Permit {
    share: Share,
    bytes: u64,
}

impl Permit {
    /// How many bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Splits off a part of at most what it holds, for one message of a chunk. Takes no lock.
    pub fn split(&mut self, bytes: u64) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self { share: self.share.clone(), bytes }
    }

    /// Takes over what `other` holds if it is of the same share, so that a whole batch is given
    /// back in one step; returns it otherwise.
    pub fn merge(&mut self, mut other: Self) -> Option<Self> {
        if !Arc::ptr_eq(&self.share.0, &other.share.0) {
            return Some(other);
        }
        self.bytes += std::mem::take(&mut other.bytes);
        None
    }

    /// Charges more, without waiting and without limit: what a step added to a message.
    pub fn grow(&mut self, bytes: u64) {
        self.share.0.budget.0.change(|route, _| charge(route, self.share.0.index, bytes));
        self.bytes += bytes;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let share = &self.share.0;
        share.budget.0.change(|route, _| discharge(route, share.index, self.bytes));
        share.budget.0.pool.0.released.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
