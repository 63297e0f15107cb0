//! Limits of Amazon EventBridge for the events that are put there.

/// Entries that one `PutEvents` request may have.
pub const MOST_ENTRIES: usize = 10;

/// Bytes that the entries of one request must stay below, together: "less than 256 KB" in the user guide,
/// `eb-putevent-size`.
pub const REQUEST_LIMIT: usize = 256 * 1024;

/// What counts of an entry of `PutEvents`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Entry<'a> {
    /// Whether it has a `Time`.
    pub has_time: bool,
    /// `Source`.
    pub source: &'a str,
    /// `DetailType`.
    pub detail_type: &'a str,
    /// `Detail`, which is JSON text.
    pub detail: Option<&'a str>,
    /// `Resources`.
    pub resources: &'a [&'a str],
}

impl Entry<'_> {
    /// Its size as EventBridge calculates it: 14 bytes for a time, and the UTF-8 lengths of the rest.
    pub fn size(&self) -> usize {
        let time = if self.has_time { 14 } else { 0 };
        let resources: usize = self.resources.iter().map(|resource| resource.len()).sum();
        time + self.source.len()
            + self.detail_type.len()
            + self.detail.map_or(0, str::len)
            + resources
    }

    /// Whether a request can carry it.
    pub fn fits(&self) -> bool {
        self.size() < REQUEST_LIMIT
    }
}

/// How many entries each request has that carries entries of these sizes in this order, as few requests as that allows.
/// An entry that no request can carry has one of its own: it is to be refused before.
pub fn requests(sizes: impl IntoIterator<Item = usize>) -> Vec<usize> {
    let mut requests: Vec<usize> = Vec::new();
    let mut size = 0;
    for next in sizes {
        match requests.last_mut() {
            Some(entries) if *entries < MOST_ENTRIES && size + next < REQUEST_LIMIT => {
                *entries += 1;
                size += next;
            }
            _ => {
                requests.push(1);
                size = next;
            }
        }
    }
    requests
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_size_is_counted_in_bytes() {
        let entry =
            Entry { source: "é", detail_type: "日", detail: Some("{}"), ..Entry::default() };
        assert_eq!(entry.size(), 7);
        let resources = ["arn", "ä"];
        assert_eq!(Entry { has_time: true, resources: &resources, ..entry }.size(), 26);
    }

    #[test]
    fn requests_stay_below_both_limits() {
        assert!(requests([]).is_empty());
        assert_eq!(requests([1; 21]), [10, 10, 1]);
        assert_eq!(requests([REQUEST_LIMIT / 2; 3]), [1, 1, 1]);
        assert_eq!(requests([REQUEST_LIMIT / 2 - 1, REQUEST_LIMIT / 2, 1, 0]), [2, 2]);
        assert!(!Entry { detail: Some(&"x".repeat(REQUEST_LIMIT)), ..Entry::default() }.fits());
    }

    proptest! {
        #[test]
        fn every_entry_is_in_one_request(sizes in prop::collection::vec(0..REQUEST_LIMIT, 0..40)) {
            let requests = requests(sizes.iter().copied());
            prop_assert_eq!(requests.iter().sum::<usize>(), sizes.len());
            let mut rest = sizes.as_slice();
            for entries in requests {
                let (these, others) = rest.split_at(entries);
                prop_assert!(entries <= MOST_ENTRIES && these.iter().sum::<usize>() < REQUEST_LIMIT);
                rest = others;
            }
        }
    }
}
