//! Which of many ranges a number is in.

/// Ranges from one number to another, both included, sorted by where they begin: a balanced tree without links.
pub(super) struct Ranges<N> {
    lows: Box<[N]>,
    highs: Box<[N]>,
    /// The greatest end in the part of the list of which this is the middle.
    greatest: Box<[N]>,
}

impl<N: Copy + Ord> Ranges<N> {
    /// `ranges` must be sorted.
    pub(super) fn new(ranges: &[(N, N)]) -> Self {
        let lows: Box<[N]> = ranges.iter().map(|(low, _)| *low).collect();
        let highs: Box<[N]> = ranges.iter().map(|(_, high)| *high).collect();
        let mut greatest = highs.clone();
        fill(&highs, &mut greatest, 0, ranges.len());
        Self { lows, highs, greatest }
    }

    /// Shows the places, in the list that was given, of all ranges that `number` is in.
    pub(super) fn each(&self, number: N, mut show: impl FnMut(usize)) {
        // Ranges from the first that begins after the number on cannot hold it.
        let end = self.lows.partition_point(|low| *low <= number);
        self.visit(0, self.lows.len(), end, number, &mut show);
    }

    /// Depth is the logarithm of the count.
    fn visit(
        &self,
        start: usize,
        stop: usize,
        end: usize,
        number: N,
        show: &mut impl FnMut(usize),
    ) {
        if start >= stop || start >= end {
            return;
        }
        let middle = start.midpoint(stop);
        if self.greatest[middle] < number {
            return;
        }
        self.visit(start, middle, end, number, show);
        if middle < end {
            if number <= self.highs[middle] {
                show(middle);
            }
            self.visit(middle + 1, stop, end, number, show);
        }
    }

    pub(super) fn memory(&self) -> usize {
        3 * self.lows.len() * size_of::<N>()
    }
}

fn fill<N: Copy + Ord>(highs: &[N], greatest: &mut [N], start: usize, stop: usize) -> Option<N> {
    if start >= stop {
        return None;
    }
    let middle = start.midpoint(stop);
    let sides = [fill(highs, greatest, start, middle), fill(highs, greatest, middle + 1, stop)];
    let most = sides.into_iter().flatten().fold(highs[middle], N::max);
    greatest[middle] = most;
    Some(most)
}

/// A number that sorts as `value` does, and has none between those of two neighbours.
pub(super) fn key(value: f64) -> i64 {
    let bits = value.to_bits() as i64;
    if bits < 0 { i64::MIN.wrapping_sub(bits) } else { bits }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_range_is_found(
            ranges in prop::collection::btree_set((0_u8..40, 0_u8..40), 0..40),
            number in 0_u8..42,
        ) {
            let ranges: Vec<_> = ranges.into_iter().collect();
            let mut found = Vec::new();
            Ranges::new(&ranges).each(number, |index| found.push(index));
            let within = |index: &usize| (ranges[*index].0..=ranges[*index].1).contains(&number);
            let want: Vec<usize> = (0..ranges.len()).filter(within).collect();
            prop_assert_eq!(found, want);
        }

        #[test]
        fn keys_sort_as_numbers_do(left in prop::num::f64::NORMAL | prop::num::f64::ZERO, right in prop::num::f64::NORMAL) {
            let order = if left == right { std::cmp::Ordering::Equal } else { left.total_cmp(&right) };
            prop_assert_eq!(key(left).cmp(&key(right)), order);
        }
    }
}
