//! What somebody may have meant.

/// The candidate that is nearest to `word`, where one is near enough to be meant.
pub(crate) fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let distance = |candidate: &&&str| strsim::damerau_levenshtein(word, candidate);
    if word.len() > 64 {
        return None;
    }
    let near = candidates.iter().min_by_key(distance)?;
    let most = (near.chars().count() / 3).max(1);
    let prefix = word.len() >= 3 && (near.starts_with(word) || word.starts_with(near));
    (distance(&near) <= most || prefix).then_some(*near)
}

/// Help for an unknown key: the key that may have been meant, else all there are.
pub(crate) fn keys(key: &str, known: &[&str]) -> String {
    match nearest(key, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if key == "required" && known.contains(&"targets") => {
            "one of several `targets` may be optional: `targets: { name: { to: { ... }, required: false } }`"
                .to_owned()
        }
        None if known.is_empty() => "this map has no keys".to_owned(),
        None => format!("known here: {}", known.join(", ")),
    }
}

/// A key or value for a message: bounded, and without control characters.
pub(crate) fn quoted(text: &str) -> String {
    let mut shown = escaped(text.chars().take(64));
    if text.chars().nth(64).is_some() {
        shown.push_str("...");
    }
    format!("`{shown}`")
}

/// Text whose control characters are shown and not obeyed; quotes are as they were written.
pub(crate) fn escaped(text: impl IntoIterator<Item = char>) -> String {
    let mut shown = String::new();
    for character in text {
        match character {
            '\'' | '"' | '\\' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    shown
}
