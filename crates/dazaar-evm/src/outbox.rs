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

/// A call that shall be carried out once.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    /// Its name, for ever.
    pub(crate) purpose: &'a [u8],
    /// Which contract.
    pub(crate) to: Address,
    /// What it is told.
    pub(crate) data: &'a [u8],
    /// Whether the contract itself carries it out once at most. If not, a transaction that cannot be found is replaced only if another one
    /// is seen to have its number, for good: else it may have done it.
    pub(crate) is_once: bool,
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    /// A transaction that did it is in a block.
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

    /// Does what is to be done for a job now.
    ///
    /// # Errors
    /// [`PaymentError::Refused`] only if no transaction for it is under way, and none would succeed.
    pub(crate) async fn drive(&self, job: &Job<'_>, head: &Head) -> Result<Progress, PaymentError> {
        let _turn = self.turn.lock().await;
        let sent = self.store.submissions(job.purpose)?;
        let Some(last) = sent.last() else { return self.begin(job, head, 0).await };
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
            if !job.is_once && !failed && !self.is_elsewhere(&sent, last.nonce, head).await {
                let error = "the number of its transaction is spent, and the transaction cannot be found: see what left the account";
                return Err(PaymentError::unavailable(error));
            }
            // Neither did it nor can it any more.
            return if can_sign { self.begin(job, head, sent.len()).await } else { Err(too_many()) };
        }
        let is_late = now_ms().saturating_sub(last.signed_ms) >= self.raise_after_ms;
        // One that failed may still go away, and then succeed in another block.
        let is_served = failed || is_late && can_sign && self.raise(job, head, last, sent.len()).await;
        if !is_served {
            self.send(last.raw.clone()).await;
        }
        Ok(Progress::Waiting)
    }

    /// Whether none of these was carried out or ever will be: their number is that of another transaction, in a block that stays. Some other
    /// program sends from the same account.
    async fn is_elsewhere(&self, sent: &[Submission], nonce: u64, head: &Head) -> bool {
        match self.chain.spender(self.account(), nonce, head.last_final).await {
            Ok(Some(hash)) => sent.iter().all(|submission| submission.hash != hash),
            Ok(None) => false,
            Err(error) => {
                tracing::debug!(%error, "the node does not tell what has spent a transaction's number");
                false
            }
        }
    }

    /// Signs with a number that was not given out yet. There were `before` transactions for the job.
    async fn begin(&self, job: &Job<'_>, head: &Head, before: usize) -> Result<Progress, PaymentError> {
        match self.sign(job, head, None, before).await {
            // Another process was quicker, and that is why it would fail.
            Err(PaymentError::Refused { .. }) if self.store.submissions(job.purpose)?.len() != before => {}
            signed => signed?,
        }
        Ok(Progress::Waiting)
    }

    /// Signs the same with a higher fee. False if it would fail by now, or the account may not pay more.
    async fn raise(&self, job: &Job<'_>, head: &Head, last: &Submission, before: usize) -> bool {
        let raised = self.sign(job, head, Some(last), before).await;
        if let Err(error) = &raised {
            tracing::debug!(%error, "a transaction keeps its fee");
        }
        raised.is_ok()
    }

    /// Signs, records and sends; with the number of `instead`, and so that nodes take it in its place.
    async fn sign(
        &self,
        job: &Job<'_>,
        head: &Head,
        instead: Option<&Submission>,
        before: usize,
    ) -> Result<(), PaymentError> {
        let gas = self.gas(job).await?;
        let (tip, max_fee) = self.fees(head, instead).await?;
        self.afford(gas, max_fee).await?;
        let nonce = match instead {
            Some(last) => last.nonce,
            None => self.chain.transactions_pending(self.account()).await?,
        };
        let (chain, to, data) = (self.chain.id(), job.to, job.data.to_vec());
        let transaction =
            Transaction { chain, nonce, tip: tip.into(), max_fee: max_fee.into(), gas, to, data };
        let signed = transaction.sign(&self.key).map_err(|error| PaymentError::refused(error.to_string()))?;
        let (hash, raw) = (signed.hash, signed.raw);
        let submission = Submission { nonce, hash, raw: raw.clone(), tip, max_fee, signed_ms: now_ms() };
        if self.store.put_submission(job.purpose, &submission, before)? {
            self.send(raw).await;
        }
        Ok(())
    }

    /// A transaction without the coins for its gas would only lie in the way of others.
    async fn afford(&self, gas: u64, max_fee: u64) -> Result<(), PaymentError> {
        let account = self.account();
        if self.chain.coins(account, None).await? < U256::from(gas) * U256::from(max_fee) {
            return Err(PaymentError::unavailable(format!("{account} has not the coins that the gas costs")));
        }
        Ok(())
    }

    /// The gas that it takes, and a quarter more: a block or two later it may be a little more.
    async fn gas(&self, job: &Job<'_>) -> Result<u64, PaymentError> {
        let gas = self.chain.estimate(self.account(), job.to, job.data.to_vec()).await.map_err(|error| {
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
