//! How often each rule of a route matched.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of the rules of one route, in the order of the file.
#[derive(Debug, Default)]
pub struct RuleCounts {
    names: Arc<[String]>,
    matched: Vec<AtomicU64>,
    unmatched: AtomicU64,
    unevaluable: AtomicU64,
}

impl RuleCounts {
    /// None of these has matched yet.
    pub fn new(names: Arc<[String]>) -> Self {
        let matched = names.iter().map(|_| AtomicU64::new(0)).collect();
        Self { names, matched, ..Self::default() }
    }

    /// Rules of these names, with what those before them of the same name counted.
    pub fn following(names: Arc<[String]>, before: &Self) -> Self {
        let known: HashMap<&str, u64> = before.iter().collect();
        let counts = Self::new(names);
        for (name, count) in counts.names.iter().zip(&counts.matched) {
            count.store(known.get(name.as_str()).copied().unwrap_or(0), Ordering::Relaxed);
        }
        counts.unmatched.store(before.unmatched(), Ordering::Relaxed);
        counts.unevaluable.store(before.unevaluable(), Ordering::Relaxed);
        counts
    }

    /// One message matched these rules, or none.
    pub fn matched(&self, rules: &[usize]) {
        if rules.is_empty() {
            self.unmatched.fetch_add(1, Ordering::Relaxed);
        }
        for rule in rules {
            if let Some(count) = self.matched.get(*rule) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Each rule and how many messages matched it.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        let counts = self.matched.iter().map(|count| count.load(Ordering::Relaxed));
        self.names.iter().map(String::as_str).zip(counts)
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether the route has no rules.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// So many conditions could not be evaluated for a message.
    pub fn not_evaluated(&self, conditions: u64) {
        if conditions > 0 {
            self.unevaluable.fetch_add(conditions, Ordering::Relaxed);
        }
    }

    /// How many conditions could not be evaluated for a message.
    pub fn unevaluable(&self) -> u64 {
        self.unevaluable.load(Ordering::Relaxed)
    }

    /// How many messages no rule matched.
    pub fn unmatched(&self) -> u64 {
        self.unmatched.load(Ordering::Relaxed)
    }
}
