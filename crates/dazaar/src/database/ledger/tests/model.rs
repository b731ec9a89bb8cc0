//! The ledger against sums that a child could do, whatever comes in whatever order, with crashes in between.

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Order { id: u8, dear: bool },
    Report { reference: u8, block: u8, order: u8, finality: Finality },
    Use { time_ms: u64 },
    Refund { name: u8, most: u64 },
    RefundFailed { name: u8 },
    Grant { name: u8 },
    Voucher { seed: u8 },
    Revoke,
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let finality = prop_oneof![Just(Finality::Final), Just(Finality::Reversed), Just(Finality::Seen)];
    let report = (0..6_u8, 0..2_u8, 0..4_u8, finality)
        .prop_map(|(reference, block, order, finality)| Step::Report { reference, block, order, finality });
    let step = prop_oneof![
        3 => (0..3_u8, any::<bool>()).prop_map(|(id, dear)| Step::Order { id, dear }),
        8 => report,
        4 => (0..400_u64).prop_map(|time_ms| Step::Use { time_ms }),
        3 => (0..3_u8, 0..200_u64).prop_map(|(name, most)| Step::Refund { name, most }),
        2 => (0..3_u8).prop_map(|name| Step::RefundFailed { name }),
        1 => (0..3_u8).prop_map(|name| Step::Grant { name }),
        1 => (0..3_u8).prop_map(|seed| Step::Voucher { seed }),
        1 => Just(Step::Revoke),
        2 => Just(Step::Crash),
    ];
    prop::collection::vec(step, 0..60)
}

/// What a payment comes to, whoever reports it: always the same.
fn units(reference: u8) -> u64 {
    u64::from(reference) * 37 + 11
}

fn price(dear: bool) -> Price {
    time_price(if dear { 5 } else { 1 }, 2, Clock::Open)
}

/// What one account must come to.
#[derive(Debug, Default, Clone, PartialEq)]
struct Sums {
    paid: i64,
    delivered: i64,
    refunded: i64,
    revoked: i64,
    /// Half units that were used and not taken: both prices are for two milliseconds.
    carry: i64,
}

impl Sums {
    /// What is left if nothing is owed, else what is owed, below zero.
    const fn left(&self) -> i64 {
        self.paid - self.delivered - self.refunded - self.revoked
    }
}

#[derive(Debug, Default)]
struct Model {
    /// In the order in which they were opened. The price of an account, or none if it counts time.
    accounts: Vec<(Option<bool>, Sums)>,
    orders: BTreeMap<u8, bool>,
    /// Payment, block, and what is known of it.
    credits: BTreeMap<(u8, u8), Option<bool>>,
    reversals: BTreeSet<(u8, u8)>,
    refunds: BTreeMap<u8, i64>,
    failed: BTreeSet<u8>,
    granted: BTreeSet<(bool, u8)>,
}

impl Model {
    fn account(&mut self, price: Option<bool>) -> &mut Sums {
        let place = self.accounts.iter().position(|(known, _)| *known == price).unwrap_or_else(|| {
            self.accounts.push((price, Sums::default()));
            self.accounts.len() - 1
        });
        &mut self.accounts[place].1
    }

    fn credit(&mut self, reference: u8, block: u8, order: u8) {
        if self.credits.contains_key(&(reference, block)) {
            return;
        }
        let amount = i64::try_from(units(reference)).unwrap();
        for other in (0..2).filter(|other| *other != block) {
            if let Some(Some(dear)) = self.credits.get(&(reference, other)).copied()
                && self.reversals.insert((reference, other))
            {
                self.account(Some(dear)).paid -= amount;
            }
        }
        let dear = self.orders.get(&order).copied();
        self.credits.insert((reference, block), dear);
        if let (Some(dear), false) = (dear, self.reversals.contains(&(reference, block))) {
            self.account(Some(dear)).paid += amount;
        }
    }

    fn reverse(&mut self, reference: u8, block: u8) {
        let amount = i64::try_from(units(reference)).unwrap();
        if self.reversals.insert((reference, block))
            && let Some(Some(dear)) = self.credits.get(&(reference, block)).copied()
        {
            self.account(Some(dear)).paid -= amount;
        }
    }

    /// One millisecond after the other, each to the first account that can pay all of it.
    fn consume(&mut self, time_ms: u64) {
        for _ in 0..time_ms {
            let cost = |price: Option<bool>| match price {
                None => 2,
                Some(true) => 5,
                Some(false) => 1,
            };
            let can_pay = |(price, sums): &&mut (Option<bool>, Sums)| {
                sums.carry + cost(*price) <= 2 * sums.left().max(0)
            };
            if let Some((price, sums)) = self.accounts.iter_mut().find(can_pay) {
                let half_units = sums.carry + cost(*price);
                sums.delivered += half_units / 2;
                sums.carry = half_units % 2;
            }
        }
    }

    /// What a refund takes off the balance; none if it is on record.
    fn refund(&mut self, name: u8, most: u64) -> Option<i64> {
        if self.refunds.contains_key(&name) {
            return None;
        }
        let sums = self.account(Some(false));
        let units = sums.left().max(0).min(i64::try_from(most).unwrap());
        sums.refunded += units;
        self.refunds.insert(name, units);
        Some(units)
    }

    fn refund_failed(&mut self, name: u8) {
        if let Some(units) = self.refunds.get(&name).copied()
            && self.failed.insert(name)
        {
            self.account(Some(false)).refunded -= units;
        }
    }

    fn revoke(&mut self) {
        for (_, sums) in &mut self.accounts {
            sums.revoked += sums.left().max(0);
        }
    }

    fn grant(&mut self, is_voucher: bool, name: u8) {
        if self.granted.insert((is_voucher, name)) {
            self.account(None).paid += 100;
        }
    }
}

fn perform(step: &Step, books: &mut Books, model: &mut Model) {
    match *step {
        Step::Order { id, dear } => {
            let recorded = books.database.put_order(&order(id, &price(dear)), 0).is_ok();
            assert_eq!(recorded, *model.orders.entry(id).or_insert(dear) == dear);
            if recorded {
                model.account(Some(dear));
            }
        }
        Step::Report { reference, block, order, finality } => {
            books.apply(receipt(reference, block, order, units(reference), finality));
            match finality {
                Finality::Final => model.credit(reference, block, order),
                Finality::Reversed => model.reverse(reference, block),
                Finality::Seen => {}
            }
        }
        Step::Use { time_ms } => {
            books.database.charge(&FEED, &ANNA, time(time_ms), &at(0)).unwrap();
            model.consume(time_ms);
        }
        Step::Refund { name, most } => {
            let refunded =
                books.database.refund((&FEED, &ANNA, &price(false)), most, ("chain", &[name]), 0).unwrap();
            match (refunded, model.refund(name, most)) {
                (Refunded::New { units }, Some(expected)) => {
                    assert_eq!(i64::try_from(units).unwrap(), expected)
                }
                (Refunded::Again { .. }, None) => {}
                other => panic!("{other:?}"),
            }
        }
        Step::RefundFailed { name } => {
            books.database.refund_failed("chain", &[name], 0).unwrap();
            model.refund_failed(name);
        }
        Step::Grant { name } => {
            books.database.grant(&name.to_string(), &FEED, &ANNA, Some(100), 0).unwrap();
            model.grant(false, name);
        }
        Step::Voucher { seed } => {
            let one = voucher(seed, Some(100), None);
            // It may be on record already.
            let _ = books.database.put_vouchers(std::slice::from_ref(&one));
            books.database.redeem(&FEED, &ANNA, &one.hash, 0).unwrap();
            model.grant(true, seed);
        }
        Step::Revoke => {
            books.database.revoke(&FEED, &ANNA, 0).unwrap();
            model.revoke();
        }
        Step::Crash => books.crash(),
    }
}

fn compare(books: &Books, model: &Model) {
    let accounts = books.database.accounts(&FEED, &ANNA).unwrap();
    assert_eq!(accounts.len(), model.accounts.len());
    for (account, (price_of, sums)) in accounts.iter().zip(&model.accounts) {
        assert_eq!(account.price, price_of.map_or_else(Price::of_time, price), "in this order");
        let number = |units: u64| i64::try_from(units).unwrap();
        let (balance, short) = (number(account.meter.balance), number(account.short));
        let (delivered, refunded) = (number(account.delivered()), number(account.refunded));
        let (paid, revoked) = (number(account.paid), number(account.revoked));
        assert_eq!(
            paid + short,
            delivered + balance + refunded + revoked,
            "paid = delivered + left + refunded"
        );
        let found = (paid, delivered, refunded, revoked, balance - short);
        assert_eq!(found, (sums.paid, sums.delivered, sums.refunded, sums.revoked, sums.left()));
        assert!(balance == 0 || short == 0);
    }
    let reported: i64 =
        books.database.ledger(i64::MIN, i64::MAX).unwrap().iter().map(LedgerLine::change).sum();
    assert_eq!(reported, model.accounts.iter().map(|(_, sums)| sums.left()).sum::<i64>());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn paid_is_delivered_and_left_and_refunded_whatever_happens(steps in steps()) {
        let (mut books, mut model) = (Books::new(), Model::default());
        for step in &steps {
            perform(step, &mut books, &mut model);
            compare(&books, &model);
        }
        books.crash();
        compare(&books, &model);
    }
}
