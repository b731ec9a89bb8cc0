//! Letterboxes: each buyer has one at the seller's, into which anybody puts money. Nobody need order anything.

use std::collections::BTreeMap;
use std::sync::Mutex;

use dazaar::cards::{Asset, Method};
use dazaar::database::{Finality, OrderId, Receipt};
use dazaar::payment::{Answer, Bill, Demand, Payee};
use dazaar_log::IdentityKey;
use tokio::sync::watch;

/// The letterboxes of one seller.
#[derive(Debug)]
pub(crate) struct Letterboxes {
    letters: Mutex<Vec<Letter>>,
    /// Whose was looked into: how often.
    pub(crate) looks: watch::Sender<BTreeMap<IdentityKey, usize>>,
}

/// What somebody put in.
#[derive(Debug)]
struct Letter {
    name: &'static str,
    buyer: IdentityKey,
    units: u64,
    finality: Finality,
    /// For what it was found first: it is told for nothing else.
    order: Option<OrderId>,
}

impl Letterboxes {
    pub(crate) fn new() -> Self {
        Self { letters: Mutex::default(), looks: watch::Sender::default() }
    }

    /// Puts something in; of the same name it is the same, which may stay or be gone by now.
    pub(crate) fn put(&self, buyer: IdentityKey, name: &'static str, units: u64, finality: Finality) {
        let mut letters = self.letters.lock().unwrap();
        match letters.iter_mut().find(|letter| letter.name == name) {
            Some(letter) => letter.finality = finality,
            None => letters.push(Letter { name, buyer, units, finality, order: None }),
        }
    }

    /// For how many orders something was found.
    pub(crate) fn orders(&self) -> usize {
        let letters = self.letters.lock().unwrap();
        letters.iter().filter_map(|letter| letter.order).collect::<std::collections::BTreeSet<_>>().len()
    }
}

impl Payee for Letterboxes {
    fn method(&self) -> Method {
        Method::Bolt11
    }

    fn takes(&self, asset: &Asset) -> bool {
        *asset == Asset::Bitcoin
    }

    fn takes_unordered(&self) -> bool {
        true
    }

    fn demand<'a>(&'a self, bill: &'a Bill) -> Answer<'a, Demand> {
        Box::pin(async { Ok(Demand { request: bill.buyer.to_string(), handle: "here".to_owned() }) })
    }

    fn look_up<'a>(&'a self, bill: &'a Bill, demand: &'a Demand) -> Answer<'a, Vec<Receipt>> {
        Box::pin(async {
            assert_eq!(demand.handle, "here");
            let mut letters = self.letters.lock().unwrap();
            let theirs = letters.iter_mut().filter(|letter| letter.buyer == bill.buyer);
            let receipts = theirs.filter_map(|letter| {
                let is_found = *letter.order.get_or_insert(bill.order) == bill.order;
                is_found.then(|| Receipt {
                    reference: letter.name.as_bytes().to_vec(),
                    block: b"block".to_vec(),
                    order: Some(bill.order),
                    units: letter.units,
                    finality: letter.finality,
                    evidence: Vec::new(),
                })
            });
            let receipts = receipts.collect();
            self.looks.send_modify(|looks| *looks.entry(bill.buyer).or_default() += 1);
            Ok(receipts)
        })
    }
}
