//! Which blocks we want.
//!
//! Grade: machine. Knows nothing of peers. A range may be wanted before anybody has it.
//! Source: classic protocol, section 5.3.

use std::ops::Range;

use dazaar_log::have::HaveMap;

use super::ranges::RangeSet;

/// What to fetch of a feed, and in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Download {
    /// Every block, each peer starting somewhere else, so that peers soon have different blocks to offer.
    All,
    /// Every block, lowest first.
    Linear,
    /// Nothing, ever.
    None,
    /// Only the blocks that are asked for.
    Sparse,
}

/// The blocks that we want, whether or not we have them.
#[derive(Debug)]
pub(super) struct Selection {
    download: Download,
    /// Sparse: blocks asked for. Those that arrived are dropped now and then.
    wanted: RangeSet,
    /// Otherwise: blocks that the user cleared or does not want.
    unwanted: RangeSet,
}

impl Selection {
    pub(super) fn new(download: Download) -> Self {
        Self { download, wanted: RangeSet::default(), unwanted: RangeSet::default() }
    }

    pub(super) const fn download(&self) -> Download {
        self.download
    }

    pub(super) fn want(&mut self, range: Range<u64>) {
        match self.download {
            Download::Sparse => self.wanted.insert(range),
            _ => self.unwanted.remove(range),
        }
    }

    pub(super) fn unwant(&mut self, range: Range<u64>) {
        match self.download {
            Download::Sparse => self.wanted.remove(range),
            _ => self.unwanted.insert(range),
        }
    }

    /// Drops the wish for blocks that have come.
    pub(super) fn handle_stored(&mut self, blocks: Range<u64>) {
        if self.download == Download::Sparse {
            self.wanted.remove(blocks);
        }
    }

    /// Whether every block is wanted, also those to come.
    pub(super) fn is_everything(&self) -> bool {
        matches!(self.download, Download::All | Download::Linear) && self.unwanted.ranges() == 0
    }

    /// Where the blocks from `from` on, which we want and do not have, end before `end`.
    pub(super) fn missing_end(&self, from: u64, end: u64, have: &HaveMap) -> u64 {
        let wanted = match self.download {
            Download::None => from,
            Download::Sparse => self.wanted.next_gap(from),
            Download::All | Download::Linear => {
                self.unwanted.next(from).map_or(end, |unwanted| unwanted.start)
            }
        };
        have.next_set(from).unwrap_or(end).min(wanted).min(end)
    }

    /// The first block from `from` on that we want and do not have.
    pub(super) fn next_missing(&self, from: u64, have: &HaveMap) -> Option<u64> {
        let mut at = from;
        loop {
            let block = match self.download {
                Download::None => return None,
                Download::Sparse => self.wanted.next(at)?.start,
                Download::All | Download::Linear => self.unwanted.next_gap(at),
            };
            at = have.next_clear(block);
            if at == block {
                return Some(block);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(selection: &Selection, have: &HaveMap) -> Vec<u64> {
        let mut at = 0;
        std::iter::from_fn(|| {
            let block = selection.next_missing(at, have).filter(|&block| block < 12)?;
            at = block + 1;
            Some(block)
        })
        .collect()
    }

    #[test]
    fn everything_but_what_is_held_or_not_wanted() {
        let mut have = HaveMap::new();
        have.set_range(0..3);
        have.set_range(8..10);
        for download in [Download::All, Download::Linear] {
            let mut selection = Selection::new(download);
            assert_eq!(missing(&selection, &have), [3, 4, 5, 6, 7, 10, 11]);
            selection.unwant(2..5);
            assert_eq!(missing(&selection, &have), [5, 6, 7, 10, 11]);
            selection.want(4..5);
            assert_eq!(missing(&selection, &have), [4, 5, 6, 7, 10, 11]);
        }
    }

    #[test]
    fn only_what_is_asked_for() {
        let mut have = HaveMap::new();
        have.set_range(0..3);
        let mut selection = Selection::new(Download::Sparse);
        assert_eq!(missing(&selection, &have), []);
        selection.want(1..5);
        selection.want(9..11);
        assert_eq!(missing(&selection, &have), [3, 4, 9, 10]);
        selection.unwant(4..10);
        selection.handle_stored(3..4);
        assert_eq!(missing(&selection, &have), [10]);
    }

    #[test]
    fn nothing_ever() {
        let mut selection = Selection::new(Download::None);
        selection.want(0..5);
        assert_eq!(selection.next_missing(0, &HaveMap::new()), None);
    }
}
