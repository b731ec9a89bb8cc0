//! A seller, a buyer and a chain with their token.

mod anvil;
mod contracts;
mod ledger;
mod line;

use dazaar::database::{Finality, Receipt};
use dazaar::payment::{Bill, Demand, Paid, Payee, Payer as _};
use dazaar_evm::{
    Address, FinalityRule, Key, PayeeSettings, PayerSettings, Secret, Token, TokenPayee, TokenPayer,
};
use dazaar_log::IdentityKeyPair;
use dazaar_market::Price;
use dazaar_market::price::{Kind, Method};
use tempfile::TempDir;

pub(crate) use anvil::{Anvil, BUYER_KEY, CHAIN, OTHER_KEY, SELLER_KEY, interop};
pub(crate) use contracts::{balance, deploy, transfer};
pub(crate) use ledger::ledger;
pub(crate) use line::{Behaviour, Line};

/// Blocks after which a payment counts here.
pub(crate) const CONFIRMATIONS: u64 = 3;

/// What the buyer has at first.
pub(crate) const FUNDS: u64 = 1_000_000;

pub(crate) struct World {
    pub(crate) chain: Anvil,
    pub(crate) token: Token,
    pub(crate) folder: TempDir,
}

impl World {
    /// With the well-behaved token.
    pub(crate) fn new() -> Self {
        Self::with("Dollar", 6)
    }

    /// With one of the contracts of the tests.
    pub(crate) fn with(contract: &str, decimals: u8) -> Self {
        let chain = Anvil::start();
        let other = account(OTHER_KEY);
        let contract = deploy(&chain, other, contract, decimals);
        let token = Token { contract, decimals, name: "Dollar".to_owned(), version: "2".to_owned() };
        transfer(&chain, &token, other, account(BUYER_KEY), token.amount(FUNDS));
        Self { chain, token, folder: TempDir::new().unwrap() }
    }

    pub(crate) fn payee_settings(&self) -> PayeeSettings {
        PayeeSettings {
            key: Secret::new(SELLER_KEY),
            chain: CHAIN,
            tokens: vec![self.token.clone()],
            node: Secret::new(&self.chain.url),
            pay_to: None,
            finality: Some(FinalityRule::Confirmations(CONFIRMATIONS)),
            max_fee_gwei: None,
            raise_fee_after_s: 180,
            records: self.folder.path().join("payee.db"),
        }
    }

    pub(crate) fn payee(&self) -> TokenPayee {
        TokenPayee::open(self.payee_settings()).unwrap()
    }

    pub(crate) fn payer(&self) -> TokenPayer {
        payer(BUYER_KEY, self.token.clone(), Some(&self.chain))
    }

    /// A bill in the world's token.
    pub(crate) fn bill(&self, order: u8, units: u64) -> Bill {
        let [seller, buyer] = [1, 2].map(|seed| IdentityKeyPair::from_seed(&[seed; 32]).public());
        Bill {
            order: [order; 16],
            seller,
            buyer,
            method: Method::Erc20,
            price: Price::new(self.token.asset(CHAIN), Kind::Once { units }),
            units,
            pay_to: None,
            memo: "an order".to_owned(),
            expires_ms: i64::MAX,
        }
    }

    /// What a payee finds, once nothing waits for a block.
    pub(crate) async fn look(&self, payee: &impl Payee, bill: &Bill, demand: &Demand) -> Vec<Receipt> {
        self.chain.settle();
        payee.look_up(bill, demand).await.unwrap()
    }

    /// What the seller has, as the chain counts.
    pub(crate) fn paid(&self) -> u64 {
        self.chain.settle();
        balance(&self.chain, &self.token, account(SELLER_KEY)).to()
    }
}

pub(crate) fn payer(key: &str, token: Token, chain: Option<&Anvil>) -> TokenPayer {
    let node = chain.map(|chain| Secret::new(&chain.url));
    TokenPayer::new(PayerSettings { key: Secret::new(key), chain: CHAIN, tokens: vec![token], node }).unwrap()
}

pub(crate) fn account(key: &str) -> Address {
    Key::parse(&Secret::new(key)).unwrap().address()
}

/// Demanded, and signed for.
pub(crate) async fn signed(payee: &TokenPayee, payer: &TokenPayer, bill: &Bill) -> (Demand, Paid) {
    let demand = payee.demand(bill).await.unwrap();
    let paid = payer.pay(bill, &demand.request).await.unwrap();
    (demand, paid)
}

/// Receipts as few words: how sure, how much, and whether in a block.
pub(crate) fn told(receipts: &[Receipt]) -> Vec<(Finality, u64, bool)> {
    receipts.iter().map(|receipt| (receipt.finality, receipt.units, !receipt.block.is_empty())).collect()
}
