//! How much of an answer may go: blocks are weighed before they are sent.
//!
//! Grade: plain.

use std::fmt;

use dazaar_log::Blocks;

/// Weighs blocks for a driver who counts something else than their bytes, or withholds some of them.
pub trait Scale: fmt::Debug + Send + Sync {
    /// What it counts for to send a block; none if the peer is not to have it: it is told that the block is not here.
    fn weigh(&self, block: u64, bytes: &[u8]) -> Option<u64>;

    /// The end of the blocks from `block` on that the peer is not to have, as far as that is known without reading them.
    fn withheld_until(&self, block: u64) -> u64 {
        block
    }

    /// The end of the blocks from `block` on that have to be read to know that.
    fn open_until(&self, _block: u64) -> u64 {
        u64::MAX
    }
}

/// What may still be sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room<'a> {
    /// How much; what crosses this line is sent whole. What weighs nothing always goes.
    pub(super) weight: u64,
    /// What weighs; nothing, if bytes count.
    pub(super) scale: Option<&'a dyn Scale>,
}

/// What of some blocks may be sent.
#[derive(Debug)]
pub(super) enum Fit {
    /// The first of them, and what they weigh.
    Blocks(Blocks, u64),
    /// Not so many of the first.
    Withheld(u64),
    /// Nothing now.
    Full,
}

impl Room<'_> {
    /// Bytes that are worth reading.
    pub(super) const fn bytes(self) -> u64 {
        match self.scale {
            None => self.weight,
            Some(_) => u64::MAX,
        }
    }

    /// The end of the blocks from `block` on that need not be read, since they are withheld.
    pub(super) fn withheld_until(self, block: u64) -> u64 {
        self.scale.map_or(block, |scale| scale.withheld_until(block))
    }

    /// The end of the blocks from `block` on that may be sent, as far as is known without reading them, and for which there may be room.
    pub(super) fn open_until(self, block: u64) -> u64 {
        let open = self.scale.map_or(u64::MAX, |scale| scale.open_until(block));
        if self.weight > 0 { open } else { open.min(block.saturating_add(1)) }
    }

    /// Whether a block of this weight has to wait.
    pub(super) const fn is_full_for(self, weight: u64) -> bool {
        self.weight == 0 && weight > 0
    }

    /// Weighs one block; none if it is withheld.
    pub(super) fn weigh(self, block: u64, bytes: &[u8]) -> Option<u64> {
        self.scale.map_or(Some(bytes.len() as u64), |scale| scale.weigh(block, bytes))
    }

    /// Weighs blocks, of which `start` is the first.
    pub(super) fn fit(self, start: u64, blocks: Blocks) -> Fit {
        let Some(scale) = self.scale else {
            let weight = blocks.data().len() as u64;
            return Fit::Blocks(blocks, weight);
        };
        let mut weights = (start..).zip(blocks.iter()).map(|(block, bytes)| scale.weigh(block, bytes));
        let Some(mut weight) = weights.next().flatten() else {
            let withheld = 1 + weights.take_while(Option::is_none).count();
            return Fit::Withheld(withheld as u64);
        };
        if self.is_full_for(weight) {
            return Fit::Full;
        }
        let mut count = 1;
        while let Some(Some(more)) = weights.next()
            && (more == 0 || weight < self.weight)
        {
            weight = weight.saturating_add(more);
            count += 1;
        }
        drop(weights);
        Fit::Blocks(blocks.first(count), weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks weigh what their first byte says; those of `WITHHELD` are withheld.
    #[derive(Debug)]
    struct FirstByte;

    const WITHHELD: u8 = 255;

    impl Scale for FirstByte {
        fn weigh(&self, _: u64, bytes: &[u8]) -> Option<u64> {
            bytes.first().filter(|&&byte| byte != WITHHELD).map(|&byte| byte.into())
        }
    }

    fn fit(weight: u64, blocks: &[[u8; 3]]) -> (usize, u64) {
        let room = Room { weight, scale: Some(&FirstByte) };
        match room.fit(7, blocks.iter().collect()) {
            Fit::Blocks(blocks, weight) => (blocks.len(), weight),
            Fit::Withheld(count) => (0, count),
            Fit::Full => (0, 0),
        }
    }

    #[test]
    fn the_block_that_crosses_the_line_is_the_last() {
        let blocks = [[5, 0, 0], [6, 0, 0], [7, 0, 0]];
        assert_eq!(fit(1, &blocks), (1, 5));
        assert_eq!(fit(5, &blocks), (1, 5));
        assert_eq!(fit(6, &blocks), (2, 11));
        assert_eq!(fit(u64::MAX, &blocks), (3, 18));
    }

    #[test]
    fn what_is_withheld_is_told_together() {
        let gone = [WITHHELD; 3];
        assert_eq!(fit(9, &[gone, gone, [1, 0, 0], gone]), (0, 2));
        assert_eq!(fit(9, &[[1, 0, 0], gone, [1, 0, 0]]), (1, 1));
    }

    #[test]
    fn what_weighs_nothing_always_goes() {
        assert_eq!(fit(0, &[[0; 3], [0; 3], [1; 3]]), (2, 0));
        assert_eq!(fit(3, &[[3; 3], [0; 3], [0; 3], [1; 3]]), (3, 3));
        assert_eq!(fit(0, &[[1; 3], [0; 3]]), (0, 0));
    }
}
