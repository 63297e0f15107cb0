//! The lease: who reads the stream, and from where.

use std::sync::Arc;
use std::time::Duration;

use hybridge_core::{Assignment, Error, Event};
use tokio::time::Instant;

use super::{Open, PAUSE, SAVE, State};
use crate::nats::lease::{Lease, Swapped};
use crate::nats::source::log::tenure::{Looked, Seen, look};

/// Whose the lease is.
pub(super) enum Tenure {
    /// Somebody else may hold the lease.
    Waiting(Option<Seen>),
    Held(Held),
}

/// The lease while it is ours.
pub(super) struct Held {
    pub(super) assignment: Assignment,
    pub(super) token: u64,
    pub(super) stream: String,
    /// When the lease was last known to be ours.
    pub(super) renewed: Instant,
    /// The position that is durable.
    pub(super) saved: u64,
    /// The sequence to be read next.
    pub(super) next: u64,
}

/// What came of the work on the lease.
pub(super) enum Worked {
    Looked(Result<Looked, Error>),
    Saved { lease: Lease, position: u64, began: Instant, result: Result<Swapped, Error> },
}

impl Held {
    /// When we may not read any more: before anybody else may.
    pub(super) fn ends(&self, ttl: Duration) -> Instant {
        self.renewed + ttl * 2 / 3
    }
}

impl Open {
    /// Starts what is due about the lease.
    pub(super) fn begin_work(&mut self) {
        let is_asked = self.flushing.is_some();
        let now = Instant::now();
        if self.work.is_some() || now < self.rests || (now < self.due && !is_asked) {
            return;
        }
        let (plan, lease) = (self.plan.clone(), self.lease.take());
        self.work = Some(match &self.tenure {
            Tenure::Waiting(seen) => {
                let seen = seen.clone();
                Box::pin(async move { Worked::Looked(look(&plan, lease, seen).await) })
            }
            Tenure::Held(held) => {
                let position = self.watermark.committable(held.assignment.id());
                let position = position.unwrap_or(held.saved);
                let entry = plan.entry(held.token, position, &held.stream, false);
                Box::pin(async move {
                    let began = Instant::now();
                    let opened = match lease {
                        Some(lease) => Ok(lease),
                        None => Lease::open(&plan.endpoint, &plan.lease, &plan.key()).await,
                    };
                    match opened {
                        Err(error) => Worked::Looked(Err(error)),
                        Ok(mut lease) => {
                            let result = lease.swap(&entry).await;
                            Worked::Saved { lease, position, began, result }
                        }
                    }
                })
            }
        });
    }

    pub(super) fn worked(&mut self, worked: Worked) -> Result<(), Error> {
        match worked {
            Worked::Looked(Ok(looked)) => self.looked(looked),
            Worked::Looked(Err(error)) => {
                // While it is ours there is time; who waits may say that something is wrong.
                if matches!(self.tenure, Tenure::Waiting(_)) && !self.stopped {
                    return Err(error);
                }
                tracing::warn!(%error, "the lease cannot be renewed; tried again");
                self.rest();
            }
            Worked::Saved { lease, position, began, result } => {
                let Tenure::Held(held) = &mut self.tenure else {
                    self.lease = Some(lease);
                    return Ok(());
                };
                match result {
                    Ok(Swapped::Done) => {
                        self.lease = Some(lease);
                        held.renewed = began;
                        held.saved = position;
                        let moved = self.watermark.committable(held.assignment.id());
                        let has_moved = moved.is_some_and(|moved| moved > position);
                        let wait = if has_moved { SAVE } else { self.plan.ttl() / 3 };
                        self.due = Instant::now() + wait.min(self.plan.ttl() / 3);
                    }
                    Ok(Swapped::TooLate) => {
                        self.lease = Some(lease);
                        self.plan.rename();
                        self.lose("another process has taken the lease");
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the lease cannot be renewed; tried again");
                        self.rest();
                    }
                }
            }
        }
        Ok(())
    }

    fn rest(&mut self) {
        self.rests = Instant::now() + PAUSE;
        self.due = self.rests;
    }

    pub(super) fn looked(&mut self, looked: Looked) {
        match looked {
            Looked::Others(lease, seen) => {
                self.lease = Some(lease);
                self.tenure = Tenure::Waiting(Some(seen));
                self.due = Instant::now() + self.plan.ttl() / 4;
            }
            Looked::Ours(lease, entry, began) => {
                self.lease = Some(lease);
                let assignment = Assignment::new(Arc::new(self.plan.place(&entry.stream)));
                self.watermark.assign(assignment.clone(), entry.position);
                self.events.push(Event::Assigned(vec![assignment.clone()]));
                tracing::info!(
                    stream = self.plan.stream,
                    position = entry.position,
                    token = entry.token,
                    "reading"
                );
                self.tenure = Tenure::Held(Held {
                    assignment,
                    token: entry.token,
                    stream: entry.stream,
                    renewed: began,
                    saved: entry.position,
                    next: entry.position,
                });
                self.due = began + self.plan.ttl() / 3;
                if !self.stopped {
                    self.open_session();
                }
            }
        }
    }

    pub(super) fn lose(&mut self, why: &str) {
        let tenure = std::mem::replace(&mut self.tenure, Tenure::Waiting(None));
        let Tenure::Held(held) = tenure else { return };
        tracing::warn!(stream = self.plan.stream, why, "not reading any more");
        held.assignment.end();
        self.watermark.remove(held.assignment.id());
        if let State::Up(session) = std::mem::replace(&mut self.session, State::None) {
            session.connection.abandon();
        }
        self.failure = None;
        self.pending = None;
        self.due = Instant::now() + self.plan.ttl() / 3;
        self.events.push(Event::Lost(held.assignment));
    }
}
