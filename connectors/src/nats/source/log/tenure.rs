//! Getting, keeping and giving back the lease.

use std::time::Duration;

use hybridge_core::Error;
use tokio::time::Instant;

use super::Plan;
use crate::nats::api::Control;
use crate::nats::lease::{Entry, Lease, Swapped};
use crate::nats::source::consumer::session::stream;

/// Who else reads, as it was last seen.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    revision: u64,
    since: Instant,
    holder: String,
}

/// What one look at the lease gave.
pub(super) enum Looked {
    /// It is ours, counted from this time.
    Ours(Lease, Entry, Instant),
    /// It is somebody else's.
    Others(Lease, Seen),
}

/// Looks at the lease, and takes it if nobody has it.
pub(super) async fn look(
    plan: &Plan,
    lease: Option<Lease>,
    seen: Option<Seen>,
) -> Result<Looked, Error> {
    let mut lease = match lease {
        Some(lease) => lease,
        None => Lease::open(&plan.endpoint, &plan.lease, &plan.key()).await?,
    };
    let there = lease.read().await?;
    if let Some((entry, revision)) = &there
        && !entry.released
        && entry.holder != plan.holder()
    {
        let now = Instant::now();
        let seen = match seen {
            Some(seen) if seen.revision == *revision => seen,
            before => {
                if before.is_none_or(|before| before.holder != entry.holder) {
                    tracing::info!(
                        stream = plan.stream,
                        "another process reads; waiting for its lease"
                    );
                }
                Seen { revision: *revision, since: now, holder: entry.holder.clone() }
            }
        };
        if now.duration_since(seen.since) < entry.ttl() {
            return Ok(Looked::Others(lease, seen));
        }
    }
    let mut control = Control::new(plan.endpoint.open().await?);
    let info = stream(&mut control, &plan.stream).await?;
    control.connection.close().await;
    plan.check(&info)?;
    let (token, position) = match there {
        None => (1, plan.first(&info)),
        Some((entry, _)) if entry.stream != info.created => {
            tracing::error!(
                stream = plan.stream,
                position = entry.position,
                "the stream was deleted and made anew: reading it from its beginning"
            );
            (entry.token + 1, info.state.first_seq.max(1))
        }
        Some((entry, _)) => (entry.token + 1, plan.resume(entry.position, &info)?),
    };
    let entry = plan.entry(token, position, &info.created, false);
    let began = Instant::now();
    match lease.swap(&entry).await? {
        Swapped::Done => Ok(Looked::Ours(lease, entry, began)),
        Swapped::TooLate => {
            let revision = lease.read().await?.map_or(0, |(_, revision)| revision);
            let seen = Seen { revision, since: Instant::now(), holder: String::new() };
            Ok(Looked::Others(lease, seen))
        }
    }
}

impl Plan {
    pub(super) fn entry(&self, token: u64, position: u64, stream: &str, released: bool) -> Entry {
        Entry {
            holder: self.holder(),
            token,
            position,
            stream: stream.to_owned(),
            released,
            ttl_ms: self.ttl().as_millis() as u64,
        }
    }

    pub(super) fn ttl(&self) -> Duration {
        self.lease.ttl.get()
    }
}
