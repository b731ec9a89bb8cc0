//! How money comes into the wallet and leaves it: over Lightning, and as tokens.
//!
//! Grade: driver.

use cashu::Bolt11Invoice;

use super::plan::{Keys, bare};
use super::{Wallet, active, at};
use crate::error::EcashError;
use crate::limits::{COINS_MAX, SAT_MAX};
use crate::mint::{MeltQuote, Mint, MintFault};
use crate::outputs;
use crate::store::coins::{self, Coin};
use crate::store::invoices::{self, Open, Payout};
use crate::store::keysets;
use crate::store::operations::{self, Operation, Step};
use crate::token::{TokenFault, read_token};

/// The name of the key that others can lock refunds to.
const ADDRESS: &str = "address";

/// An invoice that fills the wallet once it is paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopUp {
    /// The mint that issues the coins.
    pub mint: String,
    /// What is to be paid, from any Lightning wallet.
    pub invoice: String,
}

/// An invoice that the wallet paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CashedOut {
    /// What the invoice was over, in satoshis.
    pub sat: u64,
    /// What paying it cost, in satoshis.
    pub fee_sat: u64,
    /// What proves that it was paid.
    pub preimage: Option<String>,
}

impl Wallet {
    /// The key that refunds can be locked to, in hex.
    pub(crate) fn address(&self) -> String {
        self.seed.key(ADDRESS).public_key().to_hex()
    }

    /// Asks the preferred mint for an invoice.
    pub(crate) fn top_up(&self, sat: u64) -> Result<TopUp, EcashError> {
        if sat == 0 || sat > SAT_MAX {
            return Err(EcashError::Amount { reason: format!("the wallet cannot be filled with {sat} sat") });
        }
        let no_mint = || EcashError::Settings { reason: "no mint".to_owned() };
        let mint = self.mints.first().ok_or_else(no_mint)?;
        let quote = mint.issue_quote(sat).map_err(|fault| at(mint, fault))?;
        if msat_of(&quote.request) != Some(sat.saturating_mul(1000)) {
            return Err(at(mint, MintFault::Answer { what: "the invoice" }));
        }
        self.store
            .write(|connection| invoices::put_in(connection, &mint.url, &quote.quote, &quote.request, sat))?;
        Ok(TopUp { mint: mint.url.to_string(), invoice: quote.request })
    }

    /// Gets the coins for invoices that were paid, and returns how many satoshis came.
    pub(crate) fn collect(&self) -> Result<u64, EcashError> {
        let mut came = 0;
        let mut failure = None;
        for mint in &self.mints {
            for open in self.store.read(|connection| invoices::open(connection, &mint.url))? {
                // One that the mint does not find keeps no other from being collected.
                match self.collect_one(mint, &open) {
                    Ok(sat) => came += sat,
                    Err(error) => failure = Some(error),
                }
            }
        }
        match failure {
            Some(error) if came == 0 => Err(error),
            _ => Ok(came),
        }
    }

    fn collect_one(&self, mint: &Mint, open: &Open) -> Result<u64, EcashError> {
        if let Some(id) = open.operation {
            return self.run(id).map(|()| open.sat);
        }
        match mint.issue_state(&open.quote) {
            Ok(state) if state.is_paid() => {
                let Some(id) = self.plan_issue(mint, open)? else { return Ok(0) };
                self.run(id).map(|()| open.sat)
            }
            Ok(state) if !state.is_issued() => Ok(0),
            // The coins are elsewhere.
            Ok(_) => {
                self.store.write(|connection| invoices::close(connection, &open.quote))?;
                Ok(0)
            }
            Err(fault) => Err(at(mint, fault)),
        }
    }

    /// Records how coins are asked for; none if nothing is to be had any more.
    fn plan_issue(&self, mint: &Mint, open: &Open) -> Result<Option<i64>, EcashError> {
        let active = active(mint, &self.keysets(mint)?)?;
        let amounts = crate::amounts::split(open.sat, &active)?;
        self.store.write(|connection| {
            // Another program may have come first.
            let now = invoices::open(connection, &mint.url)?.into_iter().find(|one| one.quote == open.quote);
            match now {
                Some(Open { operation: None, .. }) => {}
                begun_or_done => return Ok(begun_or_done.and_then(|open| open.operation)),
            }
            let first = keysets::take_counters(connection, &active.id, amounts.len())?;
            let outputs = outputs::plain(&self.seed, active.id, first, &amounts)?;
            let step = Step::Issue { quote: open.quote.clone() };
            let operation = Operation { step, inputs: Vec::new(), outputs, back: None };
            let id = operations::put(connection, &mint.url, &operation)?;
            invoices::set_operation(connection, &open.quote, id)?;
            Ok(Some(id))
        })
    }

    /// Takes a token of anybody's, and returns how many satoshis came.
    pub(crate) fn receive(&self, text: &str) -> Result<u64, EcashError> {
        let token = read_token(text)?;
        let mint = self.mint(&token.mint_url().map_err(|_| TokenFault::SeveralMints)?)?;
        let (coins, all) = self.coins_of(mint, &token)?;
        let keys = Keys { mint: mint.url.clone(), active: active(mint, &all)?, all };
        let key = |secret: &cashu::secret::Secret| secret.is_p2pk().then(|| ADDRESS.to_owned());
        let coins = coins.into_iter().map(|proof| Coin { key: key(&proof.secret), proof });
        let inputs = coins.map(|coin| self.unlocked(coin)).collect::<Result<Vec<_>, _>>()?;
        let planned = self.store.write(|connection| self.plan_redeem(connection, &keys, inputs))?;
        let worthless = || EcashError::Amount { reason: "the coins are worth nothing".to_owned() };
        let (id, sat) = planned.ok_or_else(worthless)?;
        self.run(id).map(|()| sat)
    }

    /// Pays a Lightning invoice with coins of one mint, once, for at most so much on top.
    pub(crate) fn cash_out(&self, invoice: &str, fee_max_sat: u64) -> Result<CashedOut, EcashError> {
        let invoice = invoice.trim();
        let sat = msat_of(invoice).map(|msat| msat.div_ceil(1000)).filter(|sat| (1..=SAT_MAX).contains(sat));
        let wrong = || EcashError::Amount { reason: "not an invoice over an amount".to_owned() };
        let sat = sat.ok_or_else(wrong)?;
        let known = self.store.read(|connection| invoices::payout(connection, invoice))?;
        let payout = match known {
            Some(payout) => payout,
            None => self.plan_melt_somewhere(invoice, sat, fee_max_sat)?,
        };
        if let Some(id) = payout.operation {
            self.run(id).map_err(|error| self.of_own_coins(error))?;
        }
        let done = self.store.read(|connection| invoices::payout(connection, invoice))?;
        let done = done.filter(|payout| payout.is_settled);
        let done = done.ok_or(EcashError::GivenUp)?;
        Ok(CashedOut { sat: done.sat, fee_sat: done.fee_sat, preimage: done.preimage })
    }

    fn plan_melt_somewhere(&self, invoice: &str, sat: u64, fee_max_sat: u64) -> Result<Payout, EcashError> {
        let (mut needed_sat, mut most_sat) = (sat, 0);
        for mint in &self.mints {
            let own = self.store.read(|connection| coins::sum(connection, &mint.url, coins::Kind::Own))?;
            most_sat = most_sat.max(own);
            if own < sat {
                continue;
            }
            let quote = mint.melt_quote(invoice).map_err(|fault| at(mint, fault))?;
            // Part of a satoshi may be the mint's.
            if quote.amount > sat {
                return Err(at(mint, MintFault::Answer { what: "the amount of an invoice" }));
            }
            if quote.fee_reserve > fee_max_sat {
                let reason = format!("the mint wants up to {} sat for paying the invoice", quote.fee_reserve);
                return Err(EcashError::Amount { reason });
            }
            needed_sat = sat + quote.fee_reserve;
            if let Some(payout) = self.plan_melt(mint, invoice, &quote)? {
                return Ok(payout);
            }
        }
        Err(EcashError::Short { needed_sat, most_sat })
    }

    /// Records how an invoice is paid, unless another program has; none if there is too little at this mint.
    fn plan_melt(&self, mint: &Mint, invoice: &str, quote: &MeltQuote) -> Result<Option<Payout>, EcashError> {
        let all = self.keysets(mint)?;
        let keys = Keys { mint: mint.url.clone(), active: active(mint, &all)?, all };
        self.store.write(|connection| {
            if let Some(known) = invoices::payout(connection, invoice)? {
                return Ok(Some(known));
            }
            let needed = quote.amount + quote.fee_reserve;
            let Some(selected) = Self::select(connection, &keys, needed)? else { return Ok(None) };
            // Whatever comes back fits into one coin for each binary digit.
            let blanks = (u64::BITS - (selected.worth - quote.amount).leading_zeros()) as usize;
            let blanks = vec![0; blanks.min(COINS_MAX)];
            let first = keysets::take_counters(connection, &keys.active.id, blanks.len())?;
            let outputs = outputs::plain(&self.seed, keys.active.id, first, &blanks)?;
            let step = Step::Melt { quote: quote.quote.clone() };
            let operation = Operation { step, inputs: bare(&selected.coins), outputs, back: None };
            let id = operations::put(connection, &mint.url, &operation)?;
            coins::reserve(connection, &selected.coins, id)?;
            invoices::put_out(connection, &mint.url, &quote.quote, invoice, quote.amount, id)?;
            invoices::payout(connection, invoice)
        })
    }
}

/// What an invoice is over, in thousandths of a satoshi; none if it is no invoice, or over nothing.
fn msat_of(invoice: &str) -> Option<u64> {
    invoice.parse::<Bolt11Invoice>().ok()?.amount_milli_satoshis()
}
