//! Texts of files with what may be secret hidden. Every character keeps its number of bytes, so places stay right.

/// Hides the letters and digits of some ranges of bytes.
pub(crate) fn ranges(text: &str, ranges: impl Iterator<Item = (usize, usize)>) -> String {
    let mut ranges: Vec<(usize, usize)> = ranges.collect();
    ranges.sort_unstable();
    let mut masked = String::with_capacity(text.len());
    let mut done = 0;
    for (start, end) in ranges {
        let (start, end) = (start.max(done), end.max(done));
        let (Some(before), Some(hidden)) = (text.get(done..start), text.get(start..end)) else {
            return hide(text);
        };
        masked.push_str(before);
        masked.push_str(&hide(hidden));
        done = end;
    }
    masked.push_str(&text[done..]);
    masked
}

/// Hides, in a text that is not YAML, the letters and digits of every line but a key at its beginning.
pub(crate) fn lines(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let content = line.trim_start_matches([' ', '-', '\t']);
        let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let end = content.find(|c| !name(c)).unwrap_or(content.len());
        let key = content[end..].starts_with(':');
        let shown = if key { line.len() - content.len() + end } else { 0 };
        masked.push_str(&line[..shown]);
        masked.push_str(&hide(&line[shown..]));
    }
    masked
}

fn hide(text: &str) -> String {
    let mut hidden = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            _ if c.is_ascii_punctuation() || c.is_ascii_whitespace() => hidden.push(c),
            _ => (0..c.len_utf8()).for_each(|_| hidden.push('*')),
        }
    }
    hidden
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_text_keeps_its_length() {
        assert_eq!(ranges("a: hünter, b: 2", [(3, 10)].into_iter()), "a: *******, b: 2");
        assert_eq!(lines("  token: hünter2\n- abc\n"), "  token: ********\n- ***\n");
    }
}
