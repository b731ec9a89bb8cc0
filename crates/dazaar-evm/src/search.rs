//! Looking for what a contract told, a few hundred blocks at a time.
//!
//! Grade: driver. Public nodes answer questions about so many blocks and no more. A search goes on where it was left.

use alloy_primitives::{Address, B256};
use dazaar::payment::PaymentError;

use crate::chain::{Chain, Head};
use crate::jsonrpc::Log;
use crate::limits::{SEARCH_AGAIN_BLOCKS, SEARCH_BLOCKS, SEARCH_QUESTIONS_MAX};
use crate::store::Store;

/// What is looked for.
#[derive(Debug)]
pub(crate) struct Search<'a> {
    /// The search's own name.
    pub(crate) name: &'a [u8],
    /// Whose logs.
    pub(crate) contract: Address,
    /// Which of them.
    pub(crate) topics: &'a [Option<B256>],
    /// From which block on, the first time.
    pub(crate) since: u64,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Found {
    /// The logs, in the chain's order.
    pub(crate) logs: Vec<Log>,
    /// From which block to look next time. Blocks that may go away are looked at again.
    pub(crate) next: u64,
    /// Whether all blocks were looked at.
    pub(crate) is_all: bool,
}

impl Search<'_> {
    /// Looks from where it was left. The caller records what was found, and [`Found::next`].
    pub(crate) async fn run(&self, chain: &Chain, store: &Store, head: &Head) -> Result<Found, PaymentError> {
        let left_at = store.scan(self.name)?.unwrap_or(self.since);
        let mut from = left_at.saturating_sub(SEARCH_AGAIN_BLOCKS).max(left_at.min(self.since));
        let mut logs = Vec::new();
        for _ in 0..SEARCH_QUESTIONS_MAX {
            if from > head.number {
                break;
            }
            let to = head.number.min(from.saturating_add(SEARCH_BLOCKS - 1));
            logs.extend(chain.logs(self.contract, self.topics, (from, to)).await?);
            from = to + 1;
        }
        let is_all = from > head.number;
        // A node that is behind does not undo what was searched.
        let next = from.min(head.last_final.saturating_add(1)).max(left_at);
        Ok(Found { logs, next, is_all })
    }
}
