//! The proof of a range: the nodes beside it, each sent to a peer once.
//!
//! Blocks of a range prove each other, so only the nodes along its edges are needed, up to a node that the peer has, or to all
//! roots and a signature. What a peer was sent, and what follows from it, it has: see [`RemoteTree`].
//!
//! Grade: plain. Source: docs/protocol.md, ranges; ours, not the classic protocol's.

use std::ops::Range;

use super::ProofPlan;
use crate::digest::RemoteTree;
use crate::flat_tree::{NodeIndex, common_ancestor, full_roots};
use crate::tree_set::TreeSet;

impl TreeSet {
    /// What to send along with `blocks`, at least one of the first `length`, to a peer that keeps all it was sent. The nodes come
    /// from left to right. `None` if a node that is needed is not held: nothing can be proved.
    pub fn plan_range(&self, blocks: &Range<u64>, length: u64, remote: &RemoteTree) -> Option<ProofPlan> {
        self.plan_to_known(blocks, remote)
            .or_else(|| self.plan_to_roots(blocks, length, remote))
            .or_else(|| self.plan_to_roots(blocks, self.provable_length(blocks), remote))
    }

    /// A proof that ends in a node that the peer has.
    fn plan_to_known(&self, blocks: &Range<u64>, remote: &RemoteTree) -> Option<ProofPlan> {
        let mut plan = ProofPlan::default();
        self.plan_below(self.known_above(blocks, remote)?, blocks, remote, &mut plan)?;
        Some(plan)
    }

    /// A proof that ends in the roots of a log.
    fn plan_to_roots(&self, blocks: &Range<u64>, length: u64, remote: &RemoteTree) -> Option<ProofPlan> {
        let mut plan = ProofPlan { signature_length: Some(length), ..ProofPlan::default() };
        full_roots(length).try_for_each(|root| self.plan_below(root, blocks, remote, &mut plan))?;
        Some(plan)
    }

    /// The length of the log that the blocks can be proved to be of: a shorter one than ours, if they came when it was so short and
    /// what lies beside them now did not come with any other block.
    fn provable_length(&self, blocks: &Range<u64>) -> u64 {
        let mut node = NodeIndex::leaf(blocks.end - 1);
        while self.contains(node.sibling()) {
            node = node.parent();
        }
        self.frontier(node)
    }

    /// The lowest node over all the blocks that the peer has.
    fn known_above(&self, blocks: &Range<u64>, remote: &RemoteTree) -> Option<NodeIndex> {
        let lowest = common_ancestor(blocks);
        let mut above = std::iter::successors(Some(lowest), |node| Some(node.parent()));
        above.by_ref().take_while(|&node| self.contains(node)).find(|&node| remote.contains(node))
    }

    /// Collects the nodes below `node` that are needed to compute it from the blocks.
    fn plan_below(
        &self,
        node: NodeIndex,
        blocks: &Range<u64>,
        remote: &RemoteTree,
        plan: &mut ProofPlan,
    ) -> Option<()> {
        let below = node.blocks();
        if blocks.start <= below.start && below.end <= blocks.end {
            return Some(());
        }
        if below.end <= blocks.start || blocks.end <= below.start {
            if !remote.contains(node) {
                plan.nodes.push(node);
            }
            return self.contains(node).then_some(());
        }
        let (left, right) = node.children()?;
        self.plan_below(left, blocks, remote, plan)?;
        self.plan_below(right, blocks, remote, plan)
    }
}
