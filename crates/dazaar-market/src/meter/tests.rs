use proptest::prelude::*;

use super::*;
use crate::money::{Asset, Rate};
use crate::price::{Clock, Kind};

fn time_price(amount: u64, per: u64) -> Price {
    let rate = Rate::new(crate::money::Decimal::new(amount.into(), 0), 0, per).unwrap();
    Price::new(Asset::Bitcoin, Kind::Time { rate, clock: Clock::Open })
}

#[test]
fn a_thousand_small_charges_cost_what_a_large_one_does() {
    let price = time_price(7, 1000);
    let mut meter = Meter::new(1000);
    for _ in 0..1000 {
        meter.charge(&price, 33, 0);
    }
    assert_eq!(meter.balance, 1000 - 33 * 1000 * 7 / 1000);
}

#[test]
fn what_cannot_be_paid_is_the_sellers_and_the_rest_stays_the_buyers() {
    let price = time_price(10, 1);
    let mut meter = Meter::new(25);
    assert_eq!(meter.left(&price, 0), Left::Quantity(2));
    assert_eq!(meter.charge(&price, 5, 0), Charge { units: 20, unpaid: 3 });
    assert_eq!(meter.balance, 5, "less than one more costs");
    assert_eq!(meter.left(&price, 0), Left::Quantity(0));
    assert!(!meter.left(&price, 0).is_open());
}

#[test]
fn b06_a_minimum_takes_nothing_off_what_was_bought() {
    let price = Price { minimum: 3_600_000, ..time_price(1, 1) };
    assert_eq!(price.quote(1000), 3_600_000, "an hour is the least that can be bought");
    let meter = Meter::new(3_600_000);
    assert_eq!(meter.left(&price, 0), Left::Quantity(3_600_000), "npm leaves nothing of it");
}

#[test]
fn once_is_taken_with_the_first_use_and_then_open_for_ever() {
    let price = Price::new(Asset::Bitcoin, Kind::Once { units: 100 });
    let mut meter = Meter::new(99);
    assert_eq!(meter.left(&price, 0), Left::Quantity(0));
    assert_eq!(meter.charge(&price, 1, 0), Charge { units: 0, unpaid: 1 });
    meter.balance = 130;
    assert_eq!(meter.left(&price, 0), Left::Unlimited);
    assert_eq!(meter.charge(&price, 9, 0), Charge { units: 100, unpaid: 0 });
    assert_eq!(meter.charge(&price, 9, 0), Charge::default());
    assert_eq!((meter.balance, meter.left(&price, 0)), (30, Left::Unlimited));
}

#[test]
fn a_trial_comes_once_and_a_free_quota_again() {
    let free = Some(FreeQuota { quantity: 10, every_ms: 1000 });
    let price = Price { trial: 5, free, ..time_price(1, 1) };
    let mut meter = Meter::new(0);
    assert_eq!(meter.left(&price, 0), Left::Quantity(15));
    assert_eq!(meter.charge(&price, 16, 0), Charge { units: 0, unpaid: 1 });
    assert_eq!(meter.left(&price, 999), Left::Quantity(0));
    assert_eq!(meter.left(&price, 1000), Left::Quantity(10));
    assert_eq!(meter.charge(&price, 4, 1500), Charge::default());
    assert_eq!(meter.left(&price, 500), Left::Quantity(6), "a clock that goes back opens nothing");
}

#[test]
fn a_clock_that_was_ahead_for_a_moment_takes_no_quota_away_for_good() {
    let free = Some(FreeQuota { quantity: 10, every_ms: 1000 });
    let price = Price { free, ..time_price(1, 1) };
    let mut meter = Meter::new(0);
    meter.charge(&price, 10, 1_000_000_000);
    assert_eq!(meter.left(&price, 1_000_000_999), Left::Quantity(0));
    for now_ms in [5000, 6000, 7000] {
        assert_eq!(meter.left(&price, now_ms), Left::Quantity(10));
        meter.charge(&price, 10, now_ms);
        assert_eq!(meter.left(&price, now_ms - 1), Left::Quantity(0));
    }
}

#[test]
fn a_range_is_paid_once_when_it_is_used() {
    let price = Price::new(Asset::Bitcoin, Kind::Range { units: 5, range: "2024 to 2025".parse().unwrap() });
    let mut meter = Meter::new(4);
    assert_eq!(meter.left(&price, 0), Left::Quantity(0));
    assert_eq!(meter.charge(&price, 7, 0), Charge { units: 0, unpaid: 7 });
    meter.balance = 6;
    assert_eq!(meter.left(&price, 0), Left::Unlimited);
    assert_eq!(meter.charge(&price, 7, 0), Charge { units: 5, unpaid: 0 });
    assert_eq!(meter.charge(&price, 7, 0), Charge::default());
    assert_eq!((meter.balance, meter.left(&price, 0)), (1, Left::Unlimited));
}

#[test]
fn beyond_the_cap_everything_is_free() {
    let price = Price { cap: Some(100), ..time_price(3, 2) };
    let mut meter = Meter::new(150);
    assert_eq!(meter.left(&price, 0), Left::Unlimited);
    assert_eq!(meter.charge(&price, 60, 0).units, 90);
    assert_eq!(meter.charge(&price, 1_000_000, 0), Charge { units: 10, unpaid: 0 });
    assert_eq!((meter.balance, meter.carry, meter.left(&price, 0)), (50, 0, Left::Unlimited));
}

#[test]
fn free_costs_nothing() {
    let mut meter = Meter::new(7);
    let price = Price::new(Asset::Bitcoin, Kind::Free);
    assert_eq!(
        (meter.charge(&price, u64::MAX, 0), meter.left(&price, 0)),
        (Charge::default(), Left::Unlimited)
    );
}

#[test]
fn low_water_is_below_what_was_asked() {
    assert!(Left::Quantity(4).is_below(5) && !Left::Quantity(5).is_below(5) && !Left::Unlimited.is_below(5));
}

fn prices() -> impl Strategy<Value = Price> {
    let metered =
        (1..2000_u64, 1..2000_u64, 0..50_u64, prop::option::of(1..500_u64), prop::option::of(1..50_u64));
    let metered = metered.prop_map(|(amount, per, trial, cap, quota)| Price {
        trial,
        cap,
        free: quota.map(|quantity| FreeQuota { quantity, every_ms: 100 }),
        ..time_price(amount, per)
    });
    let once = (0..500_u64).prop_map(|units| Price::new(Asset::Bitcoin, Kind::Once { units }));
    prop_oneof![4 => metered, 1 => once, 1 => Just(Price::new(Asset::Bitcoin, Kind::Free))]
}

#[derive(Debug, Clone)]
enum Step {
    Pay(u64),
    Use(u64),
    Refund(u64),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..1000_u64).prop_map(Step::Pay),
        (0..1000_u64).prop_map(Step::Use),
        (0..1000_u64).prop_map(Step::Refund),
        (0..300_u64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..40)
}

proptest! {
    #[test]
    fn one_charge_of_n_is_n_charges_of_one(price in prices(), balance in 0..3000_u64, used in 0..600_u64) {
        let (mut whole, mut parts) = (Meter::new(balance), Meter::new(balance));
        let charge = whole.charge(&price, used, 0);
        let mut sum = Charge::default();
        for _ in 0..used {
            let part = parts.charge(&price, 1, 0);
            sum = Charge { units: sum.units + part.units, unpaid: sum.unpaid + part.unpaid };
        }
        prop_assert_eq!(whole, parts);
        prop_assert_eq!(charge, sum);
    }

    #[test]
    fn paid_is_delivered_and_left_and_refunded(price in prices(), steps in steps()) {
        let mut meter = Meter::default();
        let (mut paid, mut delivered, mut refunded, mut now_ms) = (0, 0, 0, 0);
        for step in steps {
            match step {
                Step::Pay(units) => {
                    paid += units;
                    meter.balance += units;
                }
                Step::Use(used) => delivered += meter.charge(&price, used, now_ms).units,
                Step::Refund(units) => {
                    let units = units.min(meter.balance);
                    refunded += units;
                    meter.balance -= units;
                }
                Step::Wait(ms) => now_ms += ms,
            }
            prop_assert_eq!(paid, delivered + meter.balance + refunded);
            prop_assert_eq!(meter.charged, delivered);
        }
    }

    #[test]
    fn what_is_left_is_what_can_be_used(price in prices(), balance in 0..3000_u64, used in 0..900_u64) {
        let mut meter = Meter::new(balance);
        meter.charge(&price, used, 0);
        match meter.left(&price, 0) {
            Left::Unlimited => prop_assert_eq!(meter.charge(&price, 1 << 40, 0).unpaid, 0),
            Left::Quantity(left) => {
                prop_assert_eq!(meter.charge(&price, left, 0).unpaid, 0);
                prop_assert_eq!(meter.charge(&price, 1, 0).unpaid, 1);
            }
        }
    }

    #[test]
    fn no_numbers_overflow(balance: u64, carry: u64, charged: u64, amount in 1..u64::MAX / 2, per in 1..u64::MAX / 2, used: u64, now_ms: u64) {
        let price = Price { trial: used / 3, cap: Some(balance / 2), ..time_price(amount, per) };
        let (_, rate) = price.metered().unwrap();
        let mut meter = Meter { carry: carry % rate.per(), charged, ..Meter::new(balance) };
        let before = meter;
        let charge = meter.charge(&price, used, now_ms);
        prop_assert_eq!(meter.balance, before.balance - charge.units);
        prop_assert!(meter.carry < rate.per());
    }
}
