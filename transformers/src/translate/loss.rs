//! What a translation could not carry on.
//!
//! The list is a text of items with a comma between: `-data.requester` was lost,
//! `~data.url` is written in another way or means a little less, `+source` was not there and comes
//! from the options of the step or from what the form demands. Paths are those of the event that
//! was read for what is lost and changed, and those of the event that was written for what was
//! added.

/// Where the list is cut off: it may become a header, and an event may have any number of members.
const LONGEST: usize = 1500;

/// Room for the list of most events.
const TYPICAL: usize = 256;

/// What happened to a place of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Lost,
    Changed,
    Added,
}

impl Change {
    fn sign(self) -> char {
        match self {
            Self::Lost => '-',
            Self::Changed => '~',
            Self::Added => '+',
        }
    }
}

/// A list that is being made.
#[derive(Debug, Default)]
pub(super) struct Losses {
    text: String,
    is_cut: bool,
}

impl Losses {
    /// The list that an event has already.
    pub(super) fn of(earlier: Option<&str>) -> Self {
        Self { text: earlier.unwrap_or_default().to_owned(), is_cut: false }
    }

    /// Adds an item unless it is there; the place is given in two parts that belong together.
    pub(super) fn add(&mut self, change: Change, prefix: &str, path: &str) {
        if self.is_cut || self.has(change, prefix, path) {
            return;
        }
        if self.text.len() + prefix.len() + path.len() > LONGEST {
            self.is_cut = true;
            self.text.push_str(if self.text.is_empty() { "-..." } else { ",-..." });
            return;
        }
        match self.text.is_empty() {
            true => self.text.reserve(TYPICAL),
            false => self.text.push(','),
        }
        self.text.push(change.sign());
        for part in [prefix, path] {
            // A comma would be the end of the item, and an attribute has no control characters.
            let is_other = |c: char| c == ',' || c.is_control();
            let mut pieces = part.split(is_other);
            self.text.push_str(pieces.next().unwrap_or_default());
            for piece in pieces {
                self.text.push('_');
                self.text.push_str(piece);
            }
        }
    }

    /// Adds all items of another list.
    pub(super) fn join(&mut self, other: &Self) {
        if self.text.is_empty() {
            self.text.clone_from(&other.text);
            self.is_cut = other.is_cut;
            return;
        }
        for item in other.text.split(',') {
            let mut chars = item.chars();
            let change = match chars.next() {
                Some('-') => Change::Lost,
                Some('~') => Change::Changed,
                Some(_) => Change::Added,
                None => continue,
            };
            self.add(change, "", chars.as_str());
        }
    }

    fn has(&self, change: Change, prefix: &str, path: &str) -> bool {
        let is_same = |item: &str| {
            let rest = item.strip_prefix(change.sign()).and_then(|rest| rest.strip_prefix(prefix));
            rest == Some(path)
        };
        self.text.split(',').any(is_same)
    }

    /// The list; none where nothing happened.
    pub(super) fn into_text(self) -> Option<String> {
        Some(self.text).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_there_once_and_the_list_is_bounded() {
        let mut losses = Losses::of(Some("-data.a"));
        losses.add(Change::Lost, "data.", "a");
        losses.add(Change::Changed, "data.", "a");
        losses.add(Change::Added, "", "x,y\n");
        assert_eq!(losses.into_text().as_deref(), Some("-data.a,~data.a,+x_y_"));
        let mut losses = Losses::of(None);
        (0..1000).for_each(|n| losses.add(Change::Lost, "data.", &n.to_string()));
        let text = losses.into_text().unwrap();
        assert!(text.len() < LONGEST + 10 && text.ends_with(",-..."));
        assert_eq!(Losses::of(None).into_text(), None);
    }
}
