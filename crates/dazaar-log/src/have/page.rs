//! One page of bits. Grade: plain.

use std::ops::Range;

use super::{PAGE_BITS, PAGE_BYTES};

const WORDS: usize = PAGE_BYTES / 8;

/// The bits of a page, the first bit in the highest place of the first word, and how many of them are set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    words: Box<[u64; WORDS]>,
    ones: u64,
}

impl Page {
    pub(super) fn empty() -> Self {
        Self { words: Box::new([0; WORDS]), ones: 0 }
    }

    pub(super) fn full() -> Self {
        Self { words: Box::new([u64::MAX; WORDS]), ones: PAGE_BITS }
    }

    pub(super) fn from_bytes(bytes: &[u8; PAGE_BYTES]) -> Self {
        let mut page = Self::empty();
        for (word, bytes) in page.words.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_be_bytes(*bytes);
            page.ones += u64::from(word.count_ones());
        }
        page
    }

    pub(super) fn to_bytes(&self) -> [u8; PAGE_BYTES] {
        let mut bytes = [0; PAGE_BYTES];
        for (bytes, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(self.words.iter()) {
            *bytes = word.to_be_bytes();
        }
        bytes
    }

    pub(super) const fn ones(&self) -> u64 {
        self.ones
    }

    pub(super) fn get(&self, bit: u64) -> bool {
        self.words[(bit / 64) as usize] & (1 << 63 >> (bit % 64)) != 0
    }

    pub(super) fn set_range(&mut self, bits: Range<u64>) {
        self.change(bits, |word, mask| word | mask);
    }

    pub(super) fn clear_range(&mut self, bits: Range<u64>) {
        self.change(bits, |word, mask| word & !mask);
    }

    pub(super) fn count(&self, bits: Range<u64>) -> u64 {
        if bits == (0..PAGE_BITS) {
            return self.ones;
        }
        masks(bits).map(|(word, mask)| u64::from((self.words[word] & mask).count_ones())).sum()
    }

    /// The first set bit that is not below `from`.
    pub(super) fn next_set(&self, from: u64) -> Option<u64> {
        self.find(from, |word| word)
    }

    /// The first clear bit that is not below `from`.
    pub(super) fn next_clear(&self, from: u64) -> Option<u64> {
        self.find(from, |word| !word)
    }

    /// The highest set bit, plus one.
    pub(super) fn len(&self) -> u64 {
        let last = self.words.iter().rposition(|&word| word != 0);
        last.map_or(0, |last| last as u64 * 64 + 64 - u64::from(self.words[last].trailing_zeros()))
    }

    fn change(&mut self, bits: Range<u64>, change: fn(u64, u64) -> u64) {
        for (word, mask) in masks(bits) {
            let old = self.words[word];
            let new = change(old, mask);
            self.words[word] = new;
            self.ones = self.ones + u64::from(new.count_ones()) - u64::from(old.count_ones());
        }
    }

    fn find(&self, from: u64, wanted: fn(u64) -> u64) -> Option<u64> {
        masks(from..PAGE_BITS).find_map(|(word, mask)| match wanted(self.words[word]) & mask {
            0 => None,
            found => Some(word as u64 * 64 + u64::from(found.leading_zeros())),
        })
    }
}

/// The words that `bits` touch, each with a mask of the touched bits.
fn masks(bits: Range<u64>) -> impl Iterator<Item = (usize, u64)> {
    (bits.start / 64..bits.end.div_ceil(64)).map(move |word| {
        let start = bits.start.saturating_sub(word * 64);
        let end = (bits.end - word * 64).min(64);
        (word as usize, u64::MAX >> start & u64::MAX << (64 - end))
    })
}
