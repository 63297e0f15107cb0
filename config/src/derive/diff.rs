//! What a reload changes.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{Config, RouteConfig};

/// What differs between two configurations that were loaded. All lists are sorted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// Routes to start.
    pub added: Vec<String>,
    /// Routes to stop.
    pub removed: Vec<String>,
    /// Routes to stop and start with what is new. A change of a connection changes the routes that use it.
    pub changed: Vec<String>,
    /// Routes that differ only in what comes after their source, which can go on meanwhile.
    pub continued: Vec<String>,
    /// Topics whose settings are new, gone or different.
    pub topics: Vec<String>,
    /// Sections that only a restart of the process changes: `admin`, `subscribe`, `storage`, `limits`.
    pub restart: Vec<&'static str>,
}

impl Diff {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What differs between `old` and `new`, both as they were loaded.
pub fn diff(old: &Config, new: &Config) -> Diff {
    let (added, removed, different) = entries(&old.routes, &new.routes);
    let (continued, changed) =
        different.into_iter().partition(|name| same_source(&old.routes[name], &new.routes[name]));
    let (more, fewer, other) = entries(&old.topics, &new.topics);
    let topics: BTreeSet<String> = more.into_iter().chain(fewer).chain(other).collect();
    let sections = [
        ("admin", old.admin != new.admin),
        ("limits", old.limits != new.limits),
        ("storage", old.storage != new.storage),
        ("subscribe", old.subscribe != new.subscribe),
    ];
    let restart = sections.into_iter().filter(|(_, differs)| *differs);
    Diff {
        added,
        removed,
        changed,
        continued,
        topics: topics.into_iter().collect(),
        restart: restart.map(|(section, _)| section).collect(),
    }
}

/// Whether a source that runs, and the lanes behind it, do for both.
fn same_source(old: &RouteConfig, new: &RouteConfig) -> bool {
    old.from == new.from && old.limits == new.limits && old.lane_ordering() == new.lane_ordering()
}

/// The names that are new, gone, and in both with different values.
fn entries<T: PartialEq>(
    old: &BTreeMap<String, T>,
    new: &BTreeMap<String, T>,
) -> (Vec<String>, Vec<String>, Vec<String>) {
    let added = new.keys().filter(|name| !old.contains_key(*name)).cloned().collect();
    let removed = old.keys().filter(|name| !new.contains_key(*name)).cloned().collect();
    let differs = |(name, value): &(&String, &T)| new.get(*name).is_some_and(|new| new != *value);
    let changed = old.iter().filter(differs).map(|(name, _)| name.clone()).collect();
    (added, removed, changed)
}
