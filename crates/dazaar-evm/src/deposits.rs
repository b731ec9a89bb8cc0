//! A seller who is paid at the addresses of npm dazaar: looks what came there. Any wallet can pay.
//!
//! Grade: driver. There is no key here: what came is spent with the card's secret key, elsewhere.

use std::collections::BTreeSet;

use alloy_primitives::{Address, U256, keccak256};
use alloy_sol_types::SolEvent as _;
use dazaar::database::{Finality, OrderId, Receipt};
use dazaar::payment::{Answer, Bill, Demand, Payee, PaymentError};
use dazaar_market::{Asset, Method};
use k256::PublicKey;

use crate::abi::Erc20::Transfer;
use crate::chain::{Chain, Head};
use crate::deposit;
use crate::finality::FinalityRule;
use crate::jsonrpc::{self, Log};
use crate::limits::{BLOCKS_COMPARED_MAX, BLOCKS_FORGOTTEN_MAX, SEARCH_BLOCKS, TRANSFERS_AT_ONCE};
use crate::payee::made_at;
use crate::search::{Found, Search};
use crate::settings::{DepositSettings, SettingsError};
use crate::standing::{Standing, gwei};
use crate::store::{Deposit, Store};
use crate::token::Token;
use crate::tokens;
use crate::transfers::{topic, transfer};

/// A seller's watch over the addresses of its buyers, for one token or for the chain's coin.
#[derive(Debug)]
pub struct DepositPayee {
    key: PublicKey,
    chain: Chain,
    store: Store,
    token: Option<Token>,
    finality: FinalityRule,
}

impl DepositPayee {
    /// Opens the records. Nobody is asked anything yet.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn open(settings: DepositSettings) -> Result<Self, SettingsError> {
        let key = deposit::public_key(&settings.public_key)?;
        let chain = Chain::new(&settings.node, settings.chain).ok_or(SettingsError::Node)?;
        let store = Store::open(&settings.records)?;
        let finality = settings.finality.unwrap_or_else(|| FinalityRule::of_chain(settings.chain));
        Ok(Self { key, chain, store, token: settings.token, finality })
    }

    /// Whether payments can be seen: the node is on the chain, and the token is what the wallet takes it for. It need not take
    /// authorisations.
    ///
    /// # Errors
    /// [`PaymentError`].
    pub async fn check(&self) -> Result<Standing, PaymentError> {
        self.chain.verify().await?;
        let head = self.chain.head(self.finality).await?;
        if let Some(token) = &self.token {
            tokens::verify_decimals(&self.chain, token).await?;
        }
        let account = deposit::own_address(&self.key);
        Ok(Standing { account, pay_to: None, chain: self.chain.id(), block: head.number })
    }

    /// Where the buyer of a bill pays.
    pub fn address(&self, bill: &Bill) -> Address {
        deposit::address(&self.key, &bill.seller, &bill.buyer)
    }

    fn asset(&self) -> Asset {
        let chain = self.chain.id();
        self.token.as_ref().map_or(Asset::Ether { chain }, |token| token.asset(chain))
    }

    async fn make_demand(&self, bill: &Bill) -> Result<Demand, PaymentError> {
        if !self.takes(&bill.price.asset) {
            return Err(PaymentError::refused(format!("the wallet has no {}", bill.price.asset)));
        }
        if let Some(pay_to) = &bill.pay_to
            && deposit::public_key(pay_to).ok() != Some(self.key)
        {
            return Err(PaymentError::refused("the card names another key than the seller's wallet"));
        }
        let head = self.chain.head(self.finality).await?;
        let (address, chain) = (self.address(bill), self.chain.id());
        let request = match &self.token {
            Some(token) => {
                let (contract, amount) = (token.contract, token.amount(bill.units));
                format!("ethereum:{contract}@{chain}/transfer?address={address}&uint256={amount}")
            }
            None => format!("ethereum:{address}@{chain}?value={}", wei(bill.units)),
        };
        // Who pays without an order may have done so before they came. What counted is on record, and counts once.
        let early = if bill.units == 0 { SEARCH_BLOCKS } else { 0 };
        Ok(Demand { request, handle: head.last_final.saturating_sub(early).to_string() })
    }

    async fn look(&self, bill: &Bill, demand: &Demand) -> Result<Vec<Receipt>, PaymentError> {
        let since = made_at(demand)?;
        let head = self.chain.head(self.finality).await?;
        let address = self.address(bill);
        match &self.token {
            Some(token) => self.look_for_transfers(bill.order, token, address, since, &head).await,
            None => self.look_for_coins(bill.order, address, &head).await,
        }
    }

    async fn look_for_transfers(
        &self,
        order: OrderId,
        token: &Token,
        address: Address,
        since: u64,
        head: &Head,
    ) -> Result<Vec<Receipt>, PaymentError> {
        let name = keccak256([token.contract.as_slice(), address.as_slice()].concat());
        let name = name.as_slice();
        let lost = self.lost(&order, head).await?;
        if let Some(height) = lost.iter().map(|deposit| deposit.height).min() {
            // It may be in another block now, and that in an older place.
            self.store.put_scan(name, height.saturating_sub(SEARCH_BLOCKS))?;
        }
        let topics = [Some(Transfer::SIGNATURE_HASH), None, Some(topic(address))];
        let found_from = self.store.scan(name)?.unwrap_or(since);
        let search = Search { name, contract: token.contract, topics: &topics, since };
        let found = search.run(&self.chain, &self.store, head).await?;
        let (new, next) = self.new_transfers(token, found)?;
        let all = self.deposits_of(token, &new).await?;
        let (stay, may_go): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|deposit| deposit.height <= head.last_final);
        for deposit in &stay {
            if !self.chain.has_block(deposit.block, deposit.height).await? {
                return Err(contradiction());
            }
        }
        // Nothing is written down of those who never pay, unless the search would be long: of three questions.
        if !stay.is_empty() || next.saturating_sub(found_from) > 2 * SEARCH_BLOCKS {
            self.store.put_deposits(&order, &stay, (name, next))?;
        }
        let mut receipts = self.known(&order, &lost)?;
        for deposit in &may_go {
            // A node that is behind does not make less of what counted.
            if !self.store.has_deposit(&deposit.reference)? {
                receipts.push(receipt(order, deposit, Finality::Seen));
            }
        }
        Ok(receipts)
    }

    /// What was found and is not on record, but not too much at once: anybody can send dust to an address, and about each transfer the node
    /// is asked. Also from which block to look next time.
    fn new_transfers(&self, token: &Token, found: Found) -> Result<(Vec<Log>, u64), PaymentError> {
        let mut new: Vec<Log> = Vec::new();
        for log in found.logs {
            let block = log.block_number.to::<u64>();
            let is_next_block = new.last().is_some_and(|last| last.block_number != log.block_number);
            if is_next_block && new.len() >= TRANSFERS_AT_ONCE {
                return Ok((new, found.next.min(block)));
            }
            let has_units = transfer(&log).and_then(|moved| token.units(moved.value)).unwrap_or(0) > 0;
            if has_units && !self.store.has_deposit_of(&log.transaction_hash, &log.block_hash)? {
                new.push(log);
            }
        }
        Ok((new, found.next))
    }

    /// The transfers that logs tell of. Each is called by its transaction and its place among what that told: the same in whichever block,
    /// and however often it is told.
    async fn deposits_of(&self, token: &Token, logs: &[Log]) -> Result<Vec<Deposit>, PaymentError> {
        let mut deposits: Vec<Deposit> = Vec::new();
        let mut transaction: Option<jsonrpc::Receipt> = None;
        for log in logs {
            let units = transfer(log).and_then(|moved| token.units(moved.value)).unwrap_or(0);
            let told = match transaction.take().filter(|told| told.transaction_hash == log.transaction_hash) {
                Some(told) => told,
                None => self.chain.receipt(&log.transaction_hash).await?.ok_or_else(contradiction)?,
            };
            let is_it = |other: &Log| (other.log_index, other.address) == (log.log_index, log.address);
            let nth = told.logs.iter().position(is_it).filter(|_| told.block_hash == log.block_hash);
            let nth = nth.ok_or_else(contradiction)? as u64;
            transaction = Some(told);
            let name: [&[u8]; 4] = [
                b"dazaar/evm/deposit/v1",
                &self.chain.id().to_be_bytes(),
                log.transaction_hash.as_slice(),
                &nth.to_be_bytes(),
            ];
            let reference = keccak256([&name.concat()[..], token.contract.as_slice()].concat());
            if deposits.iter().all(|deposit| deposit.reference != reference) {
                deposits.push(Deposit {
                    reference,
                    block: log.block_hash,
                    height: log.block_number.to(),
                    units,
                    evidence: log.transaction_hash.to_vec(),
                });
            }
        }
        Ok(deposits)
    }

    /// Coins leave no log. So what counts is how much more there is than at the last look, in a block that stays.
    async fn look_for_coins(
        &self,
        order: OrderId,
        address: Address,
        head: &Head,
    ) -> Result<Vec<Receipt>, PaymentError> {
        let height = head.last_final;
        // A node that is not so far says nothing now.
        if let Some(block) = self.chain.block_at(height).await? {
            let coins = self.chain.coins(address, Some(block.hash)).await?;
            let chain = self.chain.id();
            self.store.count_coins(&order, address, (height, coins), |more, nth| {
                let name: [&[u8]; 4] =
                    [b"dazaar/evm/coins/v1", &chain.to_be_bytes(), address.as_slice(), &nth.to_be_bytes()];
                let units = gwei(more);
                (units > 0).then(|| Deposit {
                    reference: keccak256(name.concat()),
                    block: block.hash,
                    height,
                    units,
                    evidence: Vec::new(),
                })
            })?;
        }
        let deposits = self.store.deposits(&order)?;
        Ok(deposits.iter().map(|deposit| receipt(order, deposit, Finality::Final)).collect())
    }

    /// What is on record for an order, and whether it is still there.
    fn known(&self, order: &OrderId, lost: &[Deposit]) -> Result<Vec<Receipt>, PaymentError> {
        let deposits = self.store.deposits(order)?;
        let standing = |deposit| if lost.contains(deposit) { Finality::Reversed } else { Finality::Final };
        Ok(deposits.iter().map(|deposit| receipt(*order, deposit, standing(deposit))).collect())
    }

    /// What is on record for an order, and in a block that is gone for good. The newest blocks are asked about, as long as they are not far
    /// below: those that a chain forgets.
    async fn lost(&self, order: &OrderId, head: &Head) -> Result<Vec<Deposit>, PaymentError> {
        let deposits = self.store.deposits(order)?;
        let newest =
            deposits.iter().filter(|deposit| deposit.height + BLOCKS_FORGOTTEN_MAX > head.last_final);
        let blocks: BTreeSet<_> = newest.map(|deposit| (deposit.height, deposit.block)).collect();
        let mut gone = BTreeSet::new();
        for (height, block) in blocks.into_iter().rev().take(BLOCKS_COMPARED_MAX) {
            if self.chain.is_gone((block, height), self.finality, head).await? {
                gone.insert(block);
            }
        }
        Ok(deposits.into_iter().filter(|deposit| gone.contains(&deposit.block)).collect())
    }
}

impl Payee for DepositPayee {
    fn method(&self) -> Method {
        if self.token.is_some() { Method::Erc20 } else { Method::Ether }
    }

    fn takes(&self, asset: &Asset) -> bool {
        self.asset() == *asset
    }

    fn takes_unordered(&self) -> bool {
        true
    }

    fn demand<'a>(&'a self, bill: &'a Bill) -> Answer<'a, Demand> {
        Box::pin(self.make_demand(bill))
    }

    fn look_up<'a>(&'a self, bill: &'a Bill, demand: &'a Demand) -> Answer<'a, Vec<Receipt>> {
        Box::pin(self.look(bill, demand))
    }

    fn may_refund<'a>(&'a self, _: &'a Asset, _: u64) -> Answer<'a, ()> {
        Box::pin(async { Err(PaymentError::refused("there is no key for what came to such addresses")) })
    }
}

/// The node's answers do not fit together: some of them are of one that is behind, or on another branch.
fn contradiction() -> PaymentError {
    PaymentError::unavailable("the node contradicts itself; it is asked again")
}

/// Billionths of a coin, as the chain counts.
fn wei(units: u64) -> U256 {
    U256::from(units) * U256::from(1_000_000_000_u64)
}

fn receipt(order: OrderId, deposit: &Deposit, finality: Finality) -> Receipt {
    Receipt {
        reference: deposit.reference.to_vec(),
        block: deposit.block.to_vec(),
        order: Some(order),
        units: deposit.units,
        finality,
        evidence: deposit.evidence.clone(),
    }
}
