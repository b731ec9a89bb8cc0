//! The ledger against sums that a child could do, whatever comes in whatever order, with crashes, power cuts and restarts in between.
//!
//! The ledger is SQLite, so this is beside it and not in the simulator, whose worlds own their disks.

use std::path::Path;

use super::*;

#[derive(Debug, Clone)]
pub(super) enum Step {
    Order {
        id: u8,
        what: What,
    },
    Report {
        reference: u8,
        block: u8,
        order: u8,
        finality: Finality,
    },
    Claim {
        reference: u8,
        what: What,
    },
    Use {
        time_ms: u64,
        bytes_per_ms: u64,
    },
    Wait {
        time_ms: u64,
    },
    Refund {
        what: What,
        name: u8,
        most: u64,
    },
    RefundSent {
        name: u8,
    },
    RefundFailed {
        name: u8,
    },
    Grant {
        name: u8,
    },
    Voucher {
        seed: u8,
    },
    Revoke,
    /// The program ends without a word; what it wrote stays.
    Crash,
    /// The power fails: charges since the last other thing are lost.
    PowerCut,
    /// The program ends, and begins again when the wall clock has moved so much.
    Restart {
        wall_ms: i64,
    },
}

/// The furthest that a clock may have moved without the program.
const WEEK_MS: i64 = 7 * 86_400_000;

/// What an account is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Granted,
    Cheap,
    Dear,
    /// Time by the clock.
    Wall,
    Bytes,
}

impl What {
    /// Half units for each millisecond or byte.
    const fn half_units(self) -> i64 {
        match self {
            Self::Granted => 2,
            Self::Cheap | Self::Bytes => 1,
            Self::Dear => 5,
            Self::Wall => 3,
        }
    }

    fn price(self) -> Price {
        let rate = Rate::new(Decimal::new(self.half_units().unsigned_abs().into(), 0), 0, 2).unwrap();
        match self {
            Self::Granted => Price::of_time(),
            Self::Cheap | Self::Dear => time_price(self.half_units().unsigned_abs(), 2, Clock::Open),
            Self::Wall => time_price(self.half_units().unsigned_abs(), 2, Clock::Wall),
            Self::Bytes => Price::new(Asset::Bitcoin, Kind::Bytes { rate }),
        }
    }
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![Just(What::Cheap), Just(What::Dear), Just(What::Wall), Just(What::Bytes)]
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let finality =
        prop_oneof![6 => Just(Finality::Final), 2 => Just(Finality::Reversed), 1 => Just(Finality::Seen)];
    let report = (0..12_u8, 0..2_u8, 0..5_u8, finality)
        .prop_map(|(reference, block, order, finality)| Step::Report { reference, block, order, finality });
    let step = prop_oneof![
        3 => (0..4_u8, what()).prop_map(|(id, what)| Step::Order { id, what }),
        8 => report,
        2 => (0..12_u8, what()).prop_map(|(reference, what)| Step::Claim { reference, what }),
        6 => (0..100_u64, 0..4_u64).prop_map(|(time_ms, bytes_per_ms)| Step::Use { time_ms, bytes_per_ms }),
        2 => (0..50_u64).prop_map(|time_ms| Step::Wait { time_ms }),
        3 => (what(), 0..3_u8, 0..200_u64).prop_map(|(what, name, most)| Step::Refund { what, name, most }),
        2 => (0..3_u8).prop_map(|name| Step::RefundFailed { name }),
        2 => (0..3_u8).prop_map(|name| Step::RefundSent { name }),
        1 => (0..3_u8).prop_map(|name| Step::Grant { name }),
        1 => (0..3_u8).prop_map(|seed| Step::Voucher { seed }),
        1 => Just(Step::Revoke),
        2 => Just(Step::Crash),
        2 => Just(Step::PowerCut),
        2 => prop_oneof![0..200_i64, Just(-5_000), Just(WEEK_MS + 300_000)].prop_map(|wall_ms| Step::Restart { wall_ms }),
    ];
    prop::collection::vec(step, 0..90)
}

/// What a payment comes to, whoever reports it: always the same.
fn units(reference: u8) -> u64 {
    u64::from(reference) * 37 + 11
}

/// What one account must come to.
#[derive(Debug, Default, Clone, PartialEq)]
struct Sums {
    paid: i64,
    delivered: i64,
    refunded: i64,
    revoked: i64,
    /// Half units that were used and not taken.
    carry: i64,
    closed: bool,
}

impl Sums {
    /// What is left if nothing is owed, else what is owed, below zero.
    const fn left(&self) -> i64 {
        self.paid - self.delivered - self.refunded - self.revoked
    }

    /// Takes the price of one millisecond or byte, if there is enough for all of it.
    fn pay_one(&mut self, what: What) -> bool {
        let half_units = self.carry + what.half_units();
        let can_pay = self.can_pay(what);
        if can_pay {
            self.delivered += half_units / 2;
            self.carry = half_units % 2;
        }
        can_pay
    }

    fn can_pay(&self, what: What) -> bool {
        !self.closed && self.carry + what.half_units() <= 2 * self.left().max(0)
    }
}

/// What became of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Waits,
    Sent,
    Failed,
}

#[derive(Debug, Clone)]
pub(super) struct Model {
    /// In the order in which they were opened.
    accounts: Vec<(What, Sums)>,
    /// The account whose clock runs.
    running: Option<What>,
    now: Moment,
    orders: BTreeMap<u8, What>,
    /// Where each payment is now that is anywhere, and whose it is, if that is known: the chain as it is, not what was said of it.
    chain: BTreeMap<u8, (u8, Option<What>)>,
    /// Whose each payment was that was ever somebody's, last: it stays theirs wherever it goes.
    whose: BTreeMap<u8, What>,
    /// Whose each refund is, and how much.
    refunds: BTreeMap<u8, (What, i64, Outcome)>,
    granted: BTreeSet<(bool, u8)>,
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            accounts: Vec::new(),
            running: None,
            now: at(0),
            orders: BTreeMap::new(),
            chain: BTreeMap::new(),
            whose: BTreeMap::new(),
            refunds: BTreeMap::new(),
            granted: BTreeSet::new(),
        }
    }

    /// The program runs anew, at this time of the wall clock. It believes that so much time has passed.
    fn restart(&mut self, wall_ms: i64) {
        let passed = wall_ms - self.now.wall_ms;
        let believed = if (0..=WEEK_MS).contains(&passed) { passed.unsigned_abs() } else { 0 };
        self.consume(believed, false, 0);
        self.now = Moment { run: self.now.run + 1, running_ms: 0, wall_ms };
    }

    fn account(&mut self, what: What) -> &mut Sums {
        let place = self.accounts.iter().position(|(known, _)| *known == what).unwrap_or_else(|| {
            self.accounts.push((what, Sums::default()));
            self.accounts.len() - 1
        });
        &mut self.accounts[place].1
    }

    /// Puts a payment where the chain has it now, or nowhere.
    fn place(&mut self, reference: u8, place: Option<(u8, Option<What>)>) {
        let amount = i64::try_from(units(reference)).unwrap();
        let before = self.chain.remove(&reference);
        if let Some((_, Some(what))) = before {
            self.account(what).paid -= amount;
        }
        let Some(place) = place else { return };
        self.chain.insert(reference, place);
        if let (_, Some(what)) = place {
            let sums = self.account(what);
            sums.paid += amount;
            sums.closed = false;
            self.whose.insert(reference, what);
        }
    }

    fn report(&mut self, reference: u8, block: u8, order: u8, finality: Finality) {
        let is_there = self.chain.get(&reference).is_some_and(|(place, _)| *place == block);
        match finality {
            Finality::Final if !is_there => {
                let whose = self.whose.get(&reference).or_else(|| self.orders.get(&order)).copied();
                self.place(reference, Some((block, whose)));
            }
            Finality::Reversed if is_there => self.place(reference, None),
            _ => {}
        }
    }

    /// Whether the payment is this account's now and was nobody's.
    fn claim(&mut self, reference: u8, what: What) -> bool {
        let Some((block, None)) = self.chain.get(&reference).copied() else { return false };
        self.place(reference, Some((block, Some(what))));
        true
    }

    /// One millisecond after the other, each of them to the first account with credit, and what that cannot pay of it to the next:
    /// of a millisecond of which a part is paid that is nothing.
    fn consume(&mut self, time_ms: u64, delivered: bool, bytes_per_ms: u64) {
        self.now.running_ms += time_ms;
        self.now.wall_ms += i64::try_from(time_ms).unwrap();
        self.stop_others();
        for _ in 0..time_ms {
            let Some((what, sums)) = self.accounts.iter_mut().find(|(what, sums)| sums.can_pay(*what)) else {
                break;
            };
            match *what {
                What::Bytes if delivered => {
                    for _ in 0..bytes_per_ms {
                        sums.pay_one(What::Bytes);
                    }
                }
                What::Wall if delivered || self.running == Some(What::Wall) => {
                    sums.pay_one(What::Wall);
                    self.running = Some(What::Wall);
                }
                what if delivered => {
                    sums.pay_one(what);
                }
                _ => {}
            }
            self.stop_others();
        }
    }

    /// No clock runs of an account that does not pay.
    fn stop_others(&mut self) {
        let payer = self.accounts.iter().find(|(what, sums)| sums.can_pay(*what)).map(|(what, _)| *what);
        if self.running != payer {
            self.running = None;
        }
    }

    /// No clock runs while nothing is left.
    fn stop_empty(&mut self) {
        if let Some(running) = self.running
            && !self.account(running).can_pay(running)
        {
            self.running = None;
        }
    }

    /// What must come of a refund; none if the name is another account's.
    fn refund(&mut self, what: What, name: u8, most: u64) -> Option<Refunded> {
        let number = |units: i64| units.unsigned_abs();
        match self.refunds.get(&name).copied() {
            Some((whose, ..)) if whose != what => None,
            Some((_, units, Outcome::Failed)) => Some(Refunded::Failed { units: number(units) }),
            Some((_, units, Outcome::Waits)) => Some(Refunded::Again { units: number(units) }),
            Some((_, units, Outcome::Sent)) => {
                Some(Refunded::Sent { units: number(units), proof: "sent".to_owned() })
            }
            None => {
                let left =
                    self.accounts.iter().find(|(whose, _)| *whose == what).map_or(0, |(_, sums)| sums.left());
                let units = left.max(0).min(i64::try_from(most).unwrap());
                if units == 0 {
                    return Some(Refunded::New { units: 0 });
                }
                self.account(what).refunded += units;
                self.refunds.insert(name, (what, units, Outcome::Waits));
                Some(Refunded::New { units: number(units) })
            }
        }
    }

    fn refund_failed(&mut self, name: u8) {
        if let Some((what, units, outcome @ Outcome::Waits)) = self.refunds.get_mut(&name) {
            *outcome = Outcome::Failed;
            let (what, units) = (*what, *units);
            self.account(what).refunded -= units;
        }
    }

    fn refund_sent(&mut self, name: u8) {
        if let Some((_, _, outcome @ Outcome::Waits)) = self.refunds.get_mut(&name) {
            *outcome = Outcome::Sent;
        }
    }

    fn revoke(&mut self) {
        for (what, sums) in &mut self.accounts {
            sums.closed |= sums.left() > 0 || sums.can_pay(*what);
            sums.revoked += sums.left().max(0);
        }
    }

    fn grant(&mut self, is_voucher: bool, name: u8) {
        if self.granted.insert((is_voucher, name)) {
            let sums = self.account(What::Granted);
            sums.paid += 100;
            sums.closed = false;
        }
    }
}

fn account_at(books: &Books, price: &Price) -> Option<Account> {
    books.database.accounts(&FEED, &ANNA).unwrap().into_iter().find(|account| account.price == *price)
}

/// What is on the disk after a power cut.
pub(super) struct Disk {
    folder: TempDir,
    model: Model,
}

impl Disk {
    const FILES: [&str; 2] = ["market.db", "market.db-wal"];

    fn new(books: &Books, model: &Model) -> Self {
        let disk = Self { folder: TempDir::new().unwrap(), model: model.clone() };
        Self::copy(books.folder.path(), disk.folder.path());
        disk
    }

    fn copy(from: &Path, to: &Path) {
        for file in Self::FILES {
            std::fs::copy(from.join(file), to.join(file)).unwrap();
        }
    }

    /// Puts back what is on it. The wall clock goes on, and nobody's payments stand still.
    fn restore(&self, books: &mut Books, model: &mut Model) {
        let wall_ms = model.now.wall_ms;
        *model = self.model.clone();
        model.restart(wall_ms);
        let elsewhere = TempDir::new().unwrap();
        let path = books.folder.path().to_owned();
        books.database = Database::open(&elsewhere.path().join("market.db")).unwrap();
        for file in ["market.db", "market.db-wal", "market.db-shm"] {
            // The last to close it may have removed some.
            let _ = std::fs::remove_file(path.join(file));
        }
        Self::copy(self.folder.path(), &path);
        books.crash();
    }
}

/// Charges what was used until now.
fn charge(books: &Books, model: &Model, used: Used) {
    books.database.charge(&FEED, &ANNA, &used, &model.now).unwrap();
}

pub(super) fn perform(step: &Step, books: &mut Books, model: &mut Model, disk: &mut Option<Disk>) {
    match *step {
        Step::Order { id, what } => {
            let recorded = books.database.put_order(&order(id, &what.price()), 0).is_ok();
            assert_eq!(recorded, *model.orders.entry(id).or_insert(what) == what);
            if recorded {
                model.account(what);
            }
        }
        Step::Report { reference, block, order, finality } => {
            books.apply(receipt(reference, block, order, units(reference), finality));
            model.report(reference, block, order, finality);
        }
        Step::Claim { reference, what } => {
            let Some(account) = account_at(books, &what.price()) else { return };
            let claimed = books.database.claim("chain", &[reference], &account, 0);
            assert_eq!(matches!(claimed, Ok(Applied::New)), model.claim(reference, what), "{claimed:?}");
        }
        Step::Use { time_ms, bytes_per_ms } => {
            model.consume(time_ms, true, bytes_per_ms);
            charge(books, model, Used { time_ms, bytes: time_ms * bytes_per_ms, ..Used::default() });
        }
        Step::Wait { time_ms } => {
            model.consume(time_ms, false, 0);
            charge(books, model, Used::default());
        }
        Step::Refund { what, name, most } => {
            let refunded = books.database.refund((&FEED, &ANNA, &what.price()), most, chain(&[name]), 0);
            assert_eq!(refunded.ok(), model.refund(what, name, most));
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
        Step::RefundSent { name } => {
            // No wallet says so of one that it refused.
            if model.refunds.get(&name).is_none_or(|(_, _, outcome)| *outcome != Outcome::Failed) {
                books.database.refund_sent("chain", &[name], "sent", 0).unwrap();
                model.refund_sent(name);
            }
        }
        Step::Crash => books.crash(),
        Step::PowerCut => {
            if let Some(disk) = disk {
                disk.restore(books, model);
                charge(books, model, Used::default());
            }
        }
        Step::Restart { wall_ms } => {
            books.database.alive(&model.now).unwrap();
            books.crash();
            model.restart(model.now.wall_ms + wall_ms);
            books.database.alive(&model.now).unwrap();
            charge(books, model, Used::default());
        }
    }
}

fn compare(books: &Books, model: &Model) {
    let accounts = books.database.accounts(&FEED, &ANNA).unwrap();
    assert_eq!(accounts.len(), model.accounts.len());
    for (account, (what, sums)) in accounts.iter().zip(&model.accounts) {
        assert_eq!(account.price, what.price(), "in this order");
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
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn paid_is_delivered_and_left_and_refunded_whatever_happens(steps in steps()) {
        let (mut books, mut model, mut disk) = (Books::new(), Model::new(), None);
        for (place, step) in steps.iter().enumerate() {
            perform(step, &mut books, &mut model, &mut disk);
            model.stop_empty();
            compare(&books, &model);
            // Whatever was acknowledged is there after a power cut, but for charges of the last second.
            let may_be_lost = matches!(step, Step::Use { .. } | Step::Wait { .. });
            if !may_be_lost && steps[place..].iter().any(|step| matches!(step, Step::PowerCut)) {
                disk = Some(Disk::new(&books, &model));
            }
        }
        books.crash();
        compare(&books, &model);
    }
}
