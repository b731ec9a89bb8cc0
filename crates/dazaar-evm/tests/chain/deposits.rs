//! The addresses of npm dazaar.

use dazaar::database::Finality;
use dazaar::payment::{Bill, Payee as _, PaymentError};
use dazaar_evm::deposit::{self, PublicKeyError};
use dazaar_evm::{Address, DepositPayee, DepositSettings, FinalityRule, Secret};
use dazaar_log::IdentityKey;
use dazaar_market::price::{Kind, Method};
use dazaar_market::{Asset, Price};

use crate::support::{BUYER_KEY, Behaviour, CHAIN, CONFIRMATIONS, Line, World, account, told, transfer};

/// What `@dazaar/eth-tweak` 1.1.1 (with secp256k1 4) answers: public key, seller, buyer, address.
const VECTORS: [(&str, u8, u8, &str); 4] = [
    (
        "1b84c5567b126440995d3ed5aaba0565d71e1834604819ff9c17f5e9d5dd078f70beaf8f588b541507fed6a642c5ab42dfdf8120a7f639de5122d47a69a8e8d1",
        0x11,
        0xa1,
        "0x1053bc8e09c896f339fa6206a944c86bae87e292",
    ),
    (
        "4d4b6cd1361032ca9bd2aeb9d900aa4d45d9ead80ac9423374c451a7254d07662a3eada2d0fe208b6d257ceb0f064284662e857f57b66b54c198bd310ded36d0",
        0x12,
        0xa2,
        "0x1c439dcbf564cab2d3b9cd412205e73d96b0ed19",
    ),
    (
        "531fe6068134503d2723133227c867ac8fa6c83c537e9a44c3c5bdbdcb1fe3379e92c265e71e481ba82a84675a47ac705a200fcd524e92d93b0e7386f26a5458",
        0x13,
        0xa3,
        "0xe777e79a2cf254c7c85c69759fc866bb28809c3e",
    ),
    (
        "462779ad4aad39514614751a71085f2f10e1c7a593e4e030efb5b8721ce55b0b199c07969f5442000bea455d72ae826a86bfac9089cb18152ed756ebb2a596f5",
        0x14,
        0xa4,
        "0xf1c8265a6106a898a728b60c43c48c188824fb13",
    ),
];

#[test]
fn addresses_are_those_of_npm_dazaar() {
    for (key, seller, buyer, address) in VECTORS {
        let [seller, buyer] = [seller, buyer].map(|byte| IdentityKey::try_from(&[byte; 32][..]).unwrap());
        for text in [key.to_owned(), format!("04{key}"), format!("0x04{key}")] {
            let key = deposit::public_key(&text).unwrap();
            assert_eq!(deposit::address(&key, &seller, &buyer).to_string().to_lowercase(), address);
        }
    }
}

#[test]
fn what_is_no_key_is_refused() {
    for (text, error) in [
        (String::new(), PublicKeyError::Form),
        ("zz".repeat(33), PublicKeyError::Form),
        ("02".repeat(32), PublicKeyError::Form),
        ("05".repeat(33), PublicKeyError::Curve),
        ("11".repeat(64), PublicKeyError::Curve),
    ] {
        assert_eq!(deposit::public_key(&text).err(), Some(error), "{text}");
    }
}

fn watch(world: &World, with_token: bool) -> DepositPayee {
    watch_at(world, &world.chain.url, with_token)
}

/// The same, by the node at this address.
pub(crate) fn watch_at(world: &World, node: &str, with_token: bool) -> DepositPayee {
    DepositPayee::open(DepositSettings {
        public_key: VECTORS[0].0.to_owned(),
        chain: CHAIN,
        token: with_token.then(|| world.token.clone()),
        node: Secret::new(node),
        finality: Some(FinalityRule::Confirmations(CONFIRMATIONS)),
        records: world.folder.path().join("deposits.db"),
    })
    .unwrap()
}

#[tokio::test]
async fn transfers_to_a_buyers_address_are_payments() {
    let world = World::new();
    let (payee, bill) = (watch(&world, true), world.bill(1, 500));
    let demand = payee.demand(&bill).await.unwrap();
    let address = payee.address(&bill);
    let contract = world.token.contract;
    assert_eq!(demand.request, format!("ethereum:{contract}@{CHAIN}/transfer?address={address}&uint256=500"));
    assert_eq!(world.look(&payee, &bill, &demand).await, []);
    let pay =
        |units| transfer(&world.chain, &world.token, account(BUYER_KEY), address, world.token.amount(units));
    pay(300);
    pay(200);
    let seen = world.look(&payee, &bill, &demand).await;
    assert_eq!(told(&seen), [(Finality::Seen, 300, true), (Finality::Seen, 200, true)]);
    world.chain.mine(CONFIRMATIONS);
    let counts = world.look(&payee, &bill, &demand).await;
    assert_eq!(told(&counts), [(Finality::Final, 300, true), (Finality::Final, 200, true)]);
    let names = |receipts: &[dazaar::database::Receipt]| {
        receipts.iter().map(|one| one.reference.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&seen), names(&counts));
    assert_ne!(counts[0].reference, counts[1].reference);
    drop(payee);
    // The next order does not count what the first one was paid with.
    let (payee, next) = (watch(&world, true), world.bill(2, 100));
    let again = payee.demand(&next).await.unwrap();
    assert_eq!(world.look(&payee, &next, &again).await, []);
    pay(100);
    world.chain.mine(CONFIRMATIONS);
    assert_eq!(told(&world.look(&payee, &next, &again).await), [(Finality::Final, 100, true)]);
    assert_eq!(world.look(&payee, &bill, &demand).await, counts);
}

#[tokio::test]
async fn a_deposit_whose_block_is_forgotten_is_reversed_and_found_again() {
    let world = World::new();
    let (payee, bill) = (watch(&world, true), world.bill(1, 500));
    let demand = payee.demand(&bill).await.unwrap();
    let address = payee.address(&bill);
    world.chain.mine(5);
    let pay = || transfer(&world.chain, &world.token, account(BUYER_KEY), address, world.token.amount(500));
    pay();
    world.chain.mine(CONFIRMATIONS);
    let first = world.look(&payee, &bill, &demand).await;
    assert_eq!(told(&first), [(Finality::Final, 500, true)]);
    world.chain.forget(CONFIRMATIONS + 4);
    world.chain.mine(1);
    // A node that is behind may not have it either.
    assert_eq!(world.look(&payee, &bill, &demand).await, first);
    world.chain.mine(CONFIRMATIONS + 1);
    assert_eq!(world.look(&payee, &bill, &demand).await, first, "the branch is not long enough");
    world.chain.mine(1);
    assert_eq!(told(&world.look(&payee, &bill, &demand).await), [(Finality::Reversed, 500, true)]);
    // The same transaction, with the same number of the buyer's, in an older block.
    pay();
    world.chain.mine(CONFIRMATIONS + 4);
    let back = world.look(&payee, &bill, &demand).await;
    assert_eq!(told(&back).last(), Some(&(Finality::Final, 500, true)));
}

/// Anybody can send dust to an address. What is known is not asked about again, and of what is new not too much at once.
#[tokio::test]
async fn dust_costs_a_bounded_number_of_questions_and_hides_no_payment() {
    let world = World::new();
    let line = Line::new(&world.chain.url);
    let (payee, bill) = (watch_at(&world, &line.url, true), world.bill(1, 500));
    let demand = payee.demand(&bill).await.unwrap();
    let address = payee.address(&bill);
    let pay =
        |units| transfer(&world.chain, &world.token, account(BUYER_KEY), address, world.token.amount(units));
    for _ in 0..150 {
        pay(1);
    }
    pay(500);
    world.chain.mine(CONFIRMATIONS);
    let mut came = Vec::new();
    for _ in 0..3 {
        line.set(Behaviour::Pass);
        came.push(world.look(&payee, &bill, &demand).await.len());
        // About each of 64 the node is asked twice, and a few questions more.
        assert!(line.asked() < 64 * 2 + 50, "{}", line.asked());
    }
    assert_eq!(came, [64, 128, 151]);
    line.set(Behaviour::Pass);
    let all = world.look(&payee, &bill, &demand).await;
    assert_eq!(all.iter().map(|receipt| receipt.units).sum::<u64>(), 650);
    assert!(line.asked() < 50, "{}", line.asked());
}

#[tokio::test]
async fn coins_at_a_buyers_address_are_payments() {
    let world = World::new();
    let payee = watch(&world, false);
    let price = Price::new(Asset::Ether { chain: CHAIN }, Kind::Once { units: 500 });
    let bill = Bill { price, method: Method::Ether, ..world.bill(1, 500) };
    let demand = payee.demand(&bill).await.unwrap();
    let address = payee.address(&bill);
    assert_eq!(demand.request, format!("ethereum:{address}@{CHAIN}?value=500000000000"));
    assert_eq!(world.look(&payee, &bill, &demand).await, []);
    let pay = |gwei: u64| world.chain.send(account(BUYER_KEY), Some(address), &[], gwei * 1_000_000_000);
    pay(300);
    assert_eq!(world.look(&payee, &bill, &demand).await, [], "it may still go away");
    world.chain.mine(CONFIRMATIONS);
    assert_eq!(told(&world.look(&payee, &bill, &demand).await), [(Finality::Final, 300, true)]);
    pay(200);
    world.chain.mine(CONFIRMATIONS);
    let counts = [(Finality::Final, 300, true), (Finality::Final, 200, true)];
    assert_eq!(told(&world.look(&payee, &bill, &demand).await), counts);
    assert_eq!(told(&world.look(&watch(&world, false), &bill, &demand).await), counts);
}

/// Anybody can connect and be looked for.
#[tokio::test]
async fn nothing_is_written_down_of_who_pays_nothing() {
    let world = World::new();
    let price = Price::new(Asset::Ether { chain: CHAIN }, Kind::Once { units: 500 });
    let coins = Bill { price, method: Method::Ether, ..world.bill(2, 500) };
    for (payee, bill) in [(watch(&world, true), world.bill(1, 500)), (watch(&world, false), coins)] {
        let demand = payee.demand(&bill).await.unwrap();
        for _ in 0..2 {
            world.chain.mine(CONFIRMATIONS);
            assert_eq!(world.look(&payee, &bill, &demand).await, []);
        }
    }
    let records = rusqlite::Connection::open(world.folder.path().join("deposits.db")).unwrap();
    for table in ["scan", "coins", "deposit"] {
        let count = format!("SELECT count(*) FROM {table}");
        assert_eq!(records.query_row(&count, [], |row| row.get::<_, i64>(0)).unwrap(), 0, "{table}");
    }
}

#[tokio::test]
async fn what_came_shortly_before_somebody_connects_is_found_and_counts_once() {
    let world = World::new();
    let (payee, standing) = (watch(&world, true), world.bill(1, 0));
    let address = payee.address(&standing);
    let pay =
        |units| transfer(&world.chain, &world.token, account(BUYER_KEY), address, world.token.amount(units));
    pay(300);
    world.chain.mine(CONFIRMATIONS + 1);
    // An order is paid by what comes after it.
    let ordered = world.bill(2, 500);
    let demand = payee.demand(&ordered).await.unwrap();
    assert_eq!(world.look(&payee, &ordered, &demand).await, []);
    let early = payee.demand(&standing).await.unwrap();
    let found = world.look(&payee, &standing, &early).await;
    assert_eq!(told(&found), [(Finality::Final, 300, true)]);
    // What was forgotten meanwhile begins anew.
    let again = payee.demand(&standing).await.unwrap();
    assert_eq!(world.look(&payee, &standing, &again).await, found);
    assert_eq!(world.look(&payee, &ordered, &demand).await, []);
}

#[tokio::test]
async fn a_card_with_another_key_is_not_sold_by() {
    let world = World::new();
    let payee = watch(&world, true);
    let bill = |key: &str| Bill { pay_to: Some(key.to_owned()), ..world.bill(1, 500) };
    payee.demand(&bill(VECTORS[0].0)).await.unwrap();
    let error = payee.demand(&bill(VECTORS[1].0)).await.unwrap_err();
    assert!(matches!(error, PaymentError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn a_watch_needs_a_token_with_the_right_digits_and_no_more() {
    let mut world = World::with("Plain", 6);
    let standing = watch(&world, true).check().await.unwrap();
    // Of the secret key 0x0101...01.
    assert_eq!(standing.account, "0x1a642f0e3c3af545e7acbd38b07251b3990914f1".parse::<Address>().unwrap());
    world.token.decimals = 18;
    let error = watch(&world, true).check().await.unwrap_err();
    assert!(error.to_string().contains("6 decimals, not 18"), "{error}");
    watch(&world, false).check().await.unwrap();
}
