//! The buyer's half: signs an authorisation for exactly the bill. Nobody is asked, and no gas is paid.
//!
//! Grade: driver. The nonce is made of the order, so however often a bill is paid, the token takes one payment.

use alloy_primitives::U256;
use dazaar::now_ms;
use dazaar::payment::{Answer, Bill, Paid, Payer, PaymentError};
use dazaar_market::{Asset, Method, Money};

use crate::authorisation::{Authorisation, bound_nonce, reference};
use crate::chain::Chain;
use crate::finality::FinalityRule;
use crate::key::Key;
use crate::payee::{balances, token_of};
use crate::settings::{PayerSettings, SettingsError};
use crate::standing::Standing;
use crate::token::Token;
use crate::tokens;
use crate::vet::{self, Expected};
use crate::x402::Payment;

/// A buyer's wallet for tokens on one chain.
#[derive(Debug)]
pub struct TokenPayer {
    key: Key,
    id: u64,
    tokens: Vec<Token>,
    chain: Option<Chain>,
}

impl TokenPayer {
    /// Makes a wallet.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn new(settings: PayerSettings) -> Result<Self, SettingsError> {
        let PayerSettings { key, chain: id, tokens, node } = settings;
        if tokens.is_empty() {
            return Err(SettingsError::NoToken);
        }
        let chain = node.map(|node| Chain::new(&node, id).ok_or(SettingsError::Node)).transpose()?;
        Ok(Self { key: Key::parse(&key)?, id, tokens, chain })
    }

    /// Whether the tokens are what the wallet takes them for.
    ///
    /// # Errors
    /// [`PaymentError`].
    pub async fn check(&self) -> Result<Standing, PaymentError> {
        let chain = self.chain()?;
        chain.verify().await?;
        let head = chain.head(FinalityRule::Confirmations(1)).await?;
        for token in &self.tokens {
            tokens::verify(chain, token).await?;
        }
        Ok(Standing { account: self.key.address(), pay_to: None, chain: self.id, block: head.number })
    }

    /// What there is of each token.
    ///
    /// # Errors
    /// [`PaymentError`].
    pub async fn balance(&self) -> Result<Vec<Money>, PaymentError> {
        balances(self.chain()?, &self.tokens, self.key.address()).await
    }

    fn chain(&self) -> Result<&Chain, PaymentError> {
        self.chain.as_ref().ok_or_else(|| {
            PaymentError::refused("the wallet has no node to ask: it can pay, and does not know what it has")
        })
    }

    /// Signs for a bill at `now`, seconds since 1970.
    fn sign(&self, bill: &Bill, request: &str, now: u64) -> Result<Paid, PaymentError> {
        let token = token_of(&self.tokens, self.id, &bill.price.asset)?;
        let pay_to = bill.pay_to.as_deref().map(|text| {
            vet::address(text)
                .ok_or_else(|| PaymentError::refused("the card names no address: pay it with another wallet"))
        });
        let expected =
            Expected { chain: self.id, token, amount: token.amount(bill.units), pay_to: pay_to.transpose()? };
        let from = self.key.address();
        let demand = vet::demand(request, &expected, from)
            .map_err(|fault| PaymentError::refused(fault.to_string()))?;
        let nonce = bound_nonce(&bill.seller, &bill.buyer, &bill.order);
        let authorisation = Authorisation {
            from,
            to: demand.pay_to,
            value: expected.amount,
            valid_after: U256::ZERO,
            valid_before: U256::from(now.saturating_add(demand.max_timeout_seconds)),
            nonce,
        };
        let refused = |error: &dyn std::fmt::Display| PaymentError::refused(error.to_string());
        let signed = authorisation.sign(&self.key, token, self.id).map_err(|error| refused(&error))?;
        let proof = serde_json::to_string(&Payment::new(demand, signed)).map_err(|error| refused(&error))?;
        let reference = hex::encode(reference(self.id, token.contract, from, nonce));
        Ok(Paid { reference, proof: Some(proof), fee: 0 })
    }
}

impl Payer for TokenPayer {
    fn method(&self) -> Method {
        Method::Erc20
    }

    fn pays(&self, asset: &Asset) -> bool {
        token_of(&self.tokens, self.id, asset).is_ok()
    }

    fn pay<'a>(&'a self, bill: &'a Bill, request: &'a str) -> Answer<'a, Paid> {
        let now = u64::try_from(now_ms() / 1000).unwrap_or(0);
        Box::pin(async move { self.sign(bill, request, now) })
    }
}
