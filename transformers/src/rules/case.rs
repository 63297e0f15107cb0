//! Texts that differ in case only.
//!
//! A character of a pattern stands for its lower and its upper case, each of which may be several characters
//! (Unicode, SpecialCasing); not for what else has the same lower or upper case.

/// How many bytes at the start of `value` are `pattern` but for case, if it begins so.
pub(super) fn prefix(pattern: &str, value: &[u8]) -> Option<usize> {
    let mut at = 0;
    for char in pattern.chars() {
        let rest = value.get(at..)?;
        if char.is_ascii() {
            let first = rest.first()?;
            if !first.eq_ignore_ascii_case(&(char as u8)) {
                return None;
            }
            at += 1;
            continue;
        }
        at += case(char.to_lowercase(), rest).or_else(|| case(char.to_uppercase(), rest))?;
    }
    Some(at)
}

/// How many bytes at the end of `value` are `pattern` but for case, if it ends so.
pub(super) fn suffix(pattern: &str, value: &[u8]) -> Option<usize> {
    let mut end = value.len();
    for char in pattern.chars().rev() {
        let rest = &value[..end];
        if char.is_ascii() {
            let last = rest.last()?;
            if !last.eq_ignore_ascii_case(&(char as u8)) {
                return None;
            }
            end -= 1;
            continue;
        }
        end -= case_at_end(char.to_lowercase(), rest)
            .or_else(|| case_at_end(char.to_uppercase(), rest))?;
    }
    Some(value.len() - end)
}

/// Whether `value` is `pattern` but for case.
pub(super) fn equal(pattern: &str, value: &[u8]) -> bool {
    prefix(pattern, value) == Some(value.len())
}

fn case(chars: impl Iterator<Item = char>, value: &[u8]) -> Option<usize> {
    let mut at = 0;
    for char in chars {
        let mut room = [0; 4];
        let bytes = char.encode_utf8(&mut room).as_bytes();
        if !value[at..].starts_with(bytes) {
            return None;
        }
        at += bytes.len();
    }
    Some(at)
}

fn case_at_end(chars: impl DoubleEndedIterator<Item = char>, value: &[u8]) -> Option<usize> {
    let mut end = value.len();
    for char in chars.rev() {
        let mut room = [0; 4];
        let bytes = char.encode_utf8(&mut room).as_bytes();
        if !value[..end].ends_with(bytes) {
            return None;
        }
        end -= bytes.len();
    }
    Some(value.len() - end)
}

/// Appends a form of `text` that is the same for all texts that differ in case only, and maybe for others. What is not
/// UTF-8 is kept.
pub(super) fn fold(text: &[u8], out: &mut Vec<u8>) {
    if text.is_ascii() {
        let start = out.len();
        out.extend_from_slice(text);
        out[start..].make_ascii_lowercase();
        return;
    }
    for chunk in text.utf8_chunks() {
        for char in chunk.valid().chars() {
            if char.is_ascii() {
                out.push(char.to_ascii_lowercase() as u8);
            } else {
                fold_char(char, out);
            }
        }
        out.extend_from_slice(chunk.invalid());
    }
}

/// Twice there and back, as one way through the cases does not lead to the same form from all of them (U+1E9E).
fn fold_char(char: char, out: &mut Vec<u8>) {
    let once = |char: char| char.to_uppercase().flat_map(char::to_lowercase);
    for char in once(char).flat_map(once) {
        out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        fold(text.as_bytes(), &mut out);
        out
    }

    /// The index finds a value by its form, so every value that a character stands for must have one form.
    #[test]
    fn both_cases_of_every_character_have_one_form() {
        for char in '\u{0}'..=char::MAX {
            let lower: String = char.to_lowercase().collect();
            let upper: String = char.to_uppercase().collect();
            assert_eq!(folded(&lower), folded(&upper), "{char:?}");
            let pattern = char.to_string();
            assert_eq!(folded(&pattern), folded(&lower), "{char:?}");
            for value in [&lower, &upper] {
                assert!(equal(&pattern, value.as_bytes()), "{char:?}");
                assert_eq!(suffix(&pattern, value.as_bytes()), Some(value.len()), "{char:?}");
            }
        }
    }

    #[test]
    fn more_than_case_is_a_difference() {
        assert!(equal("Straße", b"STRASSE") && equal("straße", "STRAßE".as_bytes()));
        assert!(!equal("k", "\u{212a}".as_bytes()) && !equal("\u{212a}", b"K"));
        assert!(!equal("ab", b"abc") && prefix("aB", b"Abc") == Some(2));
        assert_eq!(suffix("É.csv", "x_é.CSV".as_bytes()), Some(6));
    }
}
