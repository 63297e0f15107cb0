//! The right to read a stream as a log, and how far it was read: one entry of a key-value bucket.
//!
//! Every change is a compare-and-set on the entry's revision, so whoever lost the lease cannot change it any more. Nobody
//! compares clocks: a lease is over when its entry did not change for its `ttl`, measured by whoever waits. The token
//! counts who held it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hybridge_config::connector::nats::LeaseConfig;
use hybridge_core::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

use super::api::{Control, Failure, code};
use super::endpoint::Endpoint;

/// What the entry says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Who reads: a name that no two sources share.
    pub(super) holder: String,
    /// Greater with each holder.
    pub(super) token: u64,
    /// The first sequence that is not resolved; 0 where nothing was read yet.
    pub(super) position: u64,
    /// When the stream was made that this is a position of.
    pub(super) stream: String,
    /// The holder has given it back.
    pub(super) released: bool,
    /// How long the holder may be silent.
    pub(super) ttl_ms: u64,
}

/// The entry and the connection on which it is changed.
#[derive(Debug)]
pub(super) struct Lease {
    control: Control,
    stream: String,
    subject: String,
    revision: u64,
}

/// What became of a change.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Swapped {
    Done,
    /// Somebody else changed it before.
    TooLate,
}

impl Entry {
    pub(super) fn ttl(&self) -> Duration {
        Duration::from_millis(self.ttl_ms)
    }
}

impl Lease {
    /// Connects, and sees to it that there is a bucket.
    pub(super) async fn open(
        endpoint: &Endpoint,
        config: &LeaseConfig,
        key: &str,
    ) -> Result<Self, Error> {
        let mut control = Control::new(endpoint.open().await?);
        let bucket = &config.bucket;
        let stream = format!("KV_{bucket}");
        match control.stream(&stream).await {
            Ok(_) => {}
            Err(failure) if !failure.is(code::NO_STREAM) => {
                return Err(failure.into_error(&format!("cannot see the bucket `{bucket}`")));
            }
            Err(_) if !config.create => {
                return Err(Error::transient(format!(
                    "there is no bucket `{bucket}` for the lease and the position: make it with \
                     `nats kv add {bucket}`, or write `lease: {{ create: true }}`"
                )));
            }
            Err(_) => {
                let made = control.make_bucket(bucket, config.replicas).await;
                made.map_err(|failure| {
                    failure.into_error(&format!("cannot make the bucket `{bucket}`"))
                })?;
                tracing::info!(bucket, "made the bucket for leases");
            }
        }
        let subject = format!("$KV.{bucket}.{key}");
        Ok(Self { control, stream, subject, revision: 0 })
    }

    /// The entry as it is now, and its revision; `None` where there is none.
    pub(super) async fn read(&mut self) -> Result<Option<(Entry, u64)>, Error> {
        let what = || format!("cannot read the lease `{}`", self.subject);
        let stored = self.control.last(&self.stream, &self.subject).await;
        let Some(stored) = stored.map_err(|failure| failure.into_error(&what()))? else {
            self.revision = 0;
            return Ok(None);
        };
        self.revision = stored.seq;
        let data = STANDARD.decode(&stored.data).unwrap_or_default();
        // A deleted entry has no body: whoever deleted it wants to begin anew.
        if data.is_empty() {
            return Ok(None);
        }
        let entry = serde_json::from_slice(&data)
            .map_err(|error| Error::with_source(ErrorKind::Transient, what(), error))?;
        Ok(Some((entry, stored.seq)))
    }

    /// Changes the entry, if it is as it was when it was last read or changed here.
    pub(super) async fn swap(&mut self, entry: &Entry) -> Result<Swapped, Error> {
        let body = serde_json::to_vec(entry).unwrap_or_default();
        match self.control.swap(&self.subject, self.revision, &body).await {
            Ok(revision) => {
                self.revision = revision;
                return Ok(Swapped::Done);
            }
            Err(failure) if failure.is(code::WRONG_SEQUENCE) => {}
            Err(Failure::Broken(error)) => return Err(error),
            Err(failure) => return Err(failure.into_error("cannot change the lease")),
        }
        // The answer to an earlier change of ours may have been lost: what is there is ours all the same.
        match self.reclaim(entry).await? {
            true => {
                let body = serde_json::to_vec(entry).unwrap_or_default();
                match self.control.swap(&self.subject, self.revision, &body).await {
                    Ok(revision) => {
                        self.revision = revision;
                        Ok(Swapped::Done)
                    }
                    Err(failure) if failure.is(code::WRONG_SEQUENCE) => Ok(Swapped::TooLate),
                    Err(failure) => Err(failure.into_error("cannot change the lease")),
                }
            }
            false => Ok(Swapped::TooLate),
        }
    }

    /// Makes a new connection good for changing an entry that is still `entry`'s holder's; `false` where it is not.
    pub(super) async fn reclaim(&mut self, entry: &Entry) -> Result<bool, Error> {
        let there = self.read().await?;
        Ok(there.is_some_and(|(there, _)| {
            there.holder == entry.holder && there.token == entry.token && !there.released
        }))
    }

    pub(super) async fn close(self) {
        self.control.connection.close().await;
    }
}
