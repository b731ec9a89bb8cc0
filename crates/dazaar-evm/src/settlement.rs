//! Settlement: finds out where an authorisation is on the chain, says so, and submits it if it is nowhere.
//!
//! Grade: driver. Anybody may submit an authorisation, and a chain may forget it again: what is looked for is the token's own record of
//! it, not our transaction. Its name stays the same through all of that, only its block changes.

use alloy_primitives::{B256, U256, keccak256};
use alloy_sol_types::SolEvent as _;
use dazaar::database::{Finality, Receipt};
use dazaar::payment::{Bill, Demand, PaymentError};

use crate::abi::Erc20::AuthorizationUsed;
use crate::authorisation::{SignedAuthorisation, bound_nonce, reference};
use crate::chain::Head;
use crate::jsonrpc;
use crate::limits::{AUTHORISATIONS_PER_ORDER_MAX, SEARCH_BLOCKS, WINDOW_MARGIN_SECONDS};
use crate::outbox::Job;
use crate::payee::{TokenPayee, made_at};
use crate::search::Search;
use crate::store::Entry;
use crate::transfers::{received, topic};

impl TokenPayee {
    /// What was paid for a bill so far; on the way, whatever is to be done for it now.
    pub(crate) async fn look(
        &self,
        bill: &Bill,
        demand: &Demand,
        head: &Head,
    ) -> Result<Vec<Receipt>, PaymentError> {
        let mut entries = self.store.authorisations(&bill.order)?;
        if entries.is_empty() {
            self.find_by_nonce(bill, demand, head).await?;
            entries = self.store.authorisations(&bill.order)?;
        }
        let mut receipts = Vec::with_capacity(entries.len());
        for entry in &entries {
            receipts.extend(self.advance(entry, head).await?);
        }
        Ok(receipts)
    }

    /// Looks for payments that nobody handed over, or that were handed over and whose record is lost.
    async fn find_by_nonce(&self, bill: &Bill, demand: &Demand, head: &Head) -> Result<(), PaymentError> {
        let contract = self.token(&bill.price.asset)?.contract;
        let nonce = bound_nonce(&bill.seller, &bill.buyer, &bill.order);
        let since = made_at(demand)?;
        let topics = [Some(AuthorizationUsed::SIGNATURE_HASH), None, Some(nonce)];
        let search = Search { name: nonce.as_slice(), contract, topics: &topics, since };
        let found = search.run(&self.chain, &self.store, head).await?;
        for log in found.logs.iter().take(AUTHORISATIONS_PER_ORDER_MAX) {
            let Some(owner) = log.topics.get(1).map(|word| alloy_primitives::Address::from_word(*word))
            else {
                continue;
            };
            let entry = Entry {
                reference: reference(self.chain.id(), contract, owner, nonce),
                order: bill.order,
                contract,
                authorizer: owner,
                pay_to: self.pay_to,
                nonce,
                signed: None,
                since,
                seen: None,
            };
            let receipt = self.chain.receipt(&log.transaction_hash).await?;
            // Anybody may use up this nonce of their own; what does not pay us is none of our business.
            if receipt.is_some_and(|receipt| !came(&entry, &receipt).is_zero()) {
                self.store.put_authorisation(&entry)?;
            }
        }
        Ok(self.store.put_scan(nonce.as_slice(), found.next)?)
    }

    /// Says where an authorisation is; submits it if it is nowhere.
    async fn advance(&self, entry: &Entry, head: &Head) -> Result<Vec<Receipt>, PaymentError> {
        if let Some(found) = self.find(entry, head).await? {
            return self.report(entry, &found, head);
        }
        let gone =
            entry.seen.map(|(block, units)| receipt(entry, block.to_vec(), units, Finality::Reversed, &[]));
        let sent = match &entry.signed {
            Some(signed) if is_in_time(signed, head) => self.submit(entry, signed, head).await?,
            _ => false,
        };
        let on_its_way = || receipt(entry, Vec::new(), self.promised(entry), Finality::Seen, &[]);
        Ok(gone.into_iter().chain(sent.then(on_its_way)).collect())
    }

    fn report(
        &self,
        entry: &Entry,
        found: &jsonrpc::Receipt,
        head: &Head,
    ) -> Result<Vec<Receipt>, PaymentError> {
        let token = self.tokens.iter().find(|token| token.contract == entry.contract);
        let units = token.and_then(|token| token.units(came(entry, found))).unwrap_or(0);
        if units == 0 {
            tracing::warn!(reference = %entry.reference, "an authorisation was used, and nothing came");
            return Ok(Vec::new());
        }
        self.store.see_authorisation(&entry.reference, &found.block_hash, units)?;
        let is_final = found.block_number.to::<u64>() <= head.last_final;
        let finality = if is_final { Finality::Final } else { Finality::Seen };
        let transaction = found.transaction_hash.as_slice();
        Ok(vec![receipt(entry, found.block_hash.to_vec(), units, finality, transaction)])
    }

    /// The transaction that carried an authorisation out: one of ours, or somebody else's.
    async fn find(&self, entry: &Entry, head: &Head) -> Result<Option<jsonrpc::Receipt>, PaymentError> {
        if let Some(signed) = &entry.signed {
            for submission in self.store.submissions(purpose(entry, signed).as_slice())? {
                let receipt = self.chain.receipt(&submission.hash).await?;
                if let Some(receipt) = receipt.filter(jsonrpc::Receipt::is_success) {
                    return Ok(Some(receipt));
                }
            }
        }
        if !self.is_used(entry.contract, entry.authorizer, entry.nonce).await? {
            return Ok(None);
        }
        let topics = [AuthorizationUsed::SIGNATURE_HASH, topic(entry.authorizer), entry.nonce].map(Some);
        let (name, since) = (entry.reference.as_slice(), entry.since);
        let search = Search { name, contract: entry.contract, topics: &topics, since };
        let found = search.run(&self.chain, &self.store, head).await?;
        if let Some(log) = found.logs.first() {
            return Ok(self.chain.receipt(&log.transaction_hash).await?);
        }
        // If all was looked at, the chain has moved it to an older block, or its owner has cancelled it.
        let again = since.saturating_sub(SEARCH_BLOCKS);
        self.store.put_scan(name, if found.is_all { again } else { found.next })?;
        Ok(None)
    }

    /// Submits an authorisation; whether it is on its way then.
    async fn submit(
        &self,
        entry: &Entry,
        signed: &SignedAuthorisation,
        head: &Head,
    ) -> Result<bool, PaymentError> {
        let token = self.tokens.iter().find(|token| token.contract == entry.contract);
        // It was verified before it was recorded; the wallet's tokens may have changed since.
        let Some(Ok(signature)) = token.map(|token| signed.verify(token, self.chain.id())) else {
            return Ok(false);
        };
        let (purpose, call) = (purpose(entry, signed), signed.call(&signature));
        let job = Job { purpose: purpose.as_slice(), to: entry.contract, data: &call, is_once: true };
        match self.outbox.drive(&job, head).await {
            Ok(_) => Ok(true),
            Err(PaymentError::Refused { reason }) => {
                tracing::warn!(reason, reference = %entry.reference, "a payment cannot be submitted");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The units that an authorisation is about.
    fn promised(&self, entry: &Entry) -> u64 {
        let token = self.tokens.iter().find(|token| token.contract == entry.contract);
        let value = entry.signed.as_ref().map(|signed| signed.authorization.value);
        token.zip(value).and_then(|(token, value)| token.units(value)).unwrap_or(0)
    }
}

/// Names the transactions for an authorisation. One that was signed anew has others.
fn purpose(entry: &Entry, signed: &SignedAuthorisation) -> B256 {
    keccak256([entry.reference.as_slice(), &signed.signature].concat())
}

/// Whether a transaction that is sent now would come in time.
fn is_in_time(signed: &SignedAuthorisation, head: &Head) -> bool {
    signed.authorization.valid_before > U256::from(head.timestamp.saturating_add(WINDOW_MARGIN_SECONDS))
}

fn came(entry: &Entry, found: &jsonrpc::Receipt) -> U256 {
    received(&found.logs, entry.contract, (entry.authorizer, entry.nonce), entry.pay_to)
}

fn receipt(entry: &Entry, block: Vec<u8>, units: u64, finality: Finality, evidence: &[u8]) -> Receipt {
    Receipt {
        reference: entry.reference.to_vec(),
        block,
        order: Some(entry.order),
        units,
        finality,
        evidence: evidence.to_vec(),
    }
}
