use proptest::prelude::*;
use serde_json::json;

use super::*;

fn id(name: &str) -> GrantId {
    GrantId::new(name).unwrap()
}

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn credit(granted_ms: u64) -> TimeCredit {
    let mut credit = TimeCredit::new();
    credit.grant(at(0), id("first"), granted_ms).unwrap();
    credit
}

#[test]
fn nothing_is_charged_before_the_first_delivery() {
    let mut credit = credit(1_000);
    credit.charge(at(5_000));
    assert_eq!(credit.remaining_ms(), 1_000);
    credit.start(at(5_000));
    credit.charge(at(5_400));
    assert_eq!((credit.used_ms(), credit.remaining_ms()), (400, 600));
}

#[test]
fn nothing_is_charged_while_the_buyer_is_away() {
    let mut credit = credit(1_000);
    credit.start(at(0));
    credit.pause(at(100));
    credit.charge(at(900));
    credit.start(at(1_000));
    credit.start(at(1_050));
    credit.pause(at(1_100));
    assert_eq!(credit.used_ms(), 200);
}

#[test]
fn a_gap_after_expiry_is_forgiven() {
    let mut credit = credit(1_000);
    credit.start(at(0));
    let refused = Verdict::Refuse { reason: "No time left on subscription".to_owned() };
    assert_eq!(credit.verdict(at(3_000)), refused);
    assert_eq!(credit.grant(at(10_000), id("second"), 500), Ok(Granted::Added));
    let admitted = Verdict::Admit { info: Some(json!({ "type": "time", "remaining": 500 })) };
    assert_eq!(credit.verdict(at(20_000)), admitted);
}

#[test]
fn grants_stack_while_the_meter_runs() {
    let mut credit = credit(1_000);
    credit.start(at(0));
    assert_eq!(credit.grant(at(900), id("second"), 1_000), Ok(Granted::Added));
    credit.charge(at(1_500));
    assert_eq!(credit.remaining_ms(), 500);
}

#[test]
fn a_payment_counts_once() {
    let mut credit = credit(1_000);
    assert_eq!(credit.grant(at(0), id("first"), 1_000), Ok(Granted::Repeated));
    assert_eq!(
        credit.grant(at(0), id("first"), 2_000),
        Err(CreditError::Conflict { id: id("first"), known_ms: 1_000, granted_ms: 2_000 })
    );
    assert_eq!(credit.remaining_ms(), 1_000);
}

#[test]
fn a_clock_that_goes_back_takes_and_gives_nothing() {
    let mut credit = credit(1_000);
    credit.start(at(500));
    credit.charge(at(100));
    assert_eq!(credit.remaining_ms(), 1_000);
}

#[test]
fn fractions_of_a_millisecond_are_not_lost() {
    let mut credit = credit(1_000);
    credit.start(Duration::ZERO);
    for tick in 1..=1_000 {
        credit.charge(Duration::from_micros(tick * 700));
    }
    assert_eq!(credit.used_ms(), 700);
}

#[test]
fn impossible_numbers_are_errors() {
    let mut credit = credit(u64::MAX);
    assert_eq!(credit.grant(at(0), id("more"), 1), Err(CreditError::Overflow));
    assert!(matches!(GrantId::new(""), Err(CreditError::GrantId { bytes: 0, .. })));
    assert!(GrantId::new(&"x".repeat(GRANT_ID_BYTES_MAX)).is_ok());
    assert!(GrantId::new(&"x".repeat(GRANT_ID_BYTES_MAX + 1)).is_err());
    let overdrawn = TimeCredit::restore([(id("a"), 5)], 6).err();
    assert_eq!(overdrawn, Some(CreditError::Overdrawn { granted_ms: 5, used_ms: 6 }));
}

#[derive(Debug, Clone)]
enum Step {
    Grant(u8, u64),
    Start,
    Pause,
    Charge,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (any::<u8>(), 0..5_000_u64).prop_map(|(id, ms)| Step::Grant(id, ms)),
        Just(Step::Start),
        Just(Step::Pause),
        Just(Step::Charge),
        Just(Step::Restart),
    ]
}

proptest! {
    /// Against a model that counts every millisecond on its own.
    #[test]
    fn paid_is_used_or_left(steps in proptest::collection::vec((step(), 0..2_000_u64), 0..60)) {
        let mut credit = TimeCredit::new();
        let mut grants = BTreeMap::new();
        let (mut left, mut used, mut running, mut now) = (0_u64, 0_u64, false, 0_u64);
        for (step, wait) in steps {
            for _ in 0..wait {
                if running && left > 0 {
                    left -= 1;
                    used += 1;
                }
                running &= left > 0;
            }
            now += wait;
            match step {
                Step::Grant(name, ms) => {
                    let name = id(&name.to_string());
                    if credit.grant(at(now), name.clone(), ms) == Ok(Granted::Added) {
                        prop_assert_eq!(grants.insert(name, ms), None);
                        left += ms;
                    }
                }
                Step::Start => {
                    credit.charge(at(now));
                    credit.start(at(now));
                    running = left > 0;
                }
                Step::Pause => {
                    credit.pause(at(now));
                    running = false;
                }
                Step::Charge => credit.charge(at(now)),
                Step::Restart => {
                    credit.charge(at(now));
                    credit = TimeCredit::restore(grants.clone(), credit.used_ms()).unwrap();
                    running = false;
                }
            }
            credit.charge(at(now));
            prop_assert_eq!((credit.remaining_ms(), credit.used_ms()), (left, used));
            prop_assert_eq!(grants.values().sum::<u64>(), left + used);
        }
    }
}
