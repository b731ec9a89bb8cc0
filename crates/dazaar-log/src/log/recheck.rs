//! Looking again at what was written since the last sync, as far as a power cut may have damaged it.
//!
//! What is written without being synced may be there or not, or in part: the bit of a block without its data, a node of
//! which one half is from before. What the commit record names as synced is right and not looked at.
//!
//! Grade: over a door.

use std::ops::Range;

use super::Log;
use super::error::LogError;
use super::held::ancestors;
use crate::commit::Synced;
use crate::flat_tree::NodeIndex;
use crate::storage::Storage;

impl<S: Storage> Log<S> {
    /// Forgets nodes and blocks that are not what the head's tree says.
    pub(super) fn recheck(&mut self, synced: &Synced) -> Result<(), LogError> {
        let settled = Settled(&synced.runs);
        // A writer lacks no node of its tree, so recovery has looked at all that is new.
        let end = if self.is_writable() {
            synced.commit.length
        } else {
            let found = self.check_tree(settled)?;
            self.mend_tree(&found, settled)?;
            self.length()
        };
        for gap in synced.gaps(end) {
            for block in self.damaged_blocks(gap)? {
                self.held.clear_blocks(block..block + 1);
            }
        }
        Ok(())
    }
}

/// Runs of blocks that need no look, with all nodes of which every block is among them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settled<'a>(&'a [Range<u64>]);

impl Settled<'_> {
    /// Everything needs a look.
    pub(super) const NOTHING: Self = Settled(&[]);

    /// Whether a node needs no look.
    pub(super) fn contains(self, node: NodeIndex) -> bool {
        let blocks = node.blocks();
        self.0.iter().any(|run| run.start <= blocks.start && blocks.end <= run.end)
    }

    /// What of `nodes` needs a look.
    pub(super) fn outside(self, nodes: Range<NodeIndex>) -> Vec<Range<NodeIndex>> {
        let mut outside = Vec::new();
        let mut start = nodes.start;
        for run in self.0 {
            // The nodes from the first leaf of the run to its last, but for those that reach beyond it.
            let (first, last) = (NodeIndex::leaf(run.start), NodeIndex::leaf(run.end - 1));
            outside.push(start..first.min(nodes.end));
            let reaching = ancestors(run.start)
                .chain(ancestors(run.end - 1))
                .filter(|node| (first..last).contains(node) && nodes.contains(node) && !self.contains(*node));
            outside.extend(reaching.map(|node| node..NodeIndex(node.0 + 1)));
            start = start.max(NodeIndex(last.0 + 1));
        }
        outside.push(start..nodes.end);
        outside.retain(|nodes| !nodes.is_empty());
        outside
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::have::HaveMap;

    proptest! {
        #[test]
        fn a_node_is_either_settled_or_outside(
            cuts in prop::collection::btree_set(0_u64..100, 0..10),
            start in 0_u64..250,
            count in 0_u64..250,
        ) {
            let cuts: Vec<u64> = cuts.into_iter().collect();
            let runs: Vec<_> = cuts.as_chunks::<2>().0.iter().map(|[start, end]| *start..*end).collect();
            let settled = Settled(&runs);
            let mut outside = HaveMap::new();
            for nodes in settled.outside(NodeIndex(start)..NodeIndex(start + count)) {
                outside.set_range(nodes.start.0..nodes.end.0);
            }
            for node in 0..500 {
                let expected = (start..start + count).contains(&node) && !settled.contains(NodeIndex(node));
                prop_assert_eq!(outside.get(node), expected, "node {}", node);
            }
        }
    }
}
