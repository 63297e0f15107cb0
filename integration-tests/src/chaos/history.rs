//! What the route under test had taken and settled over time: how much a crash may repeat.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::fixture::UNDER_TEST;
use crate::admin::{Admin, Counts};

/// Between two looks at the route.
const STEP: Duration = Duration::from_millis(20);
/// What was settled so long ago is committed: sources commit several times a second.
const COMMITTED_AFTER: Duration = Duration::from_millis(400);

/// The totals of one life of the process, as they were looked at.
#[derive(Default)]
struct Life {
    looks: Vec<(Instant, Counts)>,
    /// While this is in the future, nothing that is settled is certain to be committed: the disk
    /// was full, or the process was frozen, until then.
    disturbed: Option<(Instant, Instant)>,
}

/// Looks at a route again and again.
pub(super) struct History {
    life: Arc<Mutex<Life>>,
    task: JoinHandle<()>,
}

impl History {
    pub(super) fn start(admin: Admin) -> Self {
        let life = Arc::new(Mutex::new(Life::default()));
        let shared = life.clone();
        let task = tokio::spawn(async move {
            loop {
                if let Ok(route) = admin.route(UNDER_TEST).await {
                    let mut life = lock(&shared);
                    let last = life.looks.last().map_or(0, |(_, counts)| counts.received);
                    if route.counts.received < last {
                        *life = Life::default();
                    }
                    life.looks.push((Instant::now(), route.counts));
                }
                tokio::time::sleep(STEP).await;
            }
        });
        Self { life, task }
    }

    /// What was settled while this lasted was maybe not committed.
    pub(super) fn disturbed(&self, from: Instant, until: Instant) {
        lock(&self.life).disturbed = Some((from, until));
    }

    /// The process was started anew.
    pub(super) fn restarted(&self) {
        *lock(&self.life) = Life::default();
    }

    /// How many messages the route may take between the last look and a strike right now: as many
    /// as in the last looks.
    pub(super) fn margin(&self) -> u64 {
        let life = lock(&self.life);
        let received = |back: usize| {
            life.looks.iter().rev().nth(back).map_or(0, |(_, counts)| counts.received)
        };
        received(0) - received(5)
    }

    /// Most messages that were taken and not committed: all that was taken by now less what was
    /// settled long enough ago.
    pub(super) fn uncommitted(&self) -> u64 {
        let life = lock(&self.life);
        let now = Instant::now();
        let mut committed_by = now.checked_sub(COMMITTED_AFTER).unwrap_or(now);
        if let Some((from, until)) = life.disturbed
            && now.duration_since(until) < COMMITTED_AFTER
        {
            committed_by = committed_by.min(from.checked_sub(COMMITTED_AFTER).unwrap_or(from));
        }
        let settled = |counts: &Counts| counts.delivered + counts.dead_lettered + counts.filtered;
        let looks = &life.looks;
        let before = looks.iter().rev().find(|(at, _)| *at <= committed_by);
        let committed = before.map_or(0, |(_, counts)| settled(counts));
        let taken = looks.last().map_or(0, |(_, counts)| counts.received);
        taken - committed
    }
}

impl Drop for History {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(life: &Mutex<Life>) -> MutexGuard<'_, Life> {
    life.lock().unwrap_or_else(PoisonError::into_inner)
}
