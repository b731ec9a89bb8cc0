//! Settlement: finds out where an authorisation is on the chain, says so, and submits it if it is nowhere.
//!
//! Grade: driver. Anybody may submit an authorisation, and a chain may forget it again: what is looked for is the token's own record of
//! it, not our transaction. Its name stays the same through all of that, only its block changes.

use alloy_primitives::U256;
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
use crate::store::{Entry, Sighting};
use crate::transfers::{received, topic};

/// Where an authorisation is.
enum Place {
    /// In the block of this transaction.
    In(jsonrpc::Receipt),
    /// Its nonce is used, and it is not known by what: its owner may have cancelled it.
    Used,
    /// It can be carried out.
    Nowhere,
}

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
            let unknown =
                || PaymentError::unavailable("the node does not know a transaction that it told of");
            let receipt = self.chain.receipt(&log.transaction_hash).await?.ok_or_else(unknown)?;
            // Anybody may use up this nonce of their own; what does not pay us is none of our business.
            if !came(&entry, &receipt).is_zero() {
                self.store.put_authorisation(&entry)?;
            }
        }
        Ok(self.store.put_scan(nonce.as_slice(), found.next)?)
    }

    /// Says where an authorisation is; submits it if it is nowhere.
    async fn advance(&self, entry: &Entry, head: &Head) -> Result<Vec<Receipt>, PaymentError> {
        let place = self.find(entry, head).await?;
        let is_elsewhere = |seen: &Sighting| match &place {
            Place::In(found) => found.block_hash != seen.block,
            Place::Used | Place::Nowhere => true,
        };
        let missing = entry.seen.filter(is_elsewhere);
        if let Some(seen) = missing.filter(|seen| seen.is_final || !matches!(place, Place::In(_)))
            && !self.has_left(&seen, head).await?
        {
            // A node that is behind knows nothing against what was seen.
            return Ok(vec![told(entry, &seen)]);
        }
        if let Place::In(found) = &place {
            return self.report(entry, found, head).await;
        }
        let gone =
            missing.map(|seen| receipt(entry, seen.block.to_vec(), seen.units, Finality::Reversed, &[]));
        let sent = match &entry.signed {
            Some(signed) if matches!(place, Place::Nowhere) && is_in_time(signed, head) => {
                self.submit(entry, signed, head).await?
            }
            _ => false,
        };
        let on_its_way = || receipt(entry, Vec::new(), self.promised(entry), Finality::Seen, &[]);
        Ok(gone.into_iter().chain(sent.then(on_its_way)).collect())
    }

    /// Whether the chain has left the block in which an authorisation was seen: for good, if it counted there.
    pub(crate) async fn has_left(&self, seen: &Sighting, head: &Head) -> Result<bool, PaymentError> {
        if seen.is_final {
            return Ok(self.chain.is_gone((seen.block, seen.height), self.finality, head).await?);
        }
        let there = self.chain.block_at(seen.height).await?;
        Ok(there.is_some_and(|block| block.hash != seen.block))
    }

    async fn report(
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
        let (block, height) = (found.block_hash, found.block_number.to::<u64>());
        // What counted in this block counts there, however far the node is now.
        let counted = entry.seen.is_some_and(|seen| seen.is_final && seen.block == block);
        let is_final = counted || height <= head.last_final && self.chain.has_block(block, height).await?;
        self.store.see_authorisation(&entry.reference, &Sighting { block, height, units, is_final })?;
        let finality = if is_final { Finality::Final } else { Finality::Seen };
        let transaction = found.transaction_hash.as_slice();
        Ok(vec![receipt(entry, block.to_vec(), units, finality, transaction)])
    }

    /// The transaction that carried an authorisation out: one of ours, or somebody else's.
    async fn find(&self, entry: &Entry, head: &Head) -> Result<Place, PaymentError> {
        for submission in self.store.submissions(entry.reference.as_slice())? {
            let receipt = self.chain.receipt(&submission.hash).await?;
            if let Some(receipt) = receipt.filter(jsonrpc::Receipt::is_success) {
                return Ok(Place::In(receipt));
            }
        }
        if !self.is_used(entry.contract, entry.authorizer, entry.nonce).await? {
            return Ok(Place::Nowhere);
        }
        let topics = [AuthorizationUsed::SIGNATURE_HASH, topic(entry.authorizer), entry.nonce].map(Some);
        let (name, since) = (entry.reference.as_slice(), entry.since);
        let search = Search { name, contract: entry.contract, topics: &topics, since };
        let found = search.run(&self.chain, &self.store, head).await?;
        if let Some(log) = found.logs.first() {
            return Ok(self.chain.receipt(&log.transaction_hash).await?.map_or(Place::Used, Place::In));
        }
        // If all was looked at, the chain has moved it to an older block, or its owner has cancelled it.
        let again = since.saturating_sub(SEARCH_BLOCKS);
        self.store.put_scan(name, if found.is_all { again } else { found.next })?;
        Ok(Place::Used)
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
        let call = signed.call(&signature);
        // Whatever was signed: there is one transaction for one payment, or one in the place of another.
        let purpose = entry.reference.as_slice();
        let job = Job { purpose, to: entry.contract, data: &call, is_once: true };
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

/// Whether a transaction that is sent now would come in time.
pub(crate) fn is_in_time(signed: &SignedAuthorisation, head: &Head) -> bool {
    signed.authorization.valid_before > U256::from(head.timestamp.saturating_add(WINDOW_MARGIN_SECONDS))
}

/// A payment as it was seen last.
fn told(entry: &Entry, seen: &Sighting) -> Receipt {
    let finality = if seen.is_final { Finality::Final } else { Finality::Seen };
    receipt(entry, seen.block.to_vec(), seen.units, finality, &[])
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
