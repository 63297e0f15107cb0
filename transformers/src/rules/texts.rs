//! Which of many texts a text begins with.

/// Texts in their order, each with a link to the longest other one that it begins with.
///
/// All the texts that a value begins with are on the chain of links from the last text that is not after the value: if
/// a text is a beginning of the value, so it is of every text between the two.
pub(super) struct Texts {
    /// The first eight bytes of each text, which most comparisons end with.
    heads: Box<[u64]>,
    ends: Box<[u32]>,
    bytes: Box<[u8]>,
    links: Box<[u32]>,
}

const NONE: u32 = u32::MAX;

impl Texts {
    /// `texts` must be sorted, all different and none empty, and together less than 4 GiB.
    pub(super) fn new(texts: &[&[u8]]) -> Self {
        let mut ends = Vec::with_capacity(texts.len());
        let mut links = Vec::with_capacity(texts.len());
        let mut bytes = Vec::with_capacity(texts.iter().map(|text| text.len()).sum());
        // The texts that the one at hand may begin with: each begins with the one before it.
        let mut chain: Vec<u32> = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            while chain.last().is_some_and(|last| !text.starts_with(texts[*last as usize])) {
                chain.pop();
            }
            links.push(chain.last().copied().unwrap_or(NONE));
            chain.push(index as u32);
            bytes.extend_from_slice(text);
            ends.push(bytes.len() as u32);
        }
        let heads = texts.iter().map(|text| head(text)).collect();
        Self { heads, ends: ends.into(), bytes: bytes.into(), links: links.into() }
    }

    /// Shows the places, in the list that was given, and the lengths of all texts that `value` begins with, longest
    /// first.
    #[inline]
    pub(super) fn each(&self, value: &[u8], mut show: impl FnMut(usize, usize)) {
        let Some(mut index) = self.last_before(value) else { return };
        let common = common(self.text(index), value);
        loop {
            let len = self.text(index).len();
            if len <= common {
                show(index, len);
            }
            match self.links[index] {
                NONE => return,
                link => index = link as usize,
            }
        }
    }

    /// The last text that is not after `value`.
    fn last_before(&self, value: &[u8]) -> Option<usize> {
        let head = head(value);
        let start = self.heads.partition_point(|other| *other < head);
        let mut end = start;
        while self.heads.get(end) == Some(&head) {
            end += 1;
            if end - start > 8 {
                end += self.heads[end..].partition_point(|other| *other == head);
                break;
            }
        }
        let (mut low, mut high) = (start, end);
        while low < high {
            let middle = low.midpoint(high);
            if self.text(middle) <= value { low = middle + 1 } else { high = middle }
        }
        low.checked_sub(1)
    }

    fn text(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.bytes[start..self.ends[index] as usize]
    }

    pub(super) fn memory(&self) -> usize {
        self.heads.len() * (size_of::<u64>() + 2 * size_of::<u32>()) + self.bytes.len()
    }
}

/// The first eight bytes as a number that sorts as they do; a text that ends earlier is filled with zeros.
fn head(text: &[u8]) -> u64 {
    if let Some(head) = text.first_chunk::<8>() {
        return u64::from_be_bytes(*head);
    }
    let mut head = [0; 8];
    head[..text.len()].copy_from_slice(text);
    u64::from_be_bytes(head)
}

fn common(left: &[u8], right: &[u8]) -> usize {
    left.iter().zip(right).take_while(|(left, right)| left == right).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_beginning_is_found(
            texts in prop::collection::btree_set(prop::collection::vec(0_u8..3, 1..12), 0..60),
            value in prop::collection::vec(0_u8..3, 0..16),
        ) {
            let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
            let mut found = Vec::new();
            Texts::new(&texts).each(&value, |index, _| found.push(index));
            let beginning = |index: &usize| value.starts_with(texts[*index]);
            let want: Vec<usize> = (0..texts.len()).rev().filter(beginning).collect();
            prop_assert_eq!(found, want);
        }
    }
}
