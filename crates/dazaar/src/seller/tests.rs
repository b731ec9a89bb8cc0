use std::sync::atomic::{AtomicI64, Ordering};

use dazaar_market::{TermsHash, Verdict, VoucherCode};
use tempfile::TempDir;
use tokio::time::timeout;

use super::*;
use crate::buyer::{Buyer, BuyerNotice, BuyerOptions, Order};
use crate::database::Voucher;
use crate::market::Offer;
use crate::validator::{Answer, Question};

/// How long anything may take before the test fails.
const DEADLINE: Duration = Duration::from_secs(60);

/// Admits everybody, and charges when it answers: a question with something to charge only once the gate is open.
#[derive(Debug)]
struct Slow {
    /// Questions with something to charge, as they come.
    asked: watch::Sender<Vec<i64>>,
    charged_ms: AtomicI64,
    gate: watch::Sender<bool>,
}

impl Validator for Slow {
    fn validate(&self, question: Question) -> Answer<'_> {
        Box::pin(async move {
            if question.served_ms > 0 {
                self.asked.send_modify(|asked| asked.push(question.served_ms));
                let _ = self.gate.subscribe().wait_for(|open| *open).await;
                self.charged_ms.fetch_add(question.served_ms, Ordering::Relaxed);
            }
            Verdict::Admit { info: None }
        })
    }
}

impl Slow {
    async fn asked(&self, questions: usize) {
        let mut asked = self.asked.subscribe();
        timeout(DEADLINE, asked.wait_for(|asked| asked.len() >= questions)).await.expect("in time").unwrap();
    }
}

#[tokio::test]
async fn a_question_that_is_out_when_the_buyer_leaves_is_charged() {
    let folders = TempDir::new().unwrap();
    let market = Arc::new(Market::create(&folders.path().join("seller"), None, None).unwrap());
    let log = market.own_feed("ticks").unwrap();
    log.append(&["one"]).unwrap();
    let offer = Offer::new(log.key(), "ticks", market.feed_folder(&log.key()), Admission::Everybody);
    let listing = market.list(offer, now_ms()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string().parse().unwrap();
    let link = market.link(&listing, vec![address]);
    let options = SellerOptions { validate_interval: Duration::from_millis(5), ..SellerOptions::default() };
    let mut seller = Seller::new(market, listing, options).unwrap();
    let slow = Arc::new(Slow {
        asked: watch::Sender::default(),
        charged_ms: AtomicI64::new(0),
        gate: watch::Sender::new(false),
    });
    Arc::get_mut(&mut seller.0).unwrap().validator = Arc::clone(&slow) as _;
    let server = seller.clone();
    let serving = tokio::spawn(async move { server.serve(listener).await });

    let buyer = Arc::new(Market::create(&folders.path().join("buyer"), None, None).unwrap());
    let buyer = Buyer::new(buyer, link.into(), BuyerOptions::default()).unwrap();
    let buying = tokio::spawn(async move { buyer.run().await });
    slow.asked(1).await;
    // At least this much is left to be charged by a second question, which tells that the first was not waited for.
    tokio::time::sleep(Duration::from_millis(2)).await;
    buying.abort();
    slow.asked(2).await;
    slow.gate.send_replace(true);
    seller.close();
    timeout(DEADLINE, serving).await.expect("in time").unwrap();
    let asked = slow.asked.borrow().clone();
    assert_eq!(
        slow.charged_ms.load(Ordering::Relaxed),
        asked.iter().sum::<i64>(),
        "of the questions {asked:?}"
    );
}

#[tokio::test]
async fn a_voucher_is_burnt_after_the_terms_and_kept_while_it_cannot_be_checked() {
    let folders = TempDir::new().unwrap();
    let market = Arc::new(Market::create(&folders.path().join("seller"), None, None).unwrap());
    let log = market.own_feed("ticks").unwrap();
    log.append(&["one"]).unwrap();
    let terms = "be nice";
    let offer = Offer {
        terms: Some(terms.to_owned()),
        ..Offer::new(log.key(), "ticks", market.feed_folder(&log.key()), Admission::Granted)
    };
    let listing = market.list(offer, now_ms()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string().parse().unwrap();
    let link = market.link(&listing, vec![address]);
    let code = VoucherCode::new([7; 16]);
    let voucher = Voucher {
        hash: code.hash(),
        feed: listing.feed,
        amount_ms: Some(3_600_000),
        made_ms: 0,
        expires_ms: None,
        revoked_ms: None,
        buyer: None,
        used_ms: None,
    };
    market.database().put_vouchers(&[voucher]).unwrap();
    let used_ms = || market.database().vouchers(&log.key()).unwrap()[0].used_ms;
    let seller = Seller::new(Arc::clone(&market), listing, SellerOptions::default()).unwrap();
    let server = seller.clone();
    let serving = tokio::spawn(async move { server.serve(listener).await });

    let buying = Arc::new(Market::create(&folders.path().join("buyer"), None, None).unwrap());
    let stranger = Buyer::new(Arc::clone(&buying), link.clone().into(), BuyerOptions::default()).unwrap();
    stranger.redeem(&code);
    assert!(timeout(DEADLINE, stranger.run()).await.expect("in time").is_about_terms());
    assert!(used_ms().is_none() && stranger.is_paying());

    let order = Order { terms: Some(TermsHash::of(terms)), ..link.into() };
    let buyer = Buyer::new(buying, order, BuyerOptions::default()).unwrap();
    let books = rusqlite::Connection::open(folders.path().join("seller").join("market.db")).unwrap();
    books.execute_batch("ALTER TABLE voucher RENAME TO broken").unwrap();
    buyer.redeem(&code);
    let mut notices = buyer.notices();
    let mut answer = async || loop {
        let notice = timeout(DEADLINE, notices.recv()).await.expect("in time").unwrap();
        if matches!(notice, BuyerNotice::Paid(_) | BuyerNotice::PaymentRefused(_)) {
            break notice;
        }
    };
    let runner = buyer.clone();
    let running = tokio::spawn(async move { runner.run().await });
    let refused = answer().await;
    assert!(
        matches!(&refused, BuyerNotice::PaymentRefused(refusal) if refusal.is_temporary()),
        "{refused:?}"
    );
    assert!(buyer.is_paying());
    books.execute_batch("ALTER TABLE broken RENAME TO voucher").unwrap();
    let paid = answer().await;
    assert!(matches!(&paid, BuyerNotice::Paid(receipt) if !receipt.again), "{paid:?}");
    assert!(used_ms().is_some() && !buyer.is_paying());
    running.abort();
    seller.close();
    timeout(DEADLINE, serving).await.expect("in time").unwrap();
}
