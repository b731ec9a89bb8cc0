//! A bank at which both sides have a wallet. It may be out of reach, forget to say what it did, and report a payment often.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use dazaar::cards::{Asset, Method};
use dazaar::database::{Finality, Receipt};
use dazaar::payment::{Answer, Bill, Demand, Paid, Payee, Payer, PaymentError};

#[derive(Debug, Default)]
pub(crate) struct Bank {
    /// What was paid for each request: units.
    paid: Mutex<BTreeMap<String, u64>>,
    /// Whether the wallets are out of reach.
    pub(crate) is_closed: AtomicBool,
    /// Whether a payer that has paid answers.
    pub(crate) is_mute: AtomicBool,
    /// Whether a payer that has paid says that it could not.
    pub(crate) is_confused: AtomicBool,
    /// What was given back, by name.
    pub(crate) refunds: Mutex<BTreeMap<Vec<u8>, u64>>,
    /// Transfers that were made.
    pub(crate) transfers: AtomicUsize,
    /// How often somebody asked what was paid.
    pub(crate) looks: AtomicUsize,
}

/// A wallet for one way to pay.
#[derive(Debug, Clone)]
pub(crate) struct Wallet(pub(crate) Arc<Bank>, pub(crate) Method);

impl Bank {
    fn open(&self) -> Result<(), PaymentError> {
        if self.is_closed.load(Ordering::Relaxed) {
            return Err(PaymentError::unavailable("the bank is closed"));
        }
        Ok(())
    }
}

impl Wallet {
    fn found(&self, bill: &Bill, request: &str) -> Vec<Receipt> {
        self.0.looks.fetch_add(1, Ordering::Relaxed);
        let paid = self.0.paid.lock().unwrap();
        let receipt = paid.get(request).map(|units| Receipt {
            reference: request.as_bytes().to_vec(),
            block: Vec::new(),
            order: Some(bill.order),
            units: *units,
            finality: Finality::Final,
            evidence: Vec::new(),
        });
        // Twice, since wallets do that.
        receipt.iter().chain(&receipt).cloned().collect()
    }
}

impl Payee for Wallet {
    fn method(&self) -> Method {
        self.1
    }

    fn takes(&self, asset: &Asset) -> bool {
        *asset == Asset::Bitcoin
    }

    fn demand<'a>(&'a self, bill: &'a Bill) -> Answer<'a, Demand> {
        Box::pin(async move {
            self.0.open()?;
            let request = format!("{}-{:x}", bill.units, dazaar::random_number());
            Ok(Demand { handle: request.clone(), request })
        })
    }

    fn take<'a>(&'a self, bill: &'a Bill, demand: &'a Demand, proof: &'a str) -> Answer<'a, Vec<Receipt>> {
        Box::pin(async move {
            self.0.open()?;
            if proof != demand.request {
                return Err(PaymentError::refused("this proof is for something else"));
            }
            Ok(self.found(bill, proof))
        })
    }

    fn refund<'a>(&'a self, name: &'a [u8], _: &'a Asset, units: u64, to: &'a str) -> Answer<'a, String> {
        Box::pin(async move {
            self.0.open()?;
            if to == "nowhere" {
                return Err(PaymentError::refused("there is no such account"));
            }
            self.0.refunds.lock().unwrap().insert(name.to_vec(), units);
            Ok(format!("{units} to {to}"))
        })
    }

    fn look_up<'a>(&'a self, bill: &'a Bill, demand: &'a Demand) -> Answer<'a, Vec<Receipt>> {
        Box::pin(async move {
            self.0.open()?;
            // What must be handed over is not seen otherwise.
            Ok(if self.1 == Method::Cashu { Vec::new() } else { self.found(bill, &demand.handle) })
        })
    }
}

impl Payer for Wallet {
    fn method(&self) -> Method {
        self.1
    }

    fn pays(&self, asset: &Asset) -> bool {
        *asset == Asset::Bitcoin
    }

    fn pay<'a>(&'a self, bill: &'a Bill, request: &'a str) -> Answer<'a, Paid> {
        Box::pin(async move {
            self.0.open()?;
            if self.0.paid.lock().unwrap().insert(request.to_owned(), bill.units).is_none() {
                self.0.transfers.fetch_add(1, Ordering::Relaxed);
            }
            if self.0.is_mute.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            if self.0.is_confused.load(Ordering::Relaxed) {
                return Err(PaymentError::refused("it was not sent"));
            }
            let proof = (self.1 == Method::Cashu).then(|| request.to_owned());
            Ok(Paid { reference: hex::encode(request), proof, fee: 1 })
        })
    }
}

/// A wallet that can be paid, and neither pays nor gives anything back.
#[derive(Debug, Clone)]
pub(crate) struct Till(pub(crate) Wallet);

fn only_receives<T: Send>() -> Answer<'static, T> {
    Box::pin(async { Err(PaymentError::refused("it can only receive")) })
}

impl Payee for Till {
    fn method(&self) -> Method {
        Payee::method(&self.0)
    }

    fn takes(&self, asset: &Asset) -> bool {
        self.0.takes(asset)
    }

    fn demand<'a>(&'a self, bill: &'a Bill) -> Answer<'a, Demand> {
        self.0.demand(bill)
    }

    fn look_up<'a>(&'a self, bill: &'a Bill, demand: &'a Demand) -> Answer<'a, Vec<Receipt>> {
        self.0.look_up(bill, demand)
    }

    fn may_refund<'a>(&'a self, _: &'a Asset, _: u64) -> Answer<'a, ()> {
        only_receives()
    }

    fn refund<'a>(&'a self, _: &'a [u8], _: &'a Asset, _: u64, _: &'a str) -> Answer<'a, String> {
        only_receives()
    }
}

impl Payer for Till {
    fn method(&self) -> Method {
        Payer::method(&self.0)
    }

    fn pays(&self, asset: &Asset) -> bool {
        self.0.pays(asset)
    }

    fn may_pay<'a>(&'a self, _: &'a Bill) -> Answer<'a, ()> {
        only_receives()
    }

    fn pay<'a>(&'a self, _: &'a Bill, _: &'a str) -> Answer<'a, Paid> {
        only_receives()
    }
}
