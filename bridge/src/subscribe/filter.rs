//! Which events a subscriber wants.

use hybridge_core::Attributes;

/// The attributes that can be filtered by.
pub(super) const ATTRIBUTES: [&str; 3] = ["type", "source", "subject"];

/// Patterns by attribute: an event passes when each attribute that has patterns has the value of
/// one of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    patterns: [Vec<Pattern>; ATTRIBUTES.len()],
}

#[derive(Clone, Debug)]
enum Pattern {
    Exact(String),
    Prefix(String),
}

impl Filter {
    /// Adds a pattern: a value, or the beginning of one with `*` after it. Says whether `attribute`
    /// is one of those that can be filtered by.
    pub(super) fn add(&mut self, attribute: &str, pattern: &str) -> bool {
        let Some(index) = ATTRIBUTES.iter().position(|name| *name == attribute) else {
            return false;
        };
        let pattern = match pattern.strip_suffix('*') {
            Some(prefix) => Pattern::Prefix(prefix.to_owned()),
            None => Pattern::Exact(pattern.to_owned()),
        };
        self.patterns[index].push(pattern);
        true
    }

    /// Whether an event with these attributes passes.
    pub(super) fn passes(&self, attributes: &Attributes) -> bool {
        ATTRIBUTES.iter().zip(&self.patterns).all(|(name, patterns)| {
            if patterns.is_empty() {
                return true;
            }
            let Some(value) = attributes.text(name) else { return false };
            patterns.iter().any(|pattern| match pattern {
                Pattern::Exact(exact) => exact == value,
                Pattern::Prefix(prefix) => value.starts_with(prefix),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attribute_must_match_one_of_its_patterns() {
        let mut filter = Filter::default();
        assert!(filter.add("type", "order.*") && filter.add("type", "refund"));
        assert!(filter.add("subject", "42"));
        assert!(!filter.add("id", "1"));
        let event = |kind: &str, subject: Option<&str>| {
            let mut attributes = Attributes::new();
            attributes.set("type".into(), kind.into());
            if let Some(subject) = subject {
                attributes.set("subject".into(), subject.into());
            }
            attributes
        };
        assert!(filter.passes(&event("order.made", Some("42"))));
        assert!(filter.passes(&event("refund", Some("42"))));
        assert!(!filter.passes(&event("refunded", Some("42"))));
        assert!(!filter.passes(&event("refund", Some("421"))));
        assert!(!filter.passes(&event("refund", None)));
        assert!(Filter::default().passes(&Attributes::new()));
    }
}
