//! Patterns of `LIKE`, cut at their `%` once: a text is gone through from left to right and never back.

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Like {
    /// What stands between the `%`, the first and the last included.
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    /// Text that stands for itself.
    Text(String),
    /// Text with `_` in it: `None` is any one character.
    Wild(Vec<Option<char>>),
}

impl Like {
    pub(super) fn new(pattern: &str) -> Self {
        let mut pieces = vec![Vec::new()];
        let mut chars = pattern.chars().peekable();
        while let Some(c) = chars.next() {
            let one = match c {
                '%' => {
                    pieces.push(Vec::new());
                    continue;
                }
                '_' => None,
                '\\' => Some(chars.next_if(|next| matches!(next, '%' | '_')).unwrap_or('\\')),
                _ => Some(c),
            };
            if let Some(piece) = pieces.last_mut() {
                piece.push(one);
            }
        }
        Self { pieces: pieces.into_iter().map(Piece::new).collect() }
    }

    /// Whether the whole text is like the pattern.
    pub(super) fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.pieces.split_first() else { return text.is_empty() };
        let Some(mut text) = first.strip_from(text) else { return false };
        let Some((last, middle)) = rest.split_last() else { return text.is_empty() };
        for piece in middle {
            // The leftmost place leaves most to the pieces that follow.
            match piece.find_in(text) {
                Some(after) => text = after,
                None => return false,
            }
        }
        last.ends(text)
    }
}

impl Piece {
    fn new(piece: Vec<Option<char>>) -> Self {
        match piece.iter().copied().collect::<Option<String>>() {
            Some(text) => Self::Text(text),
            None => Self::Wild(piece),
        }
    }

    /// What follows the piece at the start of the text.
    fn strip_from<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Text(piece) => text.strip_prefix(piece.as_str()),
            Self::Wild(piece) => strip(piece, text),
        }
    }

    /// What follows the first place where the piece stands in the text.
    fn find_in<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Text(piece) => text.find(piece.as_str()).map(|at| &text[at + piece.len()..]),
            Self::Wild(piece) => text.char_indices().find_map(|(at, _)| strip(piece, &text[at..])),
        }
    }

    fn ends(&self, text: &str) -> bool {
        match self {
            Self::Text(piece) => text.ends_with(piece.as_str()),
            Self::Wild(piece) => {
                let before = text.chars().rev().take(piece.len());
                let start = text.len() - before.clone().map(char::len_utf8).sum::<usize>();
                before.count() == piece.len() && strip(piece, &text[start..]).is_some()
            }
        }
    }
}

fn strip<'t>(piece: &[Option<char>], text: &'t str) -> Option<&'t str> {
    let mut chars = text.chars();
    for wanted in piece {
        let found = chars.next()?;
        if wanted.is_some_and(|wanted| wanted != found) {
            return None;
        }
    }
    Some(chars.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, by trying everything.
    fn is_like(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['%', rest @ ..] => (0..=text.len()).any(|at| is_like(rest, &text[at..])),
            ['_', rest @ ..] => !text.is_empty() && is_like(rest, &text[1..]),
            ['\\', c @ ('%' | '_'), rest @ ..] | [c, rest @ ..] => {
                text.first() == Some(c) && is_like(rest, &text[1..])
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn agrees_with_the_definition(pattern in r"[ab%_\\é]{0,8}", text in r"[ab%_\\é]{0,8}") {
            let (pattern_chars, text_chars) = (pattern.chars().collect::<Vec<_>>(), text.chars().collect::<Vec<_>>());
            prop_assert_eq!(Like::new(&pattern).matches(&text), is_like(&pattern_chars, &text_chars));
        }
    }

    #[test]
    fn many_wildcards_take_no_long_time() {
        let text = "a".repeat(200_000);
        assert!(
            !Like::new(&"%a".repeat(2_000).as_str().replace("a%", "aa%"))
                .matches(&format!("{text}b"))
        );
        assert!(!Like::new(&format!("{}b%", "%a_".repeat(500))).matches(&text));
    }
}
