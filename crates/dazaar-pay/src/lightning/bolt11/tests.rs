//! The rules of paying, with a wallet that does everything that wallets do: it loses answers, holds payments, refuses and lies.

use std::sync::Arc;

use dazaar::payment::PaymentError;
use proptest::prelude::*;
use tokio::runtime::Builder;

use super::testing::{Draft, bill, invoice};
use super::*;

/// What a wallet makes of being told to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Pays,
    PaysAndSaysNothing,
    Holds,
    HoldsAndSaysNothing,
    IsDown,
    Refuses,
    FindsNoRoute,
}

/// What happens between two attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    Nothing,
    Arrives,
    ComesBack,
}

/// A wallet that remembers what it sent.
#[derive(Debug)]
struct Model {
    state: Mutex<State>,
    network: lightning_invoice::Currency,
}

#[derive(Debug)]
struct State {
    fate: Fate,
    outgoing: Outgoing,
    /// How often money left.
    sent: u32,
    /// What the way might have cost the last time, in msat.
    fee_max_msat: u64,
    can_pay: bool,
    incoming: Incoming,
}

impl Model {
    fn new(fate: Fate) -> Arc<Self> {
        let state = State {
            fate,
            outgoing: Outgoing::Unknown,
            sent: 0,
            fee_max_msat: 0,
            can_pay: true,
            incoming: Incoming::Nothing,
        };
        Arc::new(Self { state: Mutex::new(state), network: lightning_invoice::Currency::Regtest })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn bolt11(self: &Arc<Self>) -> Bolt11 {
        Bolt11::new(Box::new(Arc::clone(self)), Network::Regtest, FeeLimit::default())
    }
}

const PAID: Outgoing = Outgoing::Paid { fee_msat: 3, preimage: None };

fn lost<T>() -> Result<T, PaymentError> {
    Err(PaymentError::unavailable("the answer was lost"))
}

impl LightningWallet for Arc<Model> {
    fn about(&self) -> Answer<'_, About> {
        Box::pin(async { Ok(About { name: "model".to_owned(), can_pay: self.state().can_pay }) })
    }

    fn balance(&self) -> Answer<'_, u64> {
        Box::pin(async { Ok(0) })
    }

    fn invoice<'a>(&'a self, wanted: &'a NewInvoice) -> Answer<'a, String> {
        let draft = Draft {
            msat: Some(wanted.msat),
            memo: wanted.memo.clone(),
            expiry: wanted.expiry,
            currency: self.network.clone(),
            ..Draft::of(&bill())
        };
        Box::pin(async move { Ok(invoice(&draft)) })
    }

    fn incoming<'a>(&'a self, _hash: &'a PaymentHash) -> Answer<'a, Incoming> {
        Box::pin(async { Ok(self.state().incoming.clone()) })
    }

    fn pay<'a>(&'a self, spend: &'a Spend) -> Answer<'a, Outgoing> {
        Box::pin(async {
            tokio::task::yield_now().await;
            let mut state = self.state();
            state.fee_max_msat = spend.fee_max_msat;
            let fate = state.fate;
            if !state.can_pay {
                return Err(PaymentError::refused("the key may not"));
            }
            match fate {
                Fate::IsDown => return lost(),
                Fate::Refuses => return Err(PaymentError::refused("the wallet is locked")),
                Fate::FindsNoRoute => state.outgoing = Outgoing::Failed { reason: "no route".to_owned() },
                Fate::Pays | Fate::PaysAndSaysNothing => {
                    state.sent += 1;
                    state.outgoing = PAID;
                }
                Fate::Holds | Fate::HoldsAndSaysNothing => {
                    state.sent += 1;
                    state.outgoing = Outgoing::Pending;
                }
            }
            match fate {
                Fate::PaysAndSaysNothing | Fate::HoldsAndSaysNothing => lost(),
                _ => Ok(state.outgoing.clone()),
            }
        })
    }

    fn outgoing<'a>(&'a self, _hash: &'a PaymentHash) -> Answer<'a, Outgoing> {
        Box::pin(async { Ok(self.state().outgoing.clone()) })
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

proptest! {
    /// Whatever the wallet does, and however often one asks: money leaves once at most, success is told only of what arrived, and
    /// refusal only of what is not under way.
    #[test]
    fn a_bill_is_paid_once(
        steps in prop::collection::vec(
            (
                prop::sample::select(vec![
                    Fate::Pays, Fate::PaysAndSaysNothing, Fate::Holds, Fate::HoldsAndSaysNothing, Fate::IsDown,
                    Fate::Refuses, Fate::FindsNoRoute,
                ]),
                prop::sample::select(vec![Meanwhile::Nothing, Meanwhile::Arrives, Meanwhile::ComesBack]),
            ),
            1..12,
        ),
    ) {
        let (bill, wallet) = (bill(), Model::new(Fate::Pays));
        let (request, bolt11) = (invoice(&Draft::of(&bill)), wallet.bolt11());
        for (fate, meanwhile) in steps {
            wallet.state().fate = fate;
            let answer = block_on(bolt11.pay(&bill, &request));
            let mut state = wallet.state();
            prop_assert!(state.sent <= 1);
            match answer {
                Ok(paid) => {
                    prop_assert_eq!(&state.outgoing, &PAID);
                    prop_assert_eq!(paid.fee, 3);
                }
                Err(PaymentError::Refused { .. }) => {
                    let is_under_way = matches!(state.outgoing, Outgoing::Paid { .. } | Outgoing::Pending);
                    prop_assert!(!is_under_way);
                }
                Err(_) => {}
            }
            if state.outgoing == Outgoing::Pending {
                match meanwhile {
                    Meanwhile::Nothing => {}
                    Meanwhile::Arrives => state.outgoing = PAID,
                    Meanwhile::ComesBack => state.outgoing = Outgoing::Failed { reason: "held too long".into() },
                }
            }
        }
    }

    #[test]
    fn a_fee_is_limited(msat in any::<u64>(), permille in 0_u16..2000, least_msat in any::<u64>()) {
        let limit = FeeLimit { permille, least_msat }.of(msat);
        let share = u128::from(msat) * u128::from(permille) / 1000;
        prop_assert_eq!(u128::from(limit), share.min(u128::from(u64::MAX)).max(u128::from(least_msat)));
    }
}

#[test]
fn what_is_asked_twice_at_once_is_sent_once() {
    let (bill, wallet) = (bill(), Model::new(Fate::Pays));
    let (request, bolt11) = (invoice(&Draft::of(&bill)), wallet.bolt11());
    let (first, second) =
        block_on(async { tokio::join!(bolt11.pay(&bill, &request), bolt11.pay(&bill, &request)) });
    assert!(first.is_ok());
    assert_eq!(second.map(drop), Err(on_its_way()));
    assert_eq!(wallet.state().sent, 1);
    assert!(block_on(bolt11.pay(&bill, &request)).is_ok(), "and later the answer is known");
}

#[test]
fn an_expired_invoice_is_not_paid_but_one_that_was_paid_stays_so() {
    let (bill, wallet) = (bill(), Model::new(Fate::Pays));
    let draft = Draft { made: Duration::from_secs(1_600_000_000), ..Draft::of(&bill) };
    let (request, bolt11) = (invoice(&draft), wallet.bolt11());
    let refused = PaymentError::refused("the invoice has expired");
    assert_eq!(block_on(bolt11.pay(&bill, &request)).map(drop), Err(refused));
    assert_eq!(wallet.state().sent, 0);
    wallet.state().outgoing = PAID;
    assert!(block_on(bolt11.pay(&bill, &request)).is_ok());
}

#[test]
fn what_came_is_told_whatever_was_asked() {
    let (bill, wallet) = (bill(), Model::new(Fate::Pays));
    let bolt11 = wallet.bolt11();
    let demand = block_on(bolt11.demand(&bill)).unwrap();
    assert_eq!(block_on(bolt11.look_up(&bill, &demand)), Ok(Vec::new()));
    let preimage = Draft::of(&bill).preimage;
    for (msat, told, evidence) in [(1, preimage, preimage.to_vec()), (u64::MAX, [0; 32], Vec::new())] {
        wallet.state().incoming = Incoming::Settled { msat, preimage: Some(told) };
        let receipt = Receipt {
            reference: hex::decode(&demand.handle).unwrap(),
            block: Vec::new(),
            order: Some(bill.order),
            units: msat,
            finality: Finality::Final,
            evidence,
        };
        assert_eq!(block_on(bolt11.look_up(&bill, &demand)), Ok(vec![receipt]));
    }
    assert_eq!(read_invoice(&demand.request).map(|request| hex::encode(request.hash)), Ok(demand.handle));
}

#[test]
fn an_invoice_for_worthless_coins_is_not_handed_out() {
    let (bill, wallet) = (bill(), Model::new(Fate::Pays));
    let real = Bolt11::new(Box::new(wallet), Network::Bitcoin, FeeLimit::default());
    let error = block_on(real.demand(&bill)).map(drop).unwrap_err().to_string();
    assert_eq!(
        error,
        "the wallet made a wrong invoice: the invoice is for regtest, which is another network"
    );
    let late = Bill { expires_ms: 0, ..bill };
    assert_eq!(block_on(real.demand(&late)).map(drop), Err(PaymentError::refused("the order has expired")));
}

#[test]
fn a_refund_costs_the_seller_what_it_is_and_no_more() {
    let (bill, wallet) = (bill(), Model::new(Fate::PaysAndSaysNothing));
    let bolt11 = wallet.bolt11();
    let refund = |units: u64, msat: u64| {
        let to = invoice(&Draft { msat: Some(msat), ..Draft::of(&bill) });
        block_on(bolt11.refund(b"1", &Asset::Bitcoin, units, &to))
    };
    // One percent, or five satoshis, are kept for the way; whole satoshis are asked for, as many wallets count nothing else.
    for (units, msat) in [
        (bill.units, bill.units),
        (bill.units, 49_500_001),
        (bill.units, 49_499_999),
        (100_000, 96_000),
        (5_000, 1),
        (12_345_678, 12_221_000),
    ] {
        assert!(matches!(refund(units, msat), Err(PaymentError::Refused { .. })), "{units} {msat}");
    }
    assert_eq!(wallet.state().sent, 0);
    for (units, msat) in
        [(bill.units, 49_500_000), (100_000, 95_000), (12_345_678, 12_222_000), (12_345_678, 12_222_222)]
    {
        let wallet = Model::new(Fate::Pays);
        let to = invoice(&Draft { msat: Some(msat), ..Draft::of(&bill) });
        block_on(wallet.bolt11().refund(b"1", &Asset::Bitcoin, units, &to)).unwrap();
        assert_eq!(wallet.state().fee_max_msat, units - msat);
    }
    assert!(matches!(refund(bill.units, 49_500_000), Err(PaymentError::Unavailable { .. })));
    let hash = hex::encode(read_invoice(&invoice(&Draft::of(&bill))).unwrap().hash);
    assert_eq!(
        (refund(bill.units, 49_500_000), refund(bill.units, 49_500_000)),
        (Ok(hash.clone()), Ok(hash))
    );
    assert_eq!(wallet.state().sent, 1);
}

#[test]
fn a_check_tries_what_the_wallet_is_wanted_for() {
    let wallet = Model::new(Fate::Pays);
    let bolt11 = wallet.bolt11();
    assert_eq!(block_on(bolt11.check(Purpose::Receive)).map(|about| about.name), Ok("model".to_owned()));
    assert!(block_on(bolt11.check(Purpose::Pay)).is_ok());
    wallet.state().can_pay = false;
    assert_eq!(block_on(bolt11.check(Purpose::Pay)), Err(cannot_pay()));
}

#[test]
fn what_a_wallet_may_do_is_known_before_anything_is_tried() {
    let (bill, wallet) = (bill(), Model::new(Fate::Pays));
    let bolt11 = wallet.bolt11();
    let may_refund = |units| block_on(bolt11.may_refund(&Asset::Bitcoin, units));
    assert_eq!(
        (may_refund(6_000), may_refund(bill.units), block_on(bolt11.may_pay(&bill))),
        (Ok(()), Ok(()), Ok(()))
    );
    // Of up to five satoshis nothing is left for the invoice.
    for units in [0, 1, 5_000, 5_999] {
        assert!(matches!(may_refund(units), Err(PaymentError::Refused { .. })), "{units}");
    }
    wallet.state().can_pay = false;
    let till = wallet.bolt11();
    assert_eq!(block_on(till.may_pay(&bill)), Err(cannot_pay()));
    assert_eq!(block_on(till.may_refund(&Asset::Bitcoin, bill.units)), Err(cannot_pay()));
}

#[test]
fn a_wallet_that_only_receives_says_so() {
    let (bill, wallet) = (bill(), Model::new(Fate::Pays));
    let (request, bolt11) = (invoice(&Draft::of(&bill)), wallet.bolt11());
    wallet.state().can_pay = false;
    assert_eq!(block_on(bolt11.pay(&bill, &request)).map(drop), Err(cannot_pay()));
    let to = invoice(&Draft { msat: Some(49_500_000), ..Draft::of(&bill) });
    assert_eq!(block_on(bolt11.refund(b"1", &Asset::Bitcoin, bill.units, &to)).map(drop), Err(cannot_pay()));
    assert_eq!(wallet.state().sent, 0);
    // What was paid with another key before is told all the same.
    wallet.state().outgoing = PAID;
    assert!(block_on(bolt11.pay(&bill, &request)).is_ok());
}
