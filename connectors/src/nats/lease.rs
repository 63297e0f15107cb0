//! The right to read what only one process at a time may read, and how far it was read: one entry of a key-value bucket.
//!
//! Every change is a compare-and-set on the entry's revision, so whoever lost the lease cannot change it any more. Nobody
//! compares clocks: a lease is over when its entry did not change for its `ttl`, measured by whoever waits. The token
//! counts who held it.

mod bucket;
#[cfg(test)]
#[cfg(feature = "schedule")]
pub(crate) mod memory;
mod tenure;

use std::cell::RefCell;
use std::time::Duration;

use async_trait::async_trait;
#[cfg(any(feature = "file", feature = "schedule"))]
use hybridge_config::connector::lease;
use hybridge_config::connector::nats;
use hybridge_core::{Error, ErrorKind};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use self::bucket::Bucket;
pub(crate) use self::tenure::{Change, Claim, Tenure};
use super::endpoint::Endpoint;

/// Where the entry is, and who wants it.
pub(crate) struct Terms {
    place: Box<dyn Place>,
    route: String,
    /// What the entry is called, to be shown.
    shown: String,
    ttl: Duration,
    /// The name under which this source holds the lease: the same after a crash, so that it need not wait for its own
    /// lease to end. Once somebody else has taken it under this name, another one.
    holder: RefCell<String>,
}

/// Where an entry can be.
#[async_trait(?Send)]
trait Place {
    /// Whether it could be opened, without making anything.
    async fn probe(&self) -> Result<(), Error>;

    /// Connects, and sees to it that entries can be kept there.
    async fn open(&self) -> Result<Box<dyn Slot>, Error>;
}

/// One entry and the connection on which it is changed. After an error it is of no more use.
#[async_trait(?Send)]
trait Slot {
    /// What is there and its revision; an empty body where it was deleted.
    async fn read(&mut self) -> Result<Option<(Vec<u8>, u64)>, Error>;

    /// Changes it if it has this revision, 0 for none, and returns the new one; `None` where it has another one.
    async fn swap(&mut self, revision: u64, body: &[u8]) -> Result<Option<u64>, Error>;

    async fn close(self: Box<Self>);
}

/// What the entry says; `S` is how far it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry<S> {
    /// Who reads: a name that no two sources share.
    holder: String,
    /// Greater with each holder.
    token: u64,
    #[serde(flatten)]
    state: S,
    /// The holder has given it back.
    released: bool,
    /// How long the holder may be silent.
    ttl_ms: u64,
}

/// The entry as it was last seen or changed here.
struct Lease {
    slot: Box<dyn Slot>,
    revision: u64,
}

/// What became of a change.
#[derive(Debug, PartialEq, Eq)]
enum Swapped {
    Done,
    /// Somebody else changed it before.
    TooLate,
}

impl Terms {
    /// For a source of `route` in the instance of this name. Opens nothing.
    pub(super) fn new(
        endpoint: Endpoint,
        config: nats::LeaseConfig,
        key: &str,
        route: &str,
        instance: &str,
    ) -> Self {
        let shown = format!("`{key}` in the bucket `{}`", config.bucket);
        let ttl = config.ttl.get();
        let place = Box::new(Bucket { endpoint, config, key: key.to_owned() });
        let holder = RefCell::new(holder(instance, route));
        Self { place, route: route.to_owned(), shown, ttl, holder }
    }

    /// For a source of another connector, of this kind. Opens nothing.
    ///
    /// # Errors
    /// The lease has no connection, or one with an address that is none.
    #[cfg(any(feature = "file", feature = "schedule"))]
    pub(crate) fn of(
        lease: &lease::LeaseConfig,
        kind: &str,
        route: &str,
        instance: &str,
    ) -> Result<Self, Error> {
        let endpoint = Endpoint::new(lease.endpoint.as_ref(), route)?;
        let key = lease.key(kind, route);
        Ok(Self::new(endpoint, lease.entry(), &key, route, instance))
    }

    /// Whether the lease could be taken or waited for.
    pub(crate) async fn probe(&self) -> Result<(), Error> {
        self.place.probe().await
    }

    /// The entry, to be shown.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Says whether this process has the lease.
    fn held(&self, is_held: bool) {
        metrics::gauge!("hybridge_lease_held", "route" => self.route.clone())
            .set(f64::from(u8::from(is_held)));
    }

    fn holder(&self) -> String {
        self.holder.borrow().clone()
    }

    /// Is somebody else from now on: another source has the same name.
    fn rename(&self) {
        *self.holder.borrow_mut() = uuid::Uuid::new_v4().to_string();
    }

    fn entry<S>(&self, token: u64, state: S, released: bool) -> Entry<S> {
        let ttl_ms = self.ttl.as_millis() as u64;
        Entry { holder: self.holder(), token, state, released, ttl_ms }
    }
}

/// Only one process has the storage of an instance; a copy of its folder is on another machine.
fn holder(instance: &str, route: &str) -> String {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{instance}@{}/{route}", machine.trim())
}

impl<S> Entry<S> {
    fn ttl(&self) -> Duration {
        Duration::from_millis(self.ttl_ms)
    }
}

impl Lease {
    async fn open(terms: &Terms) -> Result<Self, Error> {
        Ok(Self { slot: terms.place.open().await?, revision: 0 })
    }

    /// The entry as it is now, and its revision; `None` where there is none.
    async fn read<S: DeserializeOwned>(&mut self) -> Result<Option<(Entry<S>, u64)>, Error> {
        let there = self.slot.read().await?;
        self.revision = there.as_ref().map_or(0, |(_, revision)| *revision);
        // A deleted entry has no body: whoever deleted it wants to begin anew.
        let Some((body, revision)) = there.filter(|(body, _)| !body.is_empty()) else {
            return Ok(None);
        };
        let entry = serde_json::from_slice(&body).map_err(|error| {
            Error::with_source(ErrorKind::Transient, "the lease cannot be read", error)
        })?;
        Ok(Some((entry, revision)))
    }

    /// Changes the entry, if it is as it was when it was last read or changed here.
    async fn swap<S: Serialize + DeserializeOwned>(
        &mut self,
        entry: &Entry<S>,
    ) -> Result<Swapped, Error> {
        if self.try_swap(entry).await? == Swapped::Done {
            return Ok(Swapped::Done);
        }
        // The answer to an earlier change of ours may have been lost: what is there is ours all the same.
        if !self.is_ours(entry).await? {
            return Ok(Swapped::TooLate);
        }
        self.try_swap(entry).await
    }

    async fn try_swap<S: Serialize>(&mut self, entry: &Entry<S>) -> Result<Swapped, Error> {
        let failed =
            |error| Error::with_source(ErrorKind::Fatal, "the lease cannot be written", error);
        let body = serde_json::to_vec(entry).map_err(failed)?;
        let Some(revision) = self.slot.swap(self.revision, &body).await? else {
            return Ok(Swapped::TooLate);
        };
        self.revision = revision;
        Ok(Swapped::Done)
    }

    /// Whether the entry is still `entry`'s holder's; then this is good for changing it.
    async fn is_ours<S: DeserializeOwned>(&mut self, entry: &Entry<S>) -> Result<bool, Error> {
        let there = self.read::<S>().await?;
        Ok(there.is_some_and(|(there, _)| {
            there.holder == entry.holder && there.token == entry.token && !there.released
        }))
    }

    async fn close(self) {
        self.slot.close().await;
    }
}
