//! Transactions that shall be on the chain once, whatever happens: recorded before they are sent, sent again until they are in a
//! block, given a higher fee if that takes long.
//!
//! Grade: driver. An account's transactions are numbered, and the chain takes one of each number. So a second transaction for the same
//! purpose has the number of the first, until that number is spent for good by something that did not serve the purpose.

use std::sync::Arc;

use alloy_primitives::{Address, U256};
use dazaar::now_ms;
use dazaar::payment::PaymentError;
use tokio::sync::Mutex;

use crate::chain::{Chain, Head};
use crate::jsonrpc::Receipt;
use crate::key::Key;
use crate::limits::SUBMISSIONS_MAX;
use crate::node::NodeError;
use crate::store::{Store, Submission};
use crate::transaction::Transaction;

/// Wei in a gwei.
const GWEI: u64 = 1_000_000_000;

/// An account that sends transactions.
#[derive(Debug)]
pub(crate) struct Outbox {
    chain: Arc<Chain>,
    store: Arc<Store>,
    key: Key,
    /// Wei for a unit of gas at most.
    fee_limit: Option<u64>,
    raise_after_ms: i64,
    /// Numbers are given out one after the other.
    turn: Mutex<()>,
}

/// How far a purpose is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    /// A transaction that served it is in a block.
    Done(Receipt),
    /// A transaction is on its way.
    Waiting,
}

impl Outbox {
    pub(crate) fn new(
        chain: Arc<Chain>,
        store: Arc<Store>,
        key: Key,
        max_fee_gwei: Option<u64>,
        raise_fee_after_s: u64,
    ) -> Self {
        let fee_limit = max_fee_gwei.map(|gwei| gwei.saturating_mul(GWEI));
        let raise_after_ms = i64::try_from(raise_fee_after_s.saturating_mul(1000)).unwrap_or(i64::MAX);
        Self { chain, store, key, fee_limit, raise_after_ms, turn: Mutex::new(()) }
    }

    /// Who sends.
    pub(crate) const fn account(&self) -> Address {
        self.key.address()
    }

    /// Does what is to be done for a purpose now: the call `data` of `to`, carried out once.
    ///
    /// # Errors
    /// [`PaymentError::Refused`] only if no transaction for it is under way, and none would succeed.
    pub(crate) async fn drive(
        &self,
        purpose: &[u8],
        to: Address,
        data: &[u8],
        head: &Head,
    ) -> Result<Progress, PaymentError> {
        let _turn = self.turn.lock().await;
        let sent = self.store.submissions(purpose)?;
        let Some(last) = sent.last() else { return self.sign(purpose, to, data, head, None).await };
        // Before the receipts: if a number is spent by then, its receipt is there.
        let spent = self.chain.transactions_until(self.account(), head.last_final).await?;
        let mut failed = false;
        for submission in &sent {
            match self.chain.receipt(&submission.hash).await? {
                Some(receipt) if receipt.is_success() => return Ok(Progress::Done(receipt)),
                Some(_) => failed |= submission.nonce == last.nonce,
                None => {}
            }
        }
        let can_sign = sent.len() < SUBMISSIONS_MAX;
        if last.nonce < spent {
            // Neither did it nor can it any more.
            return if can_sign { self.sign(purpose, to, data, head, None).await } else { Err(too_many()) };
        }
        let is_late = now_ms().saturating_sub(last.signed_ms) >= self.raise_after_ms;
        if failed {
            // It may still go away, and then succeed in another block.
        } else if is_late && can_sign {
            self.raise(purpose, to, data, head, last).await?;
        } else {
            self.send(last.raw.clone()).await;
        }
        Ok(Progress::Waiting)
    }

    /// Signs the same with a higher fee, unless it would fail by now.
    async fn raise(
        &self,
        purpose: &[u8],
        to: Address,
        data: &[u8],
        head: &Head,
        last: &Submission,
    ) -> Result<(), PaymentError> {
        match self.sign(purpose, to, data, head, Some(last)).await {
            Ok(_) => Ok(()),
            // The account cannot pay more, or need not any more.
            Err(error) => {
                tracing::debug!(%error, "a transaction keeps its fee");
                self.send(last.raw.clone()).await;
                Ok(())
            }
        }
    }

    /// Signs, records and sends; with the number of `instead`, and so that nodes take it in its place.
    async fn sign(
        &self,
        purpose: &[u8],
        to: Address,
        data: &[u8],
        head: &Head,
        instead: Option<&Submission>,
    ) -> Result<Progress, PaymentError> {
        let gas = self.gas(to, data).await?;
        let (tip, max_fee) = self.fees(head, instead).await?;
        let coins = self.chain.coins(self.account(), None).await?;
        if coins < U256::from(gas) * U256::from(max_fee) {
            let account = self.account();
            return Err(PaymentError::unavailable(format!("{account} has not the coins that the gas costs")));
        }
        let nonce = match instead {
            Some(last) => last.nonce,
            None => self.chain.transactions_pending(self.account()).await?,
        };
        let (chain, data) = (self.chain.id(), data.to_vec());
        let transaction =
            Transaction { chain, nonce, tip: tip.into(), max_fee: max_fee.into(), gas, to, data };
        let signed = transaction.sign(&self.key).map_err(|error| PaymentError::refused(error.to_string()))?;
        let raw = signed.raw.clone();
        let submission =
            Submission { nonce, hash: signed.hash, raw: signed.raw, tip, max_fee, signed_ms: now_ms() };
        self.store.put_submission(purpose, &submission)?;
        self.send(raw).await;
        Ok(Progress::Waiting)
    }

    /// The gas that it takes, and a quarter more: a block or two later it may be a little more.
    async fn gas(&self, to: Address, data: &[u8]) -> Result<u64, PaymentError> {
        let gas = self.chain.estimate(self.account(), to, data.to_vec()).await.map_err(|error| {
            let no =
                error.revert().map(|reason| PaymentError::refused(format!("the token refuses: {reason}")));
            no.unwrap_or_else(|| error.into())
        })?;
        Ok(gas.saturating_add(gas / 4))
    }

    /// The tip and the most for a unit of gas: enough for a few full blocks, and an eighth more than `instead`, as nodes want it.
    async fn fees(&self, head: &Head, instead: Option<&Submission>) -> Result<(u64, u64), PaymentError> {
        let base = head.base_fee.ok_or(NodeError::NoFeeMarket)?;
        let narrow = |fee: u128| u64::try_from(fee).unwrap_or(u64::MAX);
        let mut tip = narrow(self.chain.tip().await?);
        let mut max_fee = narrow(base).saturating_mul(2).saturating_add(tip);
        if let Some(last) = instead {
            let more = |fee: u64| fee.saturating_add(fee / 8).saturating_add(1);
            tip = tip.max(more(last.tip));
            max_fee = max_fee.max(more(last.max_fee));
        }
        if self.fee_limit.is_some_and(|limit| max_fee > limit) {
            return Err(PaymentError::unavailable(
                "the chain wants more for gas than the wallet may pay; it waits",
            ));
        }
        Ok((tip.min(max_fee), max_fee))
    }

    /// Sends it. A node that has it already, or cannot be reached, changes nothing: it is on record, and sent again.
    async fn send(&self, raw: Vec<u8>) {
        if let Err(error) = self.chain.send(raw).await {
            tracing::debug!(%error, "a transaction was not taken by the node; it is sent again");
        }
    }
}

fn too_many() -> PaymentError {
    PaymentError::refused(format!("{SUBMISSIONS_MAX} transactions were made for this, and all failed"))
}
