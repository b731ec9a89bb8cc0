//! Which blocks a peer says it has.
//!
//! Grade: machine. Nothing here is believed before a proof: a claim can only make us ask. Memory is bounded whatever is
//! claimed, and what exceeds the bound is forgotten.
//! Source: classic protocol, sections 5.2 and 9 (5).

use std::ops::Range;

use dazaar_log::have::{CAPACITY, HaveMap, PAGE_BITS};
use dazaar_log::limits::MAX_LENGTH;
use dazaar_log::rle;

use super::fault::ReplicationFault;
use super::limits::{HAVE_BITFIELD_BYTES_MAX, REMOTE_PAGES_MAX, REMOTE_RUNS_MAX, WANT_ALIGNMENT};

/// The blocks of one peer.
#[derive(Debug, Default)]
pub(super) struct RemoteMap {
    blocks: HaveMap,
    /// One more than the highest block ever claimed.
    length: u64,
}

impl RemoteMap {
    /// How long the peer says the feed is.
    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    pub(super) const fn blocks(&self) -> &HaveMap {
        &self.blocks
    }

    /// Takes note of a claim to a range, which is returned.
    pub(super) fn handle_have(&mut self, start: u64, length: u64) -> Result<Range<u64>, ReplicationFault> {
        let range = range(start, length)?;
        if !self.is_full() {
            self.blocks.set_range(range.clone());
        }
        self.length = self.length.max(range.end);
        Ok(range)
    }

    /// Takes note of a claim to those blocks whose bits are set, and returns the range that they lie in.
    pub(super) fn handle_bitfield(
        &mut self,
        start: u64,
        bits: &[u8],
    ) -> Result<Range<u64>, ReplicationFault> {
        if !start.is_multiple_of(WANT_ALIGNMENT) {
            return Err(ReplicationFault::HaveMisaligned { start });
        }
        let bits = rle::decode(bits, HAVE_BITFIELD_BYTES_MAX)
            .map_err(|_| ReplicationFault::HaveBitfield { start })?;
        let Some(last) = bits.iter().rposition(|&byte| byte != 0) else { return Ok(start..start) };
        let length = last as u64 * 8 + 8 - u64::from(bits[last].trailing_zeros());
        let range = range(start, length)?;
        if !self.is_full() {
            self.blocks.set_bytes(start, &bits[..=last]);
        }
        self.length = self.length.max(range.end);
        Ok(range)
    }

    /// Takes note that blocks are gone, and returns the range that was meant.
    pub(super) fn handle_unhave(&mut self, start: u64, length: u64) -> Range<u64> {
        let range = start..start.saturating_add(length.max(1));
        if start == 0 && range.end >= self.length {
            *self = Self::default();
        } else if self.is_full() {
            self.blocks.clear_range(start / PAGE_BITS * PAGE_BITS..CAPACITY);
        } else {
            self.blocks.clear_range(range.clone());
        }
        range
    }

    /// Forgets one block that the peer does not send.
    pub(super) fn forget(&mut self, block: u64) {
        self.blocks.clear(block);
    }

    /// Takes a forgotten block back in, which the peer claimed before.
    pub(super) fn remember(&mut self, block: u64) {
        if block < self.length && !self.is_full() {
            self.blocks.set(block);
        }
    }

    /// Whether anything more would exceed the bound on memory.
    fn is_full(&self) -> bool {
        self.blocks.mixed_pages() >= REMOTE_PAGES_MAX || self.blocks.full_runs() >= REMOTE_RUNS_MAX
    }
}

/// A range that a stranger named; a length of 0 stands for 1.
fn range(start: u64, length: u64) -> Result<Range<u64>, ReplicationFault> {
    let end = start.checked_add(length.max(1)).filter(|&end| end <= MAX_LENGTH);
    end.map(|end| start..end).ok_or(ReplicationFault::HaveBeyondLimit { start, length })
}

#[cfg(test)]
mod tests;
