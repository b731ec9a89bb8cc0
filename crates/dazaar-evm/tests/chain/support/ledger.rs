//! A seller's ledger with an account for one bill.

use dazaar::database::{Admission, Database, Listing, Order, Receipt, Retention};
use dazaar::payment::Bill;
use dazaar_log::FeedKeyPair;

use super::World;

/// Takes in receipts, and says what was paid for the bill by then.
pub(crate) fn ledger(world: &World, bill: &Bill) -> impl Fn(&[Receipt]) -> u64 {
    let ledger = Database::open(&world.folder.path().join("market.db")).unwrap();
    let feed = FeedKeyPair::from_seed(&[3; 32]).public();
    let listing = Listing {
        feed,
        name: "ticks".to_owned(),
        folder: "/feeds".into(),
        seller_secret: None,
        card: "{}".to_owned(),
        terms: None,
        unsigned_terms: false,
        admission: Admission::Granted,
        listen: None,
        created_ms: 0,
        keep: Retention::default(),
    };
    ledger.put_listing(&listing).unwrap();
    let (buyer, price, units) = (bill.buyer, bill.price.clone(), bill.units);
    let method = bill.method.name().to_owned();
    let order = Order {
        id: bill.order,
        feed,
        buyer,
        price,
        method,
        units,
        memo: String::new(),
        expires_ms: bill.expires_ms,
    };
    ledger.put_order(&order, 0).unwrap();
    move |receipts| {
        ledger.apply(&order.method, receipts, None, 0).unwrap();
        ledger.accounts(&feed, &buyer).unwrap()[0].paid
    }
}
