//! Which blocks a host should end up with, kept apart from the machine that is being tested.
//!
//! Grade: plain.

use std::collections::BTreeSet;
use std::ops::Range;

use dazaar_wire::{Download, Replication};

/// The blocks that a host wants.
#[derive(Debug)]
pub(crate) struct Wishes {
    download: Download,
    /// Sparse: asked for and not yet come. Otherwise: cleared, and not asked for since.
    marked: BTreeSet<u64>,
}

impl Wishes {
    pub(crate) const fn new(download: Download) -> Self {
        Self { download, marked: BTreeSet::new() }
    }

    pub(crate) fn contains(&self, block: u64) -> bool {
        match self.download {
            Download::None => false,
            Download::Sparse => self.marked.contains(&block),
            Download::All | Download::Linear => !self.marked.contains(&block),
        }
    }

    pub(crate) fn want(&mut self, blocks: Range<u64>) {
        self.mark(blocks, self.download == Download::Sparse);
    }

    pub(crate) fn clear(&mut self, blocks: Range<u64>) {
        self.mark(blocks, self.download != Download::Sparse);
    }

    pub(crate) fn handle_stored(&mut self, blocks: &Range<u64>) {
        if self.download == Download::Sparse {
            self.mark(blocks.clone(), false);
        }
    }

    /// Tells a new machine what the last one knew.
    pub(crate) fn repeat(&self, replication: &mut Replication) {
        for &block in &self.marked {
            match self.download {
                Download::Sparse => replication.want(block..block + 1),
                _ => replication.unwant(block..block + 1),
            }
        }
    }

    fn mark(&mut self, blocks: Range<u64>, on: bool) {
        if on {
            self.marked.extend(blocks);
        } else {
            self.marked.retain(|block| !blocks.contains(block));
        }
    }
}
