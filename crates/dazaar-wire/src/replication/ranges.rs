//! A set of blocks kept as ranges: small as long as its blocks lie together, whatever their number.
//!
//! Grade: plain. Bounding the number of ranges is the business of whoever lets a stranger insert them.
//! Invariant: ranges are half-open, not empty, disjoint and not adjacent.

use std::collections::BTreeMap;
use std::ops::Range;

/// Ranges by their first element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RangeSet(BTreeMap<u64, u64>);

impl RangeSet {
    /// Number of ranges, which is what memory is needed for.
    pub(super) fn ranges(&self) -> usize {
        self.0.len()
    }

    pub(super) fn contains(&self, element: u64) -> bool {
        self.range_of(element).is_some()
    }

    /// The range that `element` lies in.
    pub(super) fn range_of(&self, element: u64) -> Option<Range<u64>> {
        let (&start, &end) = self.0.range(..=element).next_back()?;
        (element < end).then_some(start..end)
    }

    /// The first element at or after `from` that is not in the set.
    pub(super) fn next_gap(&self, from: u64) -> u64 {
        self.range_of(from).map_or(from, |range| range.end)
    }

    /// The next range at or after `from`, without what lies before `from`.
    pub(super) fn next(&self, from: u64) -> Option<Range<u64>> {
        if let Some(range) = self.range_of(from) {
            return Some(from..range.end);
        }
        let (&start, &end) = self.0.range(from..).next()?;
        Some(start..end)
    }

    /// All ranges.
    pub(super) fn iter(&self) -> impl Iterator<Item = Range<u64>> {
        self.0.iter().map(|(&start, &end)| start..end)
    }

    /// The last range.
    pub(super) fn last(&self) -> Option<Range<u64>> {
        self.0.last_key_value().map(|(&start, &end)| start..end)
    }

    /// From the first to the last element, with everything between.
    pub(super) fn span(&self) -> Option<Range<u64>> {
        let (&start, _) = self.0.first_key_value()?;
        self.last().map(|last| start..last.end)
    }

    pub(super) fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let Range { mut start, mut end } = range;
        while let Some((&before, &reach)) = self.0.range(..=end).next_back() {
            if reach < start {
                break;
            }
            start = start.min(before);
            end = end.max(reach);
            self.0.remove(&before);
        }
        self.0.insert(start, end);
    }

    pub(super) fn remove(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        while let Some((&start, &end)) = self.0.range(..range.end).next_back() {
            if end <= range.start {
                break;
            }
            self.0.remove(&start);
            if start < range.start {
                self.0.insert(start, range.start);
            }
            if range.end < end {
                self.0.insert(range.end, end);
            }
        }
    }

    /// Joins all ranges to one if there are more than `max`, for sets that may hold too much but not too little.
    pub(super) fn widen_beyond(&mut self, max: usize) {
        if self.ranges() <= max {
            return;
        }
        if let Some(span) = self.span() {
            self.0 = BTreeMap::from([(span.start, span.end)]);
        }
    }
}

/// Ascending elements as ranges.
pub(super) fn runs(elements: &[u64]) -> impl Iterator<Item = Range<u64>> {
    let runs = elements.chunk_by(|one, next| one.saturating_add(1) == *next);
    runs.filter_map(|run| Some(*run.first()?..run.last()?.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn elements(set: &RangeSet) -> BTreeSet<u64> {
        set.0.iter().flat_map(|(&start, &end)| start..end).collect()
    }

    proptest! {
        #[test]
        fn agrees_with_a_set_of_numbers(steps in prop::collection::vec((any::<bool>(), 0u64..60, 0u64..12), 0..40)) {
            let (mut set, mut model) = (RangeSet::default(), BTreeSet::new());
            for (insert, start, length) in steps {
                let range = start..start + length;
                if insert {
                    set.insert(range.clone());
                    model.extend(range);
                } else {
                    set.remove(range.clone());
                    model.retain(|element| !range.contains(element));
                }
                prop_assert_eq!(elements(&set), model.clone());
                let ends: Vec<_> = set.0.iter().map(|(&start, &end)| (start, end)).collect();
                prop_assert!(ends.windows(2).all(|pair| pair[0].1 < pair[1].0));
            }
            for from in 0..80 {
                prop_assert_eq!(set.contains(from), model.contains(&from));
                prop_assert_eq!(set.next(from).map(|range| range.start), model.range(from..).next().copied());
                prop_assert_eq!(set.next_gap(from), (from..).find(|at| !model.contains(at)).unwrap());
            }
        }
    }

    #[test]
    fn widens_to_one_range() {
        let mut set = RangeSet::default();
        for start in [3, 9, 20] {
            set.insert(start..start + 2);
        }
        set.widen_beyond(3);
        assert_eq!(set.ranges(), 3);
        set.widen_beyond(2);
        assert_eq!((set.ranges(), set.span()), (1, Some(3..22)));
    }
}
