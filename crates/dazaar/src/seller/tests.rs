use std::sync::atomic::{AtomicI64, Ordering};

use dazaar_market::Verdict;
use tempfile::TempDir;
use tokio::time::timeout;

use super::*;
use crate::buyer::{Buyer, BuyerOptions};
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
