//! Sequence: the order of the events of one source.

use std::cmp::Ordering;

use hybridge_core::Attributes;

/// How two events follow each other, by the characters of their `sequence`. `None` where it cannot be told: they are of
/// different sources, or have none.
pub fn compare(left: &Attributes, right: &Attributes) -> Option<Ordering> {
    if left.text("source")? != right.text("source")? {
        return None;
    }
    Some(left.text("sequence")?.cmp(right.text("sequence")?))
}
