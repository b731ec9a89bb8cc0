//! The seller's half: demands an authorisation, checks it, and submits it.
//!
//! Grade: driver. An authorisation is on record before it is submitted. From then on [`look_up`](Payee::look_up) does whatever is to be
//! done next, so a seller that ends at any point goes on where it was.

use std::sync::Arc;

use alloy_primitives::{Address, B256, U256};
use dazaar::database::Receipt;
use dazaar::payment::{Answer, Bill, Demand, Payee, PaymentError};
use dazaar_market::{Asset, Method, Money};

use crate::abi::Erc20;
use crate::authorisation::{bound_nonce, reference};
use crate::chain::{Chain, Head};
use crate::finality::FinalityRule;
use crate::key::Key;
use crate::limits::AUTHORISATIONS_PER_ORDER_MAX;
use crate::outbox::Outbox;
use crate::settings::{PayeeSettings, SettingsError};
use crate::settlement::is_in_time;
use crate::standing::{Standing, gwei};
use crate::store::{Entry, Store};
use crate::token::Token;
use crate::tokens;
use crate::vet::{self, Expected};
use crate::x402::{Payment, Requirements};

/// A seller's wallet for tokens on one chain.
#[derive(Debug)]
pub struct TokenPayee {
    pub(crate) chain: Arc<Chain>,
    pub(crate) store: Arc<Store>,
    pub(crate) outbox: Outbox,
    pub(crate) tokens: Vec<Token>,
    pub(crate) pay_to: Address,
    pub(crate) finality: FinalityRule,
}

impl TokenPayee {
    /// Opens the wallet and its records. Nobody is asked anything yet.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn open(settings: PayeeSettings) -> Result<Self, SettingsError> {
        let key = Key::parse(&settings.key)?;
        let pay_to = settings.pay_to.unwrap_or_else(|| key.address());
        if settings.tokens.is_empty() {
            return Err(SettingsError::NoToken);
        }
        if pay_to == Address::ZERO || settings.tokens.iter().any(|token| token.contract == pay_to) {
            return Err(SettingsError::PayTo { pay_to });
        }
        let chain = Arc::new(Chain::new(&settings.node, settings.chain).ok_or(SettingsError::Node)?);
        let store = Arc::new(Store::open(&settings.records)?);
        let (max_fee, raise_after) = (settings.max_fee_gwei, settings.raise_fee_after_s);
        let outbox = Outbox::new(Arc::clone(&chain), Arc::clone(&store), key, max_fee, raise_after);
        let finality = settings.finality.unwrap_or_else(|| FinalityRule::of_chain(settings.chain));
        Ok(Self { chain, store, outbox, tokens: settings.tokens, pay_to, finality })
    }

    /// Whether it can be paid: the node is on the chain, each token takes authorisations, and there are coins for gas.
    ///
    /// # Errors
    /// [`PaymentError`].
    pub async fn check(&self) -> Result<Standing, PaymentError> {
        self.chain.verify().await?;
        let head = self.chain.head(self.finality).await?;
        for token in &self.tokens {
            tokens::verify(&self.chain, token).await?;
        }
        let account = self.outbox.account();
        if self.chain.coins(account, None).await?.is_zero() {
            return Err(PaymentError::refused(format!("{account} has no coins to pay gas with")));
        }
        Ok(Standing { account, pay_to: Some(self.pay_to), chain: self.chain.id(), block: head.number })
    }

    /// What there is: of each token at the recipient, and of the coin at the account that pays the gas.
    ///
    /// # Errors
    /// [`PaymentError::Unavailable`].
    pub async fn balance(&self) -> Result<Vec<Money>, PaymentError> {
        let mut money = balances(&self.chain, &self.tokens, self.pay_to).await?;
        let coins = self.chain.coins(self.outbox.account(), None).await?;
        money.push(Money { asset: Asset::Ether { chain: self.chain.id() }, units: gwei(coins) });
        Ok(money)
    }

    pub(crate) fn token(&self, asset: &Asset) -> Result<&Token, PaymentError> {
        token_of(&self.tokens, self.chain.id(), asset)
    }

    async fn head(&self) -> Result<Head, PaymentError> {
        Ok(self.chain.head(self.finality).await?)
    }

    async fn make_demand(&self, bill: &Bill) -> Result<Demand, PaymentError> {
        let token = self.token(&bill.price.asset)?;
        if let Some(pay_to) = &bill.pay_to
            && vet::address(pay_to) != Some(self.pay_to)
        {
            return Err(PaymentError::refused("the card names another recipient than the seller's wallet"));
        }
        let request = Requirements::new(self.chain.id(), token, token.amount(bill.units), self.pay_to);
        let request =
            serde_json::to_string(&request).map_err(|error| PaymentError::refused(error.to_string()))?;
        // Whatever pays for this order is in a later block.
        let head = self.head().await?;
        Ok(Demand { request, handle: head.last_final.to_string() })
    }

    async fn accept(&self, bill: &Bill, demand: &Demand, proof: &str) -> Result<Vec<Receipt>, PaymentError> {
        let token = self.token(&bill.price.asset)?;
        let payment = Payment::parse(proof)
            .map_err(|fault| PaymentError::refused(format!("the payment is {fault}")))?;
        let authorisation = &payment.payload.authorization;
        let (from, nonce) = (authorisation.from, authorisation.nonce);
        let head = self.head().await?;
        let entry = Entry {
            reference: reference(self.chain.id(), token.contract, from, nonce),
            order: bill.order,
            contract: token.contract,
            authorizer: from,
            pay_to: self.pay_to,
            nonce,
            signed: Some(payment.payload.clone()),
            since: made_at(demand)?,
            seen: None,
        };
        let known = self.store.authorisation(&entry.reference)?;
        if known.as_ref().is_some_and(|known| known.order != bill.order) {
            return Err(PaymentError::refused("this payment was handed over for another order"));
        }
        if self.is_news(known.as_ref(), &entry, &head).await? {
            self.admit(bill, token, &payment, &head).await?;
            self.store.put_authorisation(&entry)?;
        }
        self.look(bill, demand, &head).await
    }

    /// Whether what was handed over is not known. Another signature for what was submitted could only cost gas: the token takes one of
    /// them. It is heard when the one before cannot be carried out any more, and the chain has left the block that it was seen in.
    async fn is_news(&self, known: Option<&Entry>, entry: &Entry, head: &Head) -> Result<bool, PaymentError> {
        let Some(known) = known else { return Ok(true) };
        if known.signed == entry.signed {
            return Ok(false);
        }
        let may_come = known.signed.as_ref().is_some_and(|signed| is_in_time(signed, head));
        if may_come && !self.store.submissions(entry.reference.as_slice())?.is_empty() {
            return Ok(false);
        }
        match &known.seen {
            Some(seen) => self.has_left(seen, head).await,
            None => Ok(true),
        }
    }

    /// Whether a payment is as good as its word, as far as anybody can know before it is in a block.
    async fn admit(
        &self,
        bill: &Bill,
        token: &Token,
        payment: &Payment,
        head: &Head,
    ) -> Result<(), PaymentError> {
        let (chain, amount) = (self.chain.id(), token.amount(bill.units));
        let expected = Expected { chain, token, amount, pay_to: Some(self.pay_to) };
        let signature = vet::payment(payment, &expected, head.timestamp)
            .map_err(|fault| PaymentError::refused(fault.to_string()))?;
        if self.store.authorisations(&bill.order)?.len() >= AUTHORISATIONS_PER_ORDER_MAX {
            return Err(PaymentError::refused("too many payments were handed over for this order"));
        }
        let authorisation = &payment.payload.authorization;
        let is_bound = authorisation.nonce == bound_nonce(&bill.seller, &bill.buyer, &bill.order);
        if self.is_used(token.contract, authorisation.from, authorisation.nonce).await? {
            // Its name says that it is for this order; of another nobody knows for what it was paid.
            return if is_bound {
                Ok(())
            } else {
                Err(PaymentError::refused("this payment was used before"))
            };
        }
        let owner = Erc20::balanceOfCall { owner: authorisation.from };
        let balance: U256 = self.chain.read(token.contract, &owner).await?;
        if balance < authorisation.value {
            return Err(PaymentError::refused("the buyer's account has less than this payment"));
        }
        let (account, call) = (self.outbox.account(), payment.payload.call(&signature));
        self.chain.estimate(account, token.contract, call).await.map_err(|error| match error.revert() {
            Some(reason) => PaymentError::refused(format!("the token refuses the payment: {reason}")),
            None => error.into(),
        })?;
        Ok(())
    }

    /// Whether the token has taken an authorisation, or its owner has cancelled it.
    pub(crate) async fn is_used(
        &self,
        contract: Address,
        owner: Address,
        nonce: B256,
    ) -> Result<bool, PaymentError> {
        let call = Erc20::authorizationStateCall { authorizer: owner, nonce };
        Ok(self.chain.read(contract, &call).await?)
    }
}

impl Payee for TokenPayee {
    fn method(&self) -> Method {
        Method::Erc20
    }

    fn takes(&self, asset: &Asset) -> bool {
        self.token(asset).is_ok()
    }

    fn demand<'a>(&'a self, bill: &'a Bill) -> Answer<'a, Demand> {
        Box::pin(self.make_demand(bill))
    }

    fn take<'a>(&'a self, bill: &'a Bill, demand: &'a Demand, proof: &'a str) -> Answer<'a, Vec<Receipt>> {
        Box::pin(self.accept(bill, demand, proof))
    }

    fn look_up<'a>(&'a self, bill: &'a Bill, demand: &'a Demand) -> Answer<'a, Vec<Receipt>> {
        Box::pin(async move {
            let head = self.head().await?;
            self.look(bill, demand, &head).await
        })
    }

    fn may_refund<'a>(&'a self, _: &'a Asset, _: u64) -> Answer<'a, ()> {
        Box::pin(async { self.may_give_back() })
    }

    fn refund<'a>(&'a self, name: &'a [u8], asset: &'a Asset, units: u64, to: &'a str) -> Answer<'a, String> {
        Box::pin(self.give_back(name, asset, units, to))
    }
}

/// The block before which nothing can have paid for a demand.
pub(crate) fn made_at(demand: &Demand) -> Result<u64, PaymentError> {
    demand.handle.parse().map_err(|_| PaymentError::refused("this demand was not made here"))
}

/// The token of a price.
pub(crate) fn token_of<'a>(
    tokens: &'a [Token],
    chain: u64,
    asset: &Asset,
) -> Result<&'a Token, PaymentError> {
    tokens
        .iter()
        .find(|token| token.asset(chain) == *asset)
        .ok_or_else(|| PaymentError::refused(format!("the wallet has no {asset}")))
}

/// What an account has of each token.
pub(crate) async fn balances(
    chain: &Chain,
    tokens: &[Token],
    owner: Address,
) -> Result<Vec<Money>, PaymentError> {
    let mut money = Vec::with_capacity(tokens.len() + 1);
    for token in tokens {
        let amount: U256 = chain.read(token.contract, &Erc20::balanceOfCall { owner }).await?;
        let units = token.units(amount).unwrap_or(u64::MAX);
        money.push(Money { asset: token.asset(chain.id()), units });
    }
    Ok(money)
}
