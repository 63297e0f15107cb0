//! Headers by name without regard to case, as most protocols compare them.

use hybridge_core::{Header, Headers, Text};

/// The name as the message spells it: exactly, else with other letters' case, else as it is given.
pub(crate) fn spelled(headers: &Headers, name: &Text) -> Text {
    if headers.iter().any(|header| header.name == *name) {
        return name.clone();
    }
    let other = headers.iter().find(|header: &Header| header.name.eq_ignore_ascii_case(name));
    other.map_or_else(|| name.clone(), |header| header.name)
}

/// Removes all of this name, however they are spelled.
pub(crate) fn remove(headers: &mut Headers, name: &str) {
    let is_kept = |header: &Header| !header.name.eq_ignore_ascii_case(name);
    if !headers.iter().all(|header| is_kept(&header)) {
        *headers = headers.iter().filter(is_kept).collect();
    }
}
