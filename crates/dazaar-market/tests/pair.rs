//! A seller's and a buyer's session in a jar: the drivers of both, a clock that jumps, and no network.

use std::time::Duration;

use dazaar_log::{FeedKey, IdentityKeyPair};
use dazaar_market::{
    Acceptance, BuyerAction, BuyerConfig, BuyerEvent, BuyerSession, EndReason, MasterKey, NONCE_BYTES,
    PeerKind, Sale, SellerAction, SellerConfig, SellerSession, Terms, TermsHash, UnsignedTerms, Verdict,
};
use serde_json::json;

const TICK: Duration = Duration::from_secs(1);

/// Both ends, what their drivers keep, and what a reader of the wire would see.
struct Pair {
    now: Duration,
    seller: SellerSession,
    buyer: BuyerSession,
    paid_until: Duration,
    unique: FeedKey,
    stored_acceptance: Option<Acceptance>,
    stored_feed: Option<FeedKey>,
    damages_the_feed_key: bool,
    uploading: bool,
    wire: Vec<String>,
    ended: Option<EndReason>,
}

fn seller_identity() -> IdentityKeyPair {
    let master = MasterKey::new(&[7; 32]);
    master.seller(&master.feed("demo").public())
}

fn buyer_identity() -> IdentityKeyPair {
    MasterKey::new(&[8; 32]).buyer()
}

fn accept(text: &str) -> Acceptance {
    Acceptance::sign(&buyer_identity(), seller_identity().public(), TermsHash::of(text), 1, &[1; NONCE_BYTES])
}

impl Pair {
    fn new(terms: Option<&str>, acceptance: Option<Acceptance>) -> Self {
        let master = MasterKey::new(&[7; 32]);
        let (seller, buyer) = (seller_identity().public(), buyer_identity().public());
        let seller_config = SellerConfig {
            seller,
            seller_id: [1; 32],
            sale: Sale::Unique,
            terms: terms.and_then(|text| Terms::new(text).expect("short")),
            unsigned_terms: UnsignedTerms::Refuse,
            validate_interval: TICK,
        };
        let buyer_config = BuyerConfig {
            seller,
            known_feed: None,
            known_members: Vec::new(),
            acceptance,
            vet_seller: false,
            validate_interval: TICK,
        };
        Self {
            now: Duration::ZERO,
            seller: SellerSession::new(seller_config),
            buyer: BuyerSession::new(buyer_config),
            paid_until: Duration::ZERO,
            unique: master.unique_feed(&master.feed("demo").public(), &buyer).public(),
            stored_acceptance: None,
            stored_feed: None,
            damages_the_feed_key: false,
            uploading: false,
            wire: Vec::new(),
            ended: None,
        }
    }

    fn connect(&mut self) {
        self.buyer.handle_connected();
        self.seller.handle_connected(self.now, buyer_identity().public(), PeerKind::Native, None);
        self.run();
    }

    fn tick(&mut self) {
        self.now += TICK;
        self.seller.handle_timeout(self.now);
        self.run();
    }

    fn grant(&mut self, time: Duration) {
        self.paid_until = self.now + time;
    }

    /// The answer of a validator that sells time.
    fn verdict(&self) -> Verdict {
        match self.paid_until.saturating_sub(self.now).as_millis() {
            0 => Verdict::Refuse { reason: "No time left on subscription".to_owned() },
            left => Verdict::Admit { info: Some(json!({ "type": "time", "remaining": left as u64 })) },
        }
    }

    /// Until neither side has anything to do.
    fn run(&mut self) {
        loop {
            if let Some(action) = self.seller.poll_action() {
                self.drive_seller(action);
            } else if let Some(action) = self.buyer.poll_action() {
                self.drive_buyer(action);
            } else {
                return;
            }
        }
    }

    fn drive_seller(&mut self, action: SellerAction) {
        match action {
            SellerAction::Send { name, mut payload } => {
                self.wire.push(name.trim_start_matches("dazaar/").to_owned());
                if name == "dazaar/one-time-feed" && self.damages_the_feed_key {
                    payload[5] ^= 1;
                }
                self.buyer.handle_extension(name, &payload).expect("the seller keeps to the rules");
            }
            SellerAction::Validate { .. } => {
                let verdict = self.verdict();
                self.seller.handle_verdict(self.now, verdict);
            }
            SellerAction::StoreAcceptance(acceptance) => {
                self.stored_acceptance = Some(acceptance);
                self.seller.handle_acceptance_stored(self.now);
            }
            SellerAction::PrepareFeed { .. } => self.seller.handle_feed(self.now, self.unique, &[]),
            SellerAction::Upload(uploading) => self.uploading = uploading,
            SellerAction::OpenFeed { key } => assert_eq!(key, self.unique),
            SellerAction::RefuseOffer { .. } | SellerAction::Notify(_) => {}
        }
    }

    fn drive_buyer(&mut self, action: BuyerAction) {
        match action {
            BuyerAction::Send { name, payload } => {
                self.wire.push(format!("< {}", name.trim_start_matches("dazaar/")));
                self.seller.handle_extension(name, &payload).expect("the buyer keeps to the rules");
            }
            BuyerAction::OpenFeed { key } if key == self.unique => self.buyer.handle_feed_opened(&key),
            BuyerAction::OpenFeed { key } => self.buyer.handle_feed_refused(&key.discovery_key()),
            BuyerAction::StoreFeed { key } => self.stored_feed = Some(key),
            BuyerAction::End(reason) => {
                self.ended = Some(reason);
                self.seller.handle_closed();
            }
            BuyerAction::Notify(BuyerEvent::Invalid { reason }) => self.wire.push(format!("({reason})")),
            BuyerAction::StoreMember(_)
            | BuyerAction::Download(_)
            | BuyerAction::Validate { .. }
            | BuyerAction::Notify(_) => {}
        }
    }
}

#[test]
fn a_sale_from_refusal_to_revocation_and_back() {
    let mut pair = Pair::new(None, None);
    pair.connect();
    assert_eq!(pair.wire, ["seller-id", "invalid", "(No time left on subscription)"]);
    pair.wire.clear();
    pair.tick();
    assert!(pair.wire.is_empty() && pair.stored_feed.is_none());

    pair.grant(Duration::from_secs(3));
    pair.tick();
    assert_eq!(pair.wire, ["one-time-feed", "valid"]);
    assert_eq!(pair.stored_feed, Some(pair.unique));
    pair.tick();
    assert!(pair.uploading);
    pair.wire.clear();
    pair.tick();
    assert_eq!(pair.wire, ["invalid", "(No time left on subscription)"]);
    assert!(!pair.uploading);

    pair.grant(Duration::from_secs(2));
    pair.wire.clear();
    pair.tick();
    assert_eq!(pair.wire, ["valid"]);
    assert!(pair.uploading);
}

#[test]
fn terms_are_accepted_before_anything_else() {
    let mut pair = Pair::new(Some("be nice"), Some(accept("be nice")));
    pair.grant(Duration::from_secs(2));
    pair.connect();
    assert_eq!(pair.wire, ["seller-id", "terms-of-use", "< terms-acceptance", "one-time-feed", "valid"]);
    let stored = pair.stored_acceptance.expect("stored before the feed went out");
    assert_eq!(stored.buyer(), buyer_identity().public());
}

#[test]
fn who_accepts_other_terms_gets_nothing() {
    for (accepted, reason) in
        [(None, EndReason::TermsMissing), (Some(accept("be good")), EndReason::TermsChanged)]
    {
        let mut pair = Pair::new(Some("be nice"), accepted);
        pair.grant(Duration::from_secs(2));
        pair.connect();
        pair.tick();
        assert_eq!(pair.wire, ["seller-id", "terms-of-use"]);
        assert_eq!((pair.ended, pair.stored_feed), (Some(reason), None));
    }
}

/// Attack 1 of section 9: one bit of the feed key is flipped on the way to the buyer.
#[test]
fn a_flipped_bit_costs_a_connection_and_not_the_purchase() {
    let mut pair = Pair::new(None, None);
    pair.damages_the_feed_key = true;
    pair.grant(Duration::from_secs(2));
    pair.connect();
    assert!(matches!(pair.ended, Some(EndReason::FeedRefused { key }) if key != pair.unique));
    assert_eq!(pair.stored_feed, None);
}
