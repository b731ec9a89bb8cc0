//! Proofs: the nodes by which whoever knows a feed's key can tell that a block is the feed's.
//!
//! Grade: plain. Source: classic protocol, section 2.4.

use crate::digest::{Digest, RemoteTree};
use crate::flat_tree::{NodeIndex, full_roots};
use crate::hash::Node;
use crate::tree_set::TreeSet;

mod range;

/// The proof of a block, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The leaf if only hashes were asked for, then siblings from the bottom to the top, then other roots from left to right.
    pub nodes: Vec<Node>,
    /// The length whose signature belongs to the proof; `None` if the peer holds enough to do without.
    pub signature_length: Option<u64>,
}

/// Which nodes make a [`Proof`], and which signature.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProofPlan {
    /// The nodes of the proof, in order.
    pub nodes: Vec<NodeIndex>,
    /// As in [`Proof::signature_length`].
    pub signature_length: Option<u64>,
}

impl TreeSet {
    /// What to send to a peer that asks for `block` (with `hash_only`: for its leaf instead of its data), given its digest and
    /// what else is known of it. `None` if the leaf is not held: nothing can be proved.
    pub fn plan_proof(
        &self,
        block: u64,
        digest: Digest,
        hash_only: bool,
        remote: &mut RemoteTree,
    ) -> Option<ProofPlan> {
        let leaf = NodeIndex::leaf(block);
        if !self.contains(leaf) {
            return None;
        }
        let mut plan = ProofPlan::default();
        if hash_only {
            plan.nodes.push(leaf);
        }
        if digest != Digest::ALL {
            remote.learn(self, block, digest);
            self.plan_climb(leaf, remote, &mut plan);
        }
        Some(plan)
    }

    /// Goes up from `leaf` to a node that the peer holds, or to one of our roots.
    fn plan_climb(&self, leaf: NodeIndex, remote: &RemoteTree, plan: &mut ProofPlan) {
        let mut node = leaf;
        while !remote.contains(node) {
            let sibling = node.sibling();
            if !self.contains(sibling) {
                let length = self.frontier(node);
                let roots = full_roots(length).filter(|&root| root != node && !remote.contains(root));
                plan.nodes.extend(roots);
                plan.signature_length = Some(length);
                return;
            }
            if !remote.contains(sibling) {
                plan.nodes.push(sibling);
            }
            node = node.parent();
        }
    }
}

#[cfg(test)]
mod tests;
