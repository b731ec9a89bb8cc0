//! The wallet as the shell uses it. Whatever waits, waits on a thread that may.
//!
//! Grade: driver.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use dazaar::database::Receipt;
use dazaar::payment::{Answer, Bill, Demand, Paid, Payee, Payer, PaymentError};
use dazaar_market::price::Method;
use dazaar_market::{Asset, MasterKey};
use zeroize::Zeroizing;

use crate::error::EcashError;
use crate::settings::Settings;
use crate::wallet::{Balance, CashedOut, MintReport, Redeemed, TopUp, Wallet, refunded_sat};

/// A wallet of ecash, which can be paid and can pay.
#[derive(Clone)]
pub struct Ecash {
    wallet: Arc<Wallet>,
    mints: Arc<[String]>,
}

impl fmt::Debug for Ecash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ecash").field("mints", &self.mints).finish_non_exhaustive()
    }
}

impl Ecash {
    /// Opens the file of coins at `path`, or makes it. All secrets grow from the master key. Asks no mint.
    ///
    /// # Errors
    /// [`EcashError::Settings`], [`EcashError::Damaged`], [`EcashError::Io`], [`EcashError::Store`].
    pub fn open(path: &Path, master: &MasterKey, settings: Settings) -> Result<Self, EcashError> {
        let mints = settings.mints.clone().into();
        Ok(Self { wallet: Arc::new(Wallet::open(path, master, settings)?), mints })
    }

    /// Asks every mint who it is.
    ///
    /// # Errors
    /// [`EcashError::Mint`] if one cannot be reached, or cannot do what is needed.
    pub async fn check(&self) -> Result<Vec<MintReport>, EcashError> {
        self.wait(Wallet::check).await
    }

    /// What there is at each mint. Asks nobody.
    ///
    /// # Errors
    /// [`EcashError::Store`].
    pub async fn balance(&self) -> Result<Vec<Balance>, EcashError> {
        self.wait(Wallet::balance).await
    }

    /// Settles what was interrupted, and redeems what was earned. To be called now and then, and at the end.
    ///
    /// # Errors
    /// [`EcashError::Mint`] if a mint does not; whatever the others did is done.
    pub async fn redeem(&self) -> Result<Redeemed, EcashError> {
        self.wait(Wallet::redeem).await
    }

    /// Takes back what was locked to sellers who did not redeem it in time. To be called now and then.
    ///
    /// # Errors
    /// [`EcashError::Mint`] if a mint does not; whatever the others did is done.
    pub async fn take_back(&self) -> Result<Redeemed, EcashError> {
        self.wait(Wallet::take_back).await
    }

    /// Asks the preferred mint for an invoice over so many satoshis; [`collect`](Self::collect) gets the coins once it is paid.
    ///
    /// # Errors
    /// [`EcashError::Amount`], [`EcashError::Mint`].
    pub async fn top_up(&self, sat: u64) -> Result<TopUp, EcashError> {
        self.wait(move |wallet| wallet.top_up(sat)).await
    }

    /// Gets the coins for invoices that were paid, and returns how many satoshis came.
    ///
    /// # Errors
    /// [`EcashError::Mint`].
    pub async fn collect(&self) -> Result<u64, EcashError> {
        self.wait(Wallet::collect).await
    }

    /// Takes a token that is not for a bill, such as a refund, and returns how many satoshis came.
    ///
    /// # Errors
    /// [`EcashError::Token`], [`EcashError::ForeignMint`], [`EcashError::Spent`], [`EcashError::Mint`].
    pub async fn receive(&self, token: &str) -> Result<u64, EcashError> {
        let token = token.to_owned();
        self.wait(move |wallet| wallet.receive(&token)).await
    }

    /// Pays a Lightning invoice, once, for at most so many satoshis on top.
    ///
    /// # Errors
    /// [`EcashError::Amount`], [`EcashError::Short`], [`EcashError::Mint`].
    pub async fn cash_out(&self, invoice: &str, fee_max_sat: u64) -> Result<CashedOut, EcashError> {
        let invoice = invoice.to_owned();
        self.wait(move |wallet| wallet.cash_out(&invoice, fee_max_sat)).await
    }

    /// Looks for coins of ours at every mint, after the file of coins was lost, and returns how many satoshis were found.
    ///
    /// # Errors
    /// [`EcashError::Mint`].
    pub async fn restore(&self) -> Result<u64, EcashError> {
        self.wait(Wallet::restore).await
    }

    /// Where refunds can be sent: a key in hex that coins can be locked to.
    pub fn address(&self) -> String {
        self.wallet.address()
    }

    /// The 24 words from which any wallet that follows NUT-13 restores the money.
    pub fn words(&self) -> Zeroizing<String> {
        self.wallet.seed.words()
    }

    async fn wait<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Wallet) -> Result<T, EcashError> + Send + 'static,
    ) -> Result<T, EcashError> {
        let wallet = Arc::clone(&self.wallet);
        tokio::task::spawn_blocking(move || work(&wallet)).await.unwrap_or(Err(EcashError::Ending))
    }

    /// An answer of `work`.
    fn answer<'a, T: Send + 'static>(
        &'a self,
        work: impl FnOnce(&Wallet) -> Result<T, EcashError> + Send + 'static,
    ) -> Answer<'a, T> {
        Box::pin(async move { self.wait(work).await.map_err(PaymentError::from) })
    }
}

fn only_bitcoin() -> EcashError {
    EcashError::Amount { reason: "only Bitcoin is given back in ecash".to_owned() }
}

impl Payee for Ecash {
    fn method(&self) -> Method {
        Method::Cashu
    }

    fn takes(&self, asset: &Asset) -> bool {
        *asset == Asset::Bitcoin
    }

    fn demand<'a>(&'a self, bill: &'a Bill) -> Answer<'a, Demand> {
        let bill = bill.clone();
        // All that is needed later follows from the bill.
        self.answer(move |wallet| Ok(Demand { request: wallet.demand(&bill)?, handle: String::new() }))
    }

    fn take<'a>(&'a self, bill: &'a Bill, _: &'a Demand, proof: &'a str) -> Answer<'a, Vec<Receipt>> {
        let (bill, proof) = (bill.clone(), Zeroizing::new(proof.to_owned()));
        self.answer(move |wallet| wallet.take(&bill, &proof))
    }

    fn look_up<'a>(&'a self, bill: &'a Bill, _: &'a Demand) -> Answer<'a, Vec<Receipt>> {
        let bill = bill.clone();
        self.answer(move |wallet| wallet.look_up(&bill))
    }

    fn may_refund<'a>(&'a self, asset: &'a Asset, units: u64) -> Answer<'a, ()> {
        Box::pin(async move {
            let sat = if self.takes(asset) { refunded_sat(units) } else { Err(only_bitcoin()) };
            sat.map(drop).map_err(PaymentError::from)
        })
    }

    fn refund<'a>(&'a self, name: &'a [u8], asset: &'a Asset, units: u64, to: &'a str) -> Answer<'a, String> {
        let (name, to, takes) = (name.to_vec(), to.to_owned(), self.takes(asset));
        self.answer(move |wallet| {
            if !takes {
                return Err(only_bitcoin());
            }
            match wallet.refund(&name, units, &to) {
                // What was earned is no coin of one's own before it is redeemed.
                Err(EcashError::Short { .. }) => {
                    wallet.redeem().and_then(|_| wallet.refund(&name, units, &to))
                }
                refunded => refunded,
            }
        })
    }
}

impl Payer for Ecash {
    fn method(&self) -> Method {
        Method::Cashu
    }

    fn pays(&self, asset: &Asset) -> bool {
        *asset == Asset::Bitcoin
    }

    fn pay<'a>(&'a self, bill: &'a Bill, request: &'a str) -> Answer<'a, Paid> {
        let (bill, request) = (bill.clone(), request.to_owned());
        self.answer(move |wallet| wallet.pay(&bill, &request))
    }
}
