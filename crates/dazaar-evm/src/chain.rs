//! A chain, as its node tells: what the wallets ask of it.
//!
//! Grade: driver. The node is trusted: one that lies about what is in a block can make a seller deliver for nothing.

use std::sync::atomic::{AtomicBool, Ordering};

use alloy_primitives::{Address, B256, Bytes, U64, U128, U256};
use alloy_sol_types::SolCall;
use serde_json::{Value, json};

use crate::Secret;
use crate::finality::FinalityRule;
use crate::jsonrpc::{Block, Log, Logs, Receipt, Sent, Transactions};
use crate::node::{Node, NodeError};

/// A chain.
#[derive(Debug)]
pub(crate) struct Chain {
    node: Node,
    id: u64,
    /// Whether the node was seen to be on it.
    is_sure: AtomicBool,
}

/// How far a chain is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// The last block.
    pub(crate) number: u64,
    /// The chain's time: seconds since 1970.
    pub(crate) timestamp: u64,
    /// The last block that stays.
    pub(crate) last_final: u64,
    /// Wei that a unit of gas costs at least.
    pub(crate) base_fee: Option<u128>,
}

impl Chain {
    /// None if the node's address is none.
    pub(crate) fn new(node: &Secret, id: u64) -> Option<Self> {
        Some(Self { node: Node::new(node)?, id, is_sure: AtomicBool::new(false) })
    }

    pub(crate) const fn id(&self) -> u64 {
        self.id
    }

    /// Makes sure that the node is on this chain.
    pub(crate) async fn verify(&self) -> Result<(), NodeError> {
        let found: U64 = self.node.ask("eth_chainId", json!([])).await?;
        if found != U64::from(self.id) {
            return Err(NodeError::WrongChain { found: found.to(), wanted: self.id });
        }
        self.is_sure.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// How far it is. What is asked first: it also makes sure that the node is on this chain.
    pub(crate) async fn head(&self, finality: FinalityRule) -> Result<Head, NodeError> {
        if !self.is_sure.load(Ordering::Relaxed) {
            self.verify().await?;
        }
        let latest = self.block("latest").await?;
        let number: u64 = latest.number.to();
        let last_final = match finality {
            FinalityRule::Confirmations(_) => finality.height(number).unwrap_or(0),
            FinalityRule::Safe => self.block("safe").await?.number.to(),
            FinalityRule::Finalized => self.block("finalized").await?.number.to(),
        };
        let base_fee = latest.base_fee_per_gas.map(|fee| fee.to());
        Ok(Head { number, timestamp: latest.timestamp.to(), last_final, base_fee })
    }

    async fn block(&self, tag: &'static str) -> Result<Block, NodeError> {
        let block: Option<Block> = self.node.ask("eth_getBlockByNumber", json!([tag, false])).await?;
        block.ok_or(NodeError::NoBlock(tag))
    }

    /// The block of this height; none if the node is not so far.
    pub(crate) async fn block_at(&self, number: u64) -> Result<Option<Block>, NodeError> {
        let params = json!([U64::from(number), false]);
        let block: Option<Block> = self.node.ask("eth_getBlockByNumber", params).await?;
        Ok(block.filter(|block| block.number == U64::from(number)))
    }

    /// Whether this block is at this height.
    pub(crate) async fn has_block(&self, hash: B256, number: u64) -> Result<bool, NodeError> {
        Ok(self.block_at(number).await?.is_some_and(|block| block.hash == hash))
    }

    /// Whether a block is gone for good: another is in its place, and under so many that it stays. Each of these names the one before, so
    /// they are of one chain, whichever node answered for which. One that is behind, or on a branch that it will leave, proves nothing.
    pub(crate) async fn is_gone(
        &self,
        (hash, height): (B256, u64),
        finality: FinalityRule,
        head: &Head,
    ) -> Result<bool, NodeError> {
        if height > head.last_final {
            return Ok(false);
        }
        let mut below: Option<B256> = None;
        for number in (height..).take(usize::try_from(finality.depth()).unwrap_or(usize::MAX)) {
            let Some(block) = self.block_at(number).await? else { return Ok(false) };
            if below.map_or(block.hash == hash, |below| block.parent_hash != below) {
                return Ok(false);
            }
            below = Some(block.hash);
        }
        Ok(true)
    }

    /// Asks a contract, as it is now.
    pub(crate) async fn read<C: SolCall>(&self, contract: Address, call: &C) -> Result<C::Return, NodeError> {
        let answer = self.simulate(Address::ZERO, contract, call.abi_encode()).await?;
        C::abi_decode_returns(&answer).map_err(|_| NodeError::NotAToken)
    }

    /// What a contract would answer to a transaction.
    pub(crate) async fn simulate(
        &self,
        from: Address,
        to: Address,
        data: Vec<u8>,
    ) -> Result<Bytes, NodeError> {
        let call = json!({ "from": from, "to": to, "data": Bytes::from(data) });
        self.node.ask("eth_call", json!([call, "latest"])).await
    }

    /// The gas that a transaction would use; refused if it would fail. Transactions that wait for a block do not count: one of them may be
    /// the same.
    pub(crate) async fn estimate(&self, from: Address, to: Address, data: Vec<u8>) -> Result<u64, NodeError> {
        let call = json!({ "from": from, "to": to, "data": Bytes::from(data) });
        let gas: U64 = self.node.ask("eth_estimateGas", json!([call, "latest"])).await?;
        Ok(gas.to())
    }

    /// What a contract told in these blocks, both included.
    pub(crate) async fn logs(
        &self,
        contract: Address,
        topics: &[Option<B256>],
        (from, to): (u64, u64),
    ) -> Result<Vec<Log>, NodeError> {
        let filter = json!({ "address": contract, "topics": topics, "fromBlock": U64::from(from), "toBlock": U64::from(to) });
        let Logs(mut logs) = self.node.ask("eth_getLogs", json!([filter])).await?;
        // Nobody promises that only what was asked for is answered.
        logs.retain(|log| {
            let is_asked = |(nth, wanted): (usize, &Option<B256>)| {
                wanted.is_none_or(|wanted| log.topics.get(nth) == Some(&wanted))
            };
            !log.removed
                && log.address == contract
                && (from..=to).contains(&log.block_number.to())
                && topics.iter().enumerate().all(is_asked)
        });
        Ok(logs)
    }

    /// What became of a transaction; none as long as it is in no block.
    pub(crate) async fn receipt(&self, hash: &B256) -> Result<Option<Receipt>, NodeError> {
        let receipt: Option<Receipt> = self.node.ask("eth_getTransactionReceipt", json!([hash])).await?;
        Ok(receipt.filter(|receipt| receipt.transaction_hash == *hash))
    }

    /// How many transactions an account has made, in all blocks up to this one.
    pub(crate) async fn transactions_until(&self, account: Address, block: u64) -> Result<u64, NodeError> {
        self.transactions(account, json!(U64::from(block))).await
    }

    /// How many transactions an account has made, with those that wait for a block.
    pub(crate) async fn transactions_pending(&self, account: Address) -> Result<u64, NodeError> {
        self.transactions(account, json!("pending")).await
    }

    /// Which transaction has spent this number of an account's, in a block up to this one; none if the node does not tell. It was spent by then.
    pub(crate) async fn spender(
        &self,
        account: Address,
        nonce: u64,
        block: u64,
    ) -> Result<Option<B256>, NodeError> {
        // Backwards, further and further: nodes remember for a while how many there were.
        let (mut spent_at, mut before, mut step) = (block, block, 1);
        while self.transactions_until(account, before).await? > nonce {
            spent_at = before;
            if before == 0 {
                break;
            }
            before = before.saturating_sub(step);
            step *= 2;
        }
        while before + 1 < spent_at {
            let middle = before.midpoint(spent_at);
            if self.transactions_until(account, middle).await? > nonce {
                spent_at = middle;
            } else {
                before = middle;
            }
        }
        let params = json!([U64::from(spent_at), true]);
        let all: Option<Transactions> = self.node.ask("eth_getBlockByNumber", params).await?;
        let is_it = |one: &Sent| one.from == account && one.nonce == U64::from(nonce);
        Ok(all.and_then(|all| all.transactions.into_iter().find(is_it)).map(|one| one.hash))
    }

    async fn transactions(&self, account: Address, at: Value) -> Result<u64, NodeError> {
        let count: U64 = self.node.ask("eth_getTransactionCount", json!([account, at])).await?;
        Ok(count.to())
    }

    /// Coins of an account after this block, or now: wei. The block is named, so that a node without it does not tell of another (EIP-1898).
    pub(crate) async fn coins(&self, account: Address, block: Option<B256>) -> Result<U256, NodeError> {
        let at = block.map_or_else(|| json!("latest"), |hash| json!({ "blockHash": hash }));
        self.node.ask("eth_getBalance", json!([account, at])).await
    }

    /// What makers of blocks are given for a unit of gas: wei.
    pub(crate) async fn tip(&self) -> Result<u128, NodeError> {
        let tip: U128 = self.node.ask("eth_maxPriorityFeePerGas", json!([])).await?;
        Ok(tip.to())
    }

    /// Hands over a signed transaction.
    pub(crate) async fn send(&self, raw: Vec<u8>) -> Result<(), NodeError> {
        let _: B256 = self.node.ask("eth_sendRawTransaction", json!([Bytes::from(raw)])).await?;
        Ok(())
    }
}
