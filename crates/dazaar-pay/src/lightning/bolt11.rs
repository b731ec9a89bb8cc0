//! The way to pay `bolt11`: both halves, over any wallet.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bitcoin::hashes::{Hash as _, sha256};
use dazaar::database::{Finality, Receipt};
use dazaar::now_ms;
use dazaar::payment::{Answer, Bill, Demand, Paid, Payee, Payer, PaymentError};
use dazaar_market::pay::lnd::SATOSHI;
use dazaar_market::{Asset, Method};
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use super::{
    About, Incoming, LightningWallet, Network, NewInvoice, Outgoing, PaymentHash, Request, RequestError,
    Spend, read_invoice, read_request,
};

/// The longest that an invoice can be paid: thirty days, which every wallet takes.
const EXPIRY_MAX: Duration = Duration::from_secs(30 * 86_400);

/// What the way to the payee may cost: a share of the payment, or a fixed sum if that is more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeeLimit {
    /// Thousandths of the payment.
    pub permille: u16,
    /// What it may cost in any case, in msat.
    pub least_msat: u64,
}

impl Default for FeeLimit {
    /// One percent, or five satoshis.
    fn default() -> Self {
        Self { permille: 10, least_msat: 5_000 }
    }
}

impl FeeLimit {
    /// The most that paying `msat` may cost on top, in msat.
    pub fn of(self, msat: u64) -> u64 {
        let share = u128::from(msat) * u128::from(self.permille) / 1000;
        u64::try_from(share).unwrap_or(u64::MAX).max(self.least_msat)
    }
}

/// What a wallet is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be paid.
    Receive,
    /// To pay.
    Pay,
}

/// Lightning invoices, made or paid by a wallet.
#[derive(Debug)]
pub struct Bolt11 {
    wallet: Box<dyn LightningWallet>,
    network: Network,
    fee: FeeLimit,
    /// What is being sent right now: the wallet may not know of it yet.
    sending: Mutex<BTreeSet<PaymentHash>>,
    /// Whether its key may pay, once it has said so: trying that out can use up what the key may do.
    pays: OnceCell<bool>,
}

impl Bolt11 {
    /// Pays and is paid by `wallet`, in bitcoins of `network`.
    pub fn new(wallet: Box<dyn LightningWallet>, network: Network, fee: FeeLimit) -> Self {
        Self { wallet, network, fee, sending: Mutex::default(), pays: OnceCell::new() }
    }

    /// Who the wallet is. Tries out what it is wanted for, without moving money: to be paid, an invoice over a satoshi is made, which
    /// nobody sees.
    ///
    /// # Errors
    /// [`PaymentError::Refused`] if its key may not, [`PaymentError::Unavailable`] if it cannot be reached or is of another network.
    pub async fn check(&self, purpose: Purpose) -> Result<About, PaymentError> {
        let about = self.wallet.about().await?;
        match purpose {
            Purpose::Pay if !about.can_pay => Err(cannot_pay()),
            Purpose::Pay => Ok(about),
            Purpose::Receive => {
                let wanted = NewInvoice {
                    order: rand::random(),
                    msat: 1000,
                    memo: "dazaar wallet check".to_owned(),
                    expiry: Duration::from_secs(60),
                };
                let invoice = self.wallet.invoice(&wanted).await?;
                let request = read_invoice(&invoice)
                    .and_then(|request| request.on(self.network))
                    .map_err(wrong_invoice)?;
                self.wallet.incoming(&request.hash).await?;
                Ok(about)
            }
        }
    }

    /// What the wallet can spend, in msat.
    ///
    /// # Errors
    /// Those of the wallet.
    pub async fn balance(&self) -> Result<u64, PaymentError> {
        self.wallet.balance().await
    }

    /// Refused if the wallet's key can only receive.
    async fn may_spend(&self) -> Result<(), PaymentError> {
        let ask = async || self.wallet.about().await.map(|about| about.can_pay);
        if *self.pays.get_or_try_init(ask).await? { Ok(()) } else { Err(cannot_pay()) }
    }

    /// The most that an invoice may be over to which so much is given back, in msat: the way there is paid out of it.
    fn refunded(&self, units: u64) -> u64 {
        units.saturating_sub(self.fee.of(units))
    }

    /// An invoice for a bill. Money that comes by it must be what the bill says, whatever the wallet made of it.
    async fn request(&self, bill: &Bill) -> Result<Request, PaymentError> {
        let expires_ms = u64::try_from(bill.expires_ms.saturating_sub(now_ms())).unwrap_or(0);
        if expires_ms == 0 {
            return Err(PaymentError::refused("the order has expired"));
        }
        let wanted = NewInvoice {
            order: bill.order,
            msat: bill.units,
            memo: bill.memo.clone(),
            expiry: Duration::from_millis(expires_ms).min(EXPIRY_MAX),
        };
        let text = self.wallet.invoice(&wanted).await?;
        // Whom the card names is for the buyer to insist on.
        let bill = Bill { pay_to: None, ..bill.clone() };
        read_request(&bill, self.network, &text).map_err(wrong_invoice)
    }

    async fn receipts(&self, bill: &Bill, demand: &Demand) -> Result<Vec<Receipt>, PaymentError> {
        let mut hash = PaymentHash::default();
        hex::decode_to_slice(&demand.handle, &mut hash)
            .map_err(|_| PaymentError::refused("this is not the handle of a Lightning invoice"))?;
        Ok(match self.wallet.incoming(&hash).await.map_err(unsure)? {
            Incoming::Nothing => Vec::new(),
            Incoming::Settled { msat, preimage } => vec![Receipt {
                reference: hash.to_vec(),
                block: Vec::new(),
                order: Some(bill.order),
                units: msat,
                finality: Finality::Final,
                evidence: preimage
                    .filter(|preimage| proves(preimage, &hash))
                    .map(Vec::from)
                    .unwrap_or_default(),
            }],
        })
    }

    /// Pays what was compared already: asks the wallet first, and sends only what it knows nothing of.
    async fn settle(&self, request: &Request, fee_max_msat: u64) -> Result<Settled, PaymentError> {
        let Some(_sending) = Sending::begin(&self.sending, request.hash) else {
            return Err(on_its_way());
        };
        if let Some(settled) = settled(self.wallet.outgoing(&request.hash).await.map_err(unsure)?)? {
            return Ok(settled);
        }
        if request.is_expired(now_ms()) {
            return Err(PaymentError::refused(RequestError::Expired.to_string()));
        }
        let spend =
            Spend { invoice: request.invoice.clone(), hash: request.hash, msat: request.msat, fee_max_msat };
        match self.wallet.pay(&spend).await {
            // Asked afterwards: trying out what a key may do can use up what it may do.
            Err(PaymentError::Refused { .. })
                if self.wallet.about().await.is_ok_and(|about| !about.can_pay) =>
            {
                Err(cannot_pay())
            }
            outgoing => settled(outgoing?)?.ok_or_else(on_its_way),
        }
    }
}

fn wrong_invoice(error: RequestError) -> PaymentError {
    PaymentError::unavailable(format!("the wallet made a wrong invoice: {error}"))
}

fn cannot_pay() -> PaymentError {
    PaymentError::refused("the wallet's key can only receive: it neither pays nor gives refunds")
}

/// A wallet that does not tell what became of a payment has not said that nothing did.
pub(super) fn unsure(error: PaymentError) -> PaymentError {
    PaymentError::unavailable(error.to_string())
}

/// A payment that arrived.
struct Settled {
    fee_msat: u64,
    preimage: Option<[u8; 32]>,
}

/// What a wallet's answer means; none if it knows nothing of the payment.
fn settled(outgoing: Outgoing) -> Result<Option<Settled>, PaymentError> {
    match outgoing {
        Outgoing::Unknown => Ok(None),
        Outgoing::Pending => Err(on_its_way()),
        Outgoing::Paid { fee_msat, preimage } => Ok(Some(Settled { fee_msat, preimage })),
        Outgoing::Failed { reason } => {
            Err(PaymentError::refused(format!("the payment failed, and nothing was spent: {reason}")))
        }
    }
}

/// Some wallets say zeros where they know no preimage.
fn proves(preimage: &[u8; 32], hash: &PaymentHash) -> bool {
    sha256::Hash::hash(preimage).to_byte_array() == *hash
}

fn on_its_way() -> PaymentError {
    PaymentError::unavailable("the payment is on its way, or the payee holds it; it is not sent again")
}

/// The note that a payment is being sent. It goes when whoever sent it has an answer, or does not wait for it any more.
struct Sending<'a> {
    all: &'a Mutex<BTreeSet<PaymentHash>>,
    hash: PaymentHash,
}

impl<'a> Sending<'a> {
    /// None if it is being sent already.
    fn begin(all: &'a Mutex<BTreeSet<PaymentHash>>, hash: PaymentHash) -> Option<Self> {
        let is_new = lock(all).insert(hash);
        is_new.then(|| Self { all, hash })
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        lock(self.all).remove(&self.hash);
    }
}

/// A set is whole whatever panicked.
fn lock(all: &Mutex<BTreeSet<PaymentHash>>) -> MutexGuard<'_, BTreeSet<PaymentHash>> {
    all.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Payee for Bolt11 {
    fn method(&self) -> Method {
        Method::Bolt11
    }

    fn takes(&self, asset: &Asset) -> bool {
        *asset == Asset::Bitcoin
    }

    fn demand<'a>(&'a self, bill: &'a Bill) -> Answer<'a, Demand> {
        Box::pin(async move {
            let request = self.request(bill).await?;
            Ok(Demand { request: request.invoice, handle: hex::encode(request.hash) })
        })
    }

    fn look_up<'a>(&'a self, bill: &'a Bill, demand: &'a Demand) -> Answer<'a, Vec<Receipt>> {
        Box::pin(self.receipts(bill, demand))
    }

    fn may_refund<'a>(&'a self, asset: &'a Asset, units: u64) -> Answer<'a, ()> {
        Box::pin(async move {
            if *asset != Asset::Bitcoin || self.refunded(units) < SATOSHI {
                return Err(PaymentError::refused("this is less than the way there may cost"));
            }
            self.may_spend().await
        })
    }

    /// Pays the invoice `to`, which must be over `units` without the most that the way may cost, in whole satoshis or exactly. Else whoever
    /// pays and is given back, again and again, would spend the seller's money on the way. An invoice is paid once, whatever the
    /// refund is called. Returns its preimage, or its hash if the wallet does not know that.
    fn refund<'a>(
        &'a self,
        _name: &'a [u8],
        asset: &'a Asset,
        units: u64,
        to: &'a str,
    ) -> Answer<'a, String> {
        Box::pin(async move {
            let request = read_invoice(to)
                .and_then(|request| request.on(self.network))
                .map_err(|error| PaymentError::refused(error.to_string()))?;
            let most = self.refunded(units);
            if *asset != Asset::Bitcoin || !(most - most % 1000..=most).contains(&request.msat) {
                let kept = units - most;
                let reason = format!(
                    "a refund of {units} msat goes to an invoice over {} sat: {kept} msat are kept for what the way may cost",
                    most / 1000
                );
                return Err(PaymentError::refused(reason));
            }
            let settled = self.settle(&request, units - request.msat).await?;
            let preimage = settled.preimage.filter(|preimage| proves(preimage, &request.hash));
            Ok(hex::encode(preimage.unwrap_or(request.hash)))
        })
    }
}

impl Payer for Bolt11 {
    fn method(&self) -> Method {
        Method::Bolt11
    }

    fn pays(&self, asset: &Asset) -> bool {
        *asset == Asset::Bitcoin
    }

    fn may_pay<'a>(&'a self, _: &'a Bill) -> Answer<'a, ()> {
        Box::pin(self.may_spend())
    }

    fn pay<'a>(&'a self, bill: &'a Bill, request: &'a str) -> Answer<'a, Paid> {
        Box::pin(async move {
            let request = read_request(bill, self.network, request)
                .map_err(|error| PaymentError::refused(error.to_string()))?;
            let settled = self.settle(&request, self.fee.of(request.msat)).await?;
            Ok(Paid { reference: hex::encode(request.hash), proof: None, fee: settled.fee_msat })
        })
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
