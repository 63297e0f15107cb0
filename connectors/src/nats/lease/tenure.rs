//! Getting, keeping and giving back a lease.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use hybridge_core::{Error, ErrorKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::{Entry, Lease, Swapped, Terms};

/// Before something that failed is tried again.
const PAUSE: Duration = Duration::from_millis(300);
/// How long giving the lease back may take.
const FAREWELL: Duration = Duration::from_secs(2);

type Task<T> = Pin<Box<dyn Future<Output = T>>>;

/// Who takes a lease.
#[async_trait(?Send)]
pub(crate) trait Claim {
    /// How far it was read: it is part of the entry, so only the holder can change it.
    type State: Serialize + DeserializeOwned + 'static;

    /// What to begin with, from what the last holder left. The lease is not taken yet.
    async fn begin(&self, left: Option<Self::State>) -> Result<Self::State, Error>;
}

/// A lease that is waited for, or held. Whoever has it polls [`progress`](Self::progress), asks
/// [`watch`](Self::watch) before it gives anything out, and calls [`begin`](Self::begin) whenever it has been woken.
pub(crate) struct Tenure<C: Claim> {
    terms: Rc<Terms>,
    claim: Rc<C>,
    standing: Standing,
    /// What is being done about the lease.
    work: Option<Task<Worked<C::State>>>,
    /// When it is next to be done.
    due: Instant,
    /// After a failure nothing is done about it before this.
    rests: Instant,
    lease: Option<Lease>,
    stopped: bool,
}

/// What became of the lease.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change<S> {
    /// It is ours, and this is where to begin.
    Taken(S),
    /// It is ours still, and this is in the entry.
    Saved(S),
    /// It is not ours any more, and why.
    Lost(&'static str),
}

enum Standing {
    /// Somebody else may hold the lease.
    Waiting(Option<Seen>),
    Held {
        token: u64,
        /// When the lease was last known to be ours.
        renewed: Instant,
    },
}

/// Who else reads, as it was last seen.
#[derive(Debug, Clone)]
struct Seen {
    revision: u64,
    since: Instant,
    holder: String,
}

/// What one look at the lease gave.
enum Looked<S> {
    /// It is ours, counted from this time.
    Ours(Lease, Entry<S>, Instant),
    /// It is somebody else's.
    Others(Lease, Seen),
}

/// What came of the work on the lease.
enum Worked<S> {
    Looked(Result<Looked<S>, Error>),
    Saved { lease: Option<Lease>, state: S, began: Instant, result: Result<Swapped, Error> },
}

impl<C: Claim + 'static> Tenure<C> {
    /// Looks at the lease, and takes it if nobody has it.
    pub(crate) async fn open(
        terms: Rc<Terms>,
        claim: Rc<C>,
    ) -> Result<(Self, Option<Change<C::State>>), Error> {
        let looked = look(&terms, &*claim, None, None).await?;
        let now = Instant::now();
        let mut tenure = Self {
            terms,
            claim,
            standing: Standing::Waiting(None),
            work: None,
            due: now,
            rests: now,
            lease: None,
            stopped: false,
        };
        let change = tenure.looked(looked);
        Ok((tenure, change))
    }

    pub(crate) fn is_held(&self) -> bool {
        matches!(self.standing, Standing::Held { .. })
    }

    /// When what is held may not be used any more: before anybody else may take it.
    pub(crate) fn ends(&self) -> Option<Instant> {
        match self.standing {
            Standing::Held { renewed, .. } => Some(renewed + self.terms.ttl * 2 / 3),
            Standing::Waiting(_) => None,
        }
    }

    /// What is waited for, and who has it.
    pub(crate) fn waits_for(&self) -> Option<String> {
        let Standing::Waiting(seen) = &self.standing else { return None };
        let lease = self.terms.shown();
        Some(match seen {
            Some(seen) if !seen.holder.is_empty() => {
                format!("the lease {lease}, held by {}", seen.holder)
            }
            _ => format!("the lease {lease}"),
        })
    }

    /// Notices that the lease is over.
    pub(crate) fn watch(&mut self) -> Option<Change<C::State>> {
        if self.ends().is_none_or(|ends| Instant::now() < ends) {
            return None;
        }
        Some(self.lose("the lease could not be renewed in time"))
    }

    /// What changed is to be saved within this time.
    pub(crate) fn save_within(&mut self, time: Duration) {
        if self.is_held() {
            self.due = self.due.min(Instant::now() + time);
        }
    }

    /// Takes the lease no more. One that is held is kept, to save what is settled.
    pub(crate) fn stop(&mut self) {
        self.stopped = true;
    }

    /// Starts what is due about the lease; at once where a holder has something to save.
    pub(crate) fn begin(&mut self, has_changes: bool, state: impl FnOnce() -> C::State) {
        let now = Instant::now();
        let is_due = now >= self.due || (has_changes && self.is_held());
        if self.work.is_some() || now < self.rests || !is_due {
            return;
        }
        self.work = match &self.standing {
            Standing::Waiting(_) if self.stopped => None,
            Standing::Waiting(seen) => {
                let (terms, claim, seen) = (self.terms.clone(), self.claim.clone(), seen.clone());
                let lease = self.lease.take();
                Some(Box::pin(
                    async move { Worked::Looked(look(&terms, &*claim, lease, seen).await) },
                ))
            }
            Standing::Held { token, .. } => {
                let entry = self.terms.entry(*token, state(), false);
                Some(Box::pin(save(self.terms.clone(), self.lease.take(), entry)))
            }
        };
    }

    /// When [`begin`](Self::begin) and [`watch`](Self::watch) are to be called, whatever comes.
    pub(crate) fn alarm(&self) -> Option<Instant> {
        let is_idle = self.work.is_some() || (self.stopped && !self.is_held());
        let due = (!is_idle).then(|| self.due.max(self.rests));
        due.into_iter().chain(self.ends()).min()
    }

    /// Waits for what is being done about the lease; for ever where nothing is. Cancel-safe.
    ///
    /// # Errors
    /// The lease cannot be looked at while somebody else may have it, or nothing can be saved any more. While it is ours
    /// there is time, and it is tried again.
    pub(crate) async fn progress(&mut self) -> Result<Option<Change<C::State>>, Error> {
        let worked = match &mut self.work {
            Some(work) => work.await,
            None => std::future::pending().await,
        };
        self.work = None;
        self.worked(worked)
    }

    fn worked(&mut self, worked: Worked<C::State>) -> Result<Option<Change<C::State>>, Error> {
        match worked {
            Worked::Looked(Ok(looked)) => Ok(self.looked(looked)),
            Worked::Looked(Err(error)) if self.stopped => {
                tracing::warn!(%error, "cannot look at the lease");
                Ok(None)
            }
            Worked::Looked(Err(error)) => Err(error),
            Worked::Saved { lease, state, began, result } => {
                self.lease = lease;
                let Standing::Held { renewed, .. } = &mut self.standing else { return Ok(None) };
                match result {
                    Ok(Swapped::Done) => {
                        *renewed = began;
                        self.due = Instant::now() + self.terms.ttl / 3;
                        Ok(Some(Change::Saved(state)))
                    }
                    Ok(Swapped::TooLate) => {
                        self.terms.rename();
                        Ok(Some(self.lose("another process has taken the lease")))
                    }
                    Err(error) if error.kind() == ErrorKind::Fatal => Err(error),
                    Err(error) => {
                        tracing::warn!(%error, "the lease cannot be renewed; tried again");
                        self.rests = Instant::now() + PAUSE;
                        self.due = self.rests;
                        Ok(None)
                    }
                }
            }
        }
    }

    fn looked(&mut self, looked: Looked<C::State>) -> Option<Change<C::State>> {
        match looked {
            Looked::Others(lease, seen) => {
                self.lease = Some(lease);
                self.terms.held(false);
                self.standing = Standing::Waiting(Some(seen));
                self.due = Instant::now() + self.terms.ttl / 4;
                None
            }
            Looked::Ours(lease, entry, began) => {
                self.lease = Some(lease);
                tracing::info!(lease = self.terms.shown, token = entry.token, "reading");
                self.terms.held(true);
                self.standing = Standing::Held { token: entry.token, renewed: began };
                self.due = began + self.terms.ttl / 3;
                Some(Change::Taken(entry.state))
            }
        }
    }

    fn lose(&mut self, why: &'static str) -> Change<C::State> {
        tracing::warn!(lease = self.terms.shown, why, "not reading any more");
        self.terms.held(false);
        self.standing = Standing::Waiting(None);
        self.due = Instant::now() + self.terms.ttl / 3;
        Change::Lost(why)
    }

    /// Writes down where it ended and gives the lease back, so that nobody has to wait for its end.
    pub(crate) async fn release(mut self, state: impl FnOnce() -> C::State) {
        self.terms.held(false);
        let farewell = async {
            // What is on its way must not come after the farewell.
            let mut taken = None;
            if let Some(work) = self.work.take() {
                let worked = work.await;
                match self.worked(worked) {
                    // Nobody has begun to read.
                    Ok(Some(Change::Taken(state))) => taken = Some(state),
                    Ok(_) => {}
                    Err(error) => tracing::warn!(%error, "the lease was not renewed"),
                }
            }
            if let Standing::Held { token, .. } = self.standing {
                let entry = self.terms.entry(token, taken.unwrap_or_else(state), true);
                let saved = save(self.terms.clone(), self.lease.take(), entry).await;
                if let Worked::Saved { lease, result, .. } = saved {
                    self.lease = lease;
                    if let Err(error) = result {
                        tracing::warn!(%error, "the lease was not given back");
                    }
                }
            }
            if let Some(lease) = self.lease.take() {
                lease.close().await;
            }
        };
        if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
            tracing::warn!("the lease was not given back in time");
        }
    }
}

/// Looks at the lease, and takes it if nobody has it.
async fn look<C: Claim>(
    terms: &Terms,
    claim: &C,
    lease: Option<Lease>,
    seen: Option<Seen>,
) -> Result<Looked<C::State>, Error> {
    let mut lease = match lease {
        Some(lease) => lease,
        None => Lease::open(terms).await?,
    };
    let there = lease.read::<C::State>().await?;
    if let Some((entry, revision)) = &there
        && !entry.released
        && entry.holder != terms.holder()
    {
        let now = Instant::now();
        let seen = match seen {
            Some(seen) if seen.revision == *revision => seen,
            before => {
                if before.is_none_or(|before| before.holder != entry.holder) {
                    tracing::info!(
                        lease = terms.shown,
                        holder = entry.holder,
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
    let (token, left) = there.map_or((1, None), |(entry, _)| (entry.token + 1, Some(entry.state)));
    let entry = terms.entry(token, claim.begin(left).await?, false);
    let began = Instant::now();
    match lease.swap(&entry).await? {
        Swapped::Done => Ok(Looked::Ours(lease, entry, began)),
        Swapped::TooLate => {
            let revision = lease.read::<C::State>().await?.map_or(0, |(_, revision)| revision);
            let seen = Seen { revision, since: Instant::now(), holder: String::new() };
            Ok(Looked::Others(lease, seen))
        }
    }
}

async fn save<S: Serialize + DeserializeOwned>(
    terms: Rc<Terms>,
    lease: Option<Lease>,
    entry: Entry<S>,
) -> Worked<S> {
    let began = Instant::now();
    let opened = match lease {
        Some(lease) => Ok(lease),
        None => Lease::open(&terms).await,
    };
    let (lease, result) = match opened {
        Err(error) => (None, Err(error)),
        Ok(mut lease) => match lease.swap(&entry).await {
            // What the connection is good for is not known any more.
            Err(error) => (None, Err(error)),
            swapped => (Some(lease), swapped),
        },
    };
    Worked::Saved { lease, state: entry.state, began, result }
}
