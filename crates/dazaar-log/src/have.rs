//! A set of numbers (blocks held, or nodes held) as bits, cheap for a full log of ten million blocks and for a sparse one.
//!
//! Bits come in pages. Pages that are full are kept as ranges, empty ones not at all, so only the ragged edges cost memory: a range
//! of any size is set, cleared or counted in time that depends on the edges alone, whatever numbers a stranger names.
//!
//! In bytes, the first bit is the highest of the first byte. Grade: plain. Source: classic protocol, sections 3 and 5.2.

use std::collections::BTreeMap;
use std::ops::Range;

use page::Page;

mod page;

/// Bytes of a page.
pub const PAGE_BYTES: usize = 1024;

/// Bits of a page.
pub const PAGE_BITS: u64 = PAGE_BYTES as u64 * 8;

const FULL: &[u8; PAGE_BYTES] = &[0xff; PAGE_BYTES];
const EMPTY: &[u8; PAGE_BYTES] = &[0; PAGE_BYTES];

/// Numbers from here on are never in the set.
pub const CAPACITY: u64 = 1 << 62;

/// A set of numbers below [`CAPACITY`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HaveMap {
    /// Runs of full pages: first page to the page after the last. Runs never touch.
    full: BTreeMap<u64, u64>,
    /// Pages that are neither full nor empty.
    mixed: BTreeMap<u64, Page>,
}

impl HaveMap {
    /// The empty set.
    pub const fn new() -> Self {
        Self { full: BTreeMap::new(), mixed: BTreeMap::new() }
    }

    /// Whether `bit` is in the set.
    pub fn get(&self, bit: u64) -> bool {
        match self.mixed.get(&(bit / PAGE_BITS)) {
            Some(page) => page.get(bit % PAGE_BITS),
            None => self.full_run(bit / PAGE_BITS).is_some(),
        }
    }

    /// Adds `bit`. Returns whether it was missing.
    pub fn set(&mut self, bit: u64) -> bool {
        let missing = bit < CAPACITY && !self.get(bit);
        if missing {
            self.set_range(bit..bit + 1);
        }
        missing
    }

    /// Removes `bit`. Returns whether it was there.
    pub fn clear(&mut self, bit: u64) -> bool {
        let present = self.get(bit);
        if present {
            self.clear_range(bit..bit + 1);
        }
        present
    }

    /// Adds all of `range`.
    pub fn set_range(&mut self, range: Range<u64>) {
        self.each_part(range, |map, pages| map.fill_pages(pages), |page, bits| page.set_range(bits));
    }

    /// Removes all of `range`.
    pub fn clear_range(&mut self, range: Range<u64>) {
        self.each_part(range, |map, pages| map.empty_pages(&pages), |page, bits| page.clear_range(bits));
    }

    /// How many numbers of `range` are in the set.
    pub fn count_ones(&self, range: Range<u64>) -> u64 {
        if range.is_empty() {
            return 0;
        }
        let first = range.start / PAGE_BITS;
        let last = (range.end - 1) / PAGE_BITS;
        let full = self.full_overlapping(first..last + 1).map(|run| {
            let start = (run.start * PAGE_BITS).max(range.start);
            let end = (run.end * PAGE_BITS).min(range.end);
            end - start
        });
        let mixed = self.mixed.range(first..=last).map(|(&number, page)| page.count(within(number, &range)));
        full.sum::<u64>() + mixed.sum::<u64>()
    }

    /// The first number of the set that is not below `from`.
    pub fn next_set(&self, from: u64) -> Option<u64> {
        let number = from / PAGE_BITS;
        let full =
            self.full_overlapping(number..u64::MAX).next().map(|run| (run.start * PAGE_BITS).max(from));
        let mixed = self.mixed.range(number..).find_map(|(&number, page)| {
            page.next_set(from.saturating_sub(number * PAGE_BITS)).map(|bit| number * PAGE_BITS + bit)
        });
        full.into_iter().chain(mixed).min()
    }

    /// The first number from `from` on that is not in the set.
    pub fn next_clear(&self, from: u64) -> u64 {
        let mut from = from;
        loop {
            let number = from / PAGE_BITS;
            let found = match (self.mixed.get(&number), self.full_run(number)) {
                (Some(page), _) => page.next_clear(from % PAGE_BITS).map(|bit| number * PAGE_BITS + bit),
                (None, Some(run)) => {
                    from = run.end * PAGE_BITS;
                    continue;
                }
                (None, None) => Some(from),
            };
            match found {
                Some(bit) => return bit,
                None => from = (number + 1) * PAGE_BITS,
            }
        }
    }

    /// The highest number of the set, plus one; 0 when the set is empty.
    pub fn len(&self) -> u64 {
        let full = self.full.values().next_back().map_or(0, |end| end * PAGE_BITS);
        let mixed = self.mixed.iter().next_back().map_or(0, |(number, page)| number * PAGE_BITS + page.len());
        full.max(mixed)
    }

    /// Whether nothing is in the set.
    pub fn is_empty(&self) -> bool {
        self.full.is_empty() && self.mixed.is_empty()
    }

    /// Pages held as bits: each costs [`PAGE_BYTES`] of memory.
    pub fn mixed_pages(&self) -> usize {
        self.mixed.len()
    }

    /// Runs of full pages: each costs a few words of memory.
    pub fn full_runs(&self) -> usize {
        self.full.len()
    }

    /// The bytes of page `number`.
    pub fn page(&self, number: u64) -> [u8; PAGE_BYTES] {
        match self.mixed.get(&number) {
            Some(page) => page.to_bytes(),
            None if self.full_run(number).is_some() => [0xff; PAGE_BYTES],
            None => [0; PAGE_BYTES],
        }
    }

    /// Replaces page `number`.
    pub fn set_page(&mut self, number: u64, bytes: &[u8; PAGE_BYTES]) {
        if number >= CAPACITY / PAGE_BITS {
            return;
        }
        match bytes {
            FULL => self.fill_pages(number..number + 1),
            EMPTY => self.empty_pages(&(number..number + 1)),
            _ => {
                let new = Page::from_bytes(bytes);
                self.change(number, |page| *page = new);
            }
        }
    }

    /// The bits of `range` as bytes, without zero bytes at the end. The range starts at a multiple of 8.
    pub fn bytes(&self, range: Range<u64>) -> Vec<u8> {
        let end = range.end.min(self.len());
        let mut bytes = Vec::new();
        let mut at = range.start;
        while at < end {
            let page = self.page(at / PAGE_BITS);
            let stop = end.min((at / PAGE_BITS + 1) * PAGE_BITS);
            let last = (stop - 1) % PAGE_BITS;
            bytes.extend_from_slice(&page[(at % PAGE_BITS / 8) as usize..=(last / 8) as usize]);
            at = stop;
        }
        if let (Some(byte), surplus @ 1..) = (bytes.last_mut(), at.wrapping_neg() % 8) {
            *byte &= 0xff << surplus;
        }
        bytes.truncate(bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1));
        bytes
    }

    /// Adds the numbers whose bits are set in `bytes`, the first bit being `start`, a multiple of 8.
    pub fn set_bytes(&mut self, start: u64, bytes: &[u8]) {
        let mut at = start;
        let mut rest = bytes;
        while !rest.is_empty() && at < CAPACITY {
            let offset = (at % PAGE_BITS / 8) as usize;
            let (part, tail) = rest.split_at(rest.len().min(PAGE_BYTES - offset));
            let mut page = self.page(at / PAGE_BITS);
            page[offset..].iter_mut().zip(part).for_each(|(held, added)| *held |= added);
            self.set_page(at / PAGE_BITS, &page);
            (at, rest) = ((at / PAGE_BITS + 1) * PAGE_BITS, tail);
        }
    }

    /// The runs of numbers within `range`, in order.
    pub fn runs(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
        let mut from = range.start;
        std::iter::from_fn(move || {
            let start = self.next_set(from).filter(|&start| start < range.end)?;
            from = self.next_clear(start).min(range.end);
            Some(start..from)
        })
    }

    /// Splits `range` into whole pages, handled together, and up to two parts of pages.
    fn each_part(
        &mut self,
        range: Range<u64>,
        whole: fn(&mut Self, Range<u64>),
        part: fn(&mut Page, Range<u64>),
    ) {
        let range = range.start..range.end.min(CAPACITY);
        if range.is_empty() {
            return;
        }
        let first = range.start.div_ceil(PAGE_BITS);
        let last = range.end / PAGE_BITS;
        if first < last {
            whole(self, first..last);
        }
        if !range.start.is_multiple_of(PAGE_BITS) {
            let number = range.start / PAGE_BITS;
            self.change(number, |page| part(page, within(number, &range)));
        }
        if !range.end.is_multiple_of(PAGE_BITS) && (first <= last) {
            self.change(last, |page| part(page, within(last, &range)));
        }
    }

    /// Changes a part of one page, and keeps it as what it has become.
    fn change(&mut self, number: u64, part: impl FnOnce(&mut Page)) {
        let full = self.full_run(number).is_some();
        if full {
            self.empty_pages(&(number..number + 1));
        }
        let new = || if full { Page::full() } else { Page::empty() };
        let page = self.mixed.entry(number).or_insert_with(new);
        part(page);
        match page.ones() {
            0 => self.empty_pages(&(number..number + 1)),
            PAGE_BITS => self.fill_pages(number..number + 1),
            _ => {}
        }
    }

    fn fill_pages(&mut self, pages: Range<u64>) {
        self.empty_pages(&pages);
        let before = self.full.range(..pages.start).next_back().filter(|&(_, &end)| end == pages.start);
        let start = before.map_or(pages.start, |(&start, _)| start);
        let end = self.full.remove(&pages.end).unwrap_or(pages.end);
        self.full.insert(start, end);
    }

    fn empty_pages(&mut self, pages: &Range<u64>) {
        while let Some((&number, _)) = self.mixed.range(pages.clone()).next() {
            self.mixed.remove(&number);
        }
        for run in self.full_overlapping(pages.clone()).collect::<Vec<_>>() {
            self.full.remove(&run.start);
            if run.start < pages.start {
                self.full.insert(run.start, pages.start);
            }
            if run.end > pages.end {
                self.full.insert(pages.end, run.end);
            }
        }
    }

    /// The run of full pages that page `number` is in.
    fn full_run(&self, number: u64) -> Option<Range<u64>> {
        let (&start, &end) = self.full.range(..=number).next_back()?;
        (number < end).then_some(start..end)
    }

    /// Runs of full pages that have a page in `pages`, uncut.
    fn full_overlapping(&self, pages: Range<u64>) -> impl Iterator<Item = Range<u64>> {
        let first = self.full_run(pages.start).map_or(pages.start, |run| run.start);
        self.full.range(first..pages.end.max(first)).map(|(&start, &end)| start..end)
    }
}

/// The part of `range` that lies in page `number`, counted from the page's start.
fn within(number: u64, range: &Range<u64>) -> Range<u64> {
    let start = number * PAGE_BITS;
    range.start.saturating_sub(start)..(range.end - start).min(PAGE_BITS)
}

#[cfg(test)]
mod tests;
