//! Texts with `*` in them.

use std::fmt;

use super::MOST_STARS;

/// A text in which `*` stands for any characters or none; `\*` and `\\` are themselves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wildcard {
    pieces: Box<[Box<str>]>,
}

impl Wildcard {
    /// Reads what a pattern says.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = vec![String::new()];
        let mut chars = text.chars().enumerate().peekable();
        while let Some((at, char)) = chars.next() {
            let last = pieces.len() - 1;
            match char {
                '*' if chars.peek().is_some_and(|(_, next)| *next == '*') => {
                    return Err(format!("two `*` in a row at character {}; one is enough", at + 1));
                }
                '*' => pieces.push(String::new()),
                '\\' => match chars.next() {
                    Some((_, escaped @ ('*' | '\\'))) => pieces[last].push(escaped),
                    _ => {
                        let at = at + 1;
                        return Err(format!(
                            "`\\` at character {at} must stand before `*` or `\\`"
                        ));
                    }
                },
                char => pieces[last].push(char),
            }
        }
        if pieces.len() > MOST_STARS + 1 {
            return Err(format!("{} `*`, and at most {MOST_STARS} are allowed", pieces.len() - 1));
        }
        Ok(Self { pieces: pieces.into_iter().map(String::into_boxed_str).collect() })
    }

    /// The texts between the `*`, one more than there are `*`. The first is where a value begins and the last is where
    /// it ends; both may be empty, the others never are.
    pub fn pieces(&self) -> &[Box<str>] {
        &self.pieces
    }

    /// The text, where there is no `*` in it.
    pub fn literal(&self) -> Option<&str> {
        match &*self.pieces {
            [only] => Some(only),
            _ => None,
        }
    }
}

impl fmt::Display for Wildcard {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (index, piece) in self.pieces.iter().enumerate() {
            if index > 0 {
                f.write_str("*")?;
            }
            f.write_str(&piece.replace('\\', "\\\\").replace('*', "\\*"))?;
        }
        Ok(())
    }
}
