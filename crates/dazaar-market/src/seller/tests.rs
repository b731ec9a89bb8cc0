use dazaar_log::{FeedKeyPair, IdentityKeyPair};
use serde_json::json;

use super::*;
use crate::identity_signature::NONCE_BYTES;
use crate::limits::JSON_BYTES_MAX;
use crate::member;
use crate::session::VALIDATE_INTERVAL;
use crate::terms::{AcceptanceError, TermsHash};

mod random;

const ID: [u8; 32] = [0x10; 32];
const NO_PAY: &[u8] = br#"{"error":"no pay"}"#;
const TIME: &[u8] = br#"{"remaining":5,"type":"time"}"#;

fn seller_pair() -> IdentityKeyPair {
    IdentityKeyPair::from_seed(&[1; 32])
}

fn buyer_pair() -> IdentityKeyPair {
    IdentityKeyPair::from_seed(&[2; 32])
}

fn feed() -> FeedKey {
    FeedKeyPair::from_seed(&[1; 32]).public()
}

fn config(terms: Option<&str>) -> SellerConfig {
    SellerConfig {
        seller: seller_pair().public(),
        seller_id: ID,
        sale: Sale::Unique,
        terms: terms.and_then(|text| Terms::new(text).unwrap()),
        unsigned_terms: UnsignedTerms::Refuse,
        validate_interval: VALIDATE_INTERVAL,
    }
}

fn acceptance(text: &str) -> Acceptance {
    Acceptance::sign(&buyer_pair(), seller_pair().public(), TermsHash::of(text), 5, &[0; NONCE_BYTES])
}

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn admit() -> Verdict {
    Verdict::Admit { info: Some(json!({ "type": "time", "remaining": 5 })) }
}

fn refuse() -> Verdict {
    Verdict::Refuse { reason: "no pay".to_owned() }
}

fn send(name: &'static str, payload: &[u8]) -> SellerAction {
    SellerAction::Send { name, payload: payload.to_vec() }
}

fn validate() -> SellerAction {
    SellerAction::Validate { buyer: buyer_pair().public() }
}

fn admitted() -> SellerAction {
    SellerAction::Notify(SellerEvent::Admitted { info: Some(json!({ "type": "time", "remaining": 5 })) })
}

fn refused() -> SellerAction {
    SellerAction::Notify(SellerEvent::Refused { reason: "no pay".to_owned() })
}

/// A session with a driver that does nothing but look at what it should do.
struct Seller(SellerSession);

impl Seller {
    fn new(config: SellerConfig) -> Self {
        Self(SellerSession::new(config))
    }

    /// Connected, and past what is said first.
    fn connected(config: SellerConfig, peer: PeerKind) -> Self {
        let mut seller = Self::new(config);
        seller.0.handle_connected(at(0), buyer_pair().public(), peer, None);
        seller
    }

    /// Connected, without terms, admitted, and the feed is open.
    fn serving() -> Self {
        let mut seller = Self::connected(config(None), PeerKind::Classic);
        seller.0.handle_verdict(at(0), admit());
        seller.0.handle_feed(at(0), feed(), &[]);
        seller.drain();
        seller
    }

    fn drain(&mut self) -> Vec<SellerAction> {
        std::iter::from_fn(|| self.0.poll_action()).collect()
    }

    fn verdict(&mut self, ms: u64, verdict: Verdict) -> Vec<SellerAction> {
        self.0.handle_verdict(at(ms), verdict);
        self.drain()
    }

    fn timeout(&mut self, ms: u64) -> Vec<SellerAction> {
        self.0.handle_timeout(at(ms));
        self.drain()
    }

    fn extension(&mut self, name: &str, payload: &[u8]) -> Result<Vec<SellerAction>, PeerFault> {
        self.0.handle_extension(name, payload).map(|()| self.drain())
    }
}

#[test]
fn the_first_sale_is_that_of_the_reference() {
    let mut seller = Seller::new(config(None));
    assert_eq!(seller.drain(), []);
    assert_eq!(seller.0.poll_timeout(), None);
    seller.0.handle_connected(at(0), buyer_pair().public(), PeerKind::Classic, None);
    assert_eq!(seller.drain(), [send("dazaar/seller-id", &ID), validate()]);
    assert_eq!(seller.verdict(7, admit()), [SellerAction::PrepareFeed { buyer: buyer_pair().public() }]);
    assert_eq!(seller.0.poll_timeout(), None);
    seller.0.handle_feed(at(9), feed(), &[]);
    let delivered = [
        send("dazaar/one-time-feed", &feed().0),
        SellerAction::OpenFeed { key: feed() },
        SellerAction::Upload(true),
        send("dazaar/valid", TIME),
        admitted(),
    ];
    assert_eq!(seller.drain(), delivered);
    assert_eq!(seller.0.poll_timeout(), Some(at(1_009)));
}

#[test]
fn valid_is_said_at_every_tick_and_the_feed_once() {
    let mut seller = Seller::serving();
    assert_eq!(seller.timeout(999), []);
    for tick in 1..4 {
        assert_eq!(seller.timeout(tick * 1_000), [validate()]);
        assert_eq!(seller.timeout(tick * 1_000 + 5_000), [], "one question at a time");
        assert_eq!(seller.verdict(tick * 1_000, admit()), [send("dazaar/valid", TIME)]);
        assert_eq!(seller.0.poll_timeout(), Some(at((tick + 1) * 1_000)));
    }
}

#[test]
fn only_objects_are_told() {
    for info in [None, Some(json!(null)), Some(json!([1])), Some(json!("x"))] {
        let mut seller = Seller::serving();
        seller.timeout(1_000);
        assert_eq!(seller.verdict(1_000, Verdict::Admit { info }), []);
    }
}

#[test]
fn refusal_is_said_once_and_before_the_upload_stops() {
    let mut seller = Seller::serving();
    seller.timeout(1_000);
    let stopped = [send("dazaar/invalid", NO_PAY), SellerAction::Upload(false), refused()];
    assert_eq!(seller.verdict(1_000, refuse()), stopped);
    assert_eq!(seller.timeout(2_000), [validate()]);
    assert_eq!(seller.verdict(2_000, refuse()), []);
    assert_eq!(seller.timeout(3_000), [validate()]);
    let restored = [SellerAction::Upload(true), send("dazaar/valid", TIME), admitted()];
    assert_eq!(seller.verdict(3_000, admit()), restored);
    assert_eq!(seller.timeout(4_000), [validate()]);
    assert_eq!(seller.verdict(4_000, refuse()), stopped);
}

#[test]
fn who_has_not_paid_gets_no_feed_until_they_pay() {
    let mut seller = Seller::connected(config(None), PeerKind::Classic);
    seller.drain();
    assert_eq!(seller.verdict(0, refuse()), [send("dazaar/invalid", NO_PAY), refused()]);
    assert_eq!(seller.timeout(1_000), [validate()]);
    assert_eq!(seller.verdict(1_000, admit()), [SellerAction::PrepareFeed { buyer: buyer_pair().public() }]);
    seller.0.handle_feed(at(1_000), feed(), &[]);
    assert_eq!(seller.drain()[0], send("dazaar/one-time-feed", &feed().0));
}

#[test]
fn answers_that_nobody_asked_for_are_ignored() {
    let mut seller = Seller::new(config(None));
    assert_eq!(seller.verdict(0, admit()), []);
    seller.0.handle_feed(at(0), feed(), &[]);
    seller.0.handle_acceptance_stored(at(0));
    assert_eq!(seller.drain(), []);

    let mut seller = Seller::connected(config(None), PeerKind::Classic);
    seller.0.handle_feed(at(0), feed(), &[]);
    assert_eq!(seller.drain(), [send("dazaar/seller-id", &ID), validate()]);
    assert_eq!(seller.verdict(0, refuse()).len(), 2);
    assert_eq!(seller.verdict(0, admit()), [], "a second answer to one question");
    seller.timeout(1_000);
    assert_eq!(seller.verdict(1_000, admit()).len(), 1);
    assert_eq!(seller.verdict(1_000, refuse()), [], "while the feed is prepared");
    seller.0.handle_feed(at(1_000), feed(), &[]);
    assert_eq!(seller.drain().len(), 5);
    seller.0.handle_feed(at(1_000), feed(), &[]);
    assert_eq!(seller.drain(), []);
}

#[test]
fn nothing_happens_after_the_end() {
    let mut seller = Seller::connected(config(None), PeerKind::Classic);
    seller.0.handle_closed();
    assert_eq!(seller.drain(), []);
    assert_eq!(seller.verdict(0, admit()), []);
    assert_eq!(seller.timeout(9_000), []);
    assert_eq!(seller.extension("dazaar/user-message", br#"{"name":"a"}"#), Ok(vec![]));
    assert_eq!(seller.0.send_user_message("a", &json!(1)), Err(SendError::NotConnected));
    assert_eq!(seller.0.poll_timeout(), None);
    seller.0.handle_connected(at(0), buyer_pair().public(), PeerKind::Classic, None);
    assert_eq!(seller.drain(), []);
}

#[test]
fn a_free_feed_is_given_to_everybody_under_its_own_key() {
    let mut seller = Seller::connected(
        SellerConfig { sale: Sale::Free { feed: feed(), members: Vec::new() }, ..config(None) },
        PeerKind::Classic,
    );
    let valid = send("dazaar/valid", br#"{"free":true}"#);
    let delivered = [
        send("dazaar/seller-id", &ID),
        send("dazaar/one-time-feed", &feed().0),
        SellerAction::OpenFeed { key: feed() },
        SellerAction::Upload(true),
        valid.clone(),
        SellerAction::Notify(SellerEvent::Admitted { info: Some(json!({ "free": true })) }),
    ];
    assert_eq!(seller.drain(), delivered);
    assert_eq!(seller.timeout(1_000), [valid]);
    let discovery_key = feed().discovery_key();
    seller.0.handle_offer(discovery_key).unwrap();
    assert_eq!(seller.drain(), [SellerAction::OpenFeed { key: feed() }]);
    let discovery_key = FeedKey([7; 32]).discovery_key();
    seller.0.handle_offer(discovery_key).unwrap();
    assert_eq!(seller.drain(), [SellerAction::RefuseOffer { discovery_key }]);
}

#[test]
fn feeds_that_come_with_a_free_one_are_given_to_whoever_asks() {
    let other = FeedKey([8; 32]);
    let sale = Sale::Free { feed: feed(), members: vec![other] };
    for peer in [PeerKind::Native, PeerKind::Classic] {
        let mut seller = Seller::connected(SellerConfig { sale: sale.clone(), ..config(None) }, peer);
        let opens_both = seller.drain().contains(&SellerAction::OpenFeed { key: other });
        assert_eq!(opens_both, peer == PeerKind::Native);
        seller.0.handle_offer(other.discovery_key()).unwrap();
        assert_eq!(seller.drain(), [SellerAction::OpenFeed { key: other }]);
    }
}

#[test]
fn feeds_that_come_with_one_are_named_after_it_and_before_the_gate_opens() {
    let member = Member { feed: FeedKey([8; 32]), key: FeedKey([9; 32]) };
    let mut seller = Seller::connected(config(None), PeerKind::Native);
    seller.0.handle_verdict(at(0), admit());
    seller.drain();
    seller.0.handle_feed(at(0), feed(), &[member]);
    let delivered = [
        send("dazaar/one-time-feed", &feed().0),
        send("dazaar/feeds", &member::encode(&[member])),
        SellerAction::OpenFeed { key: feed() },
        SellerAction::OpenFeed { key: member.key },
        SellerAction::Upload(true),
        send("dazaar/valid", TIME),
        admitted(),
    ];
    assert_eq!(seller.drain(), delivered);
}

#[test]
fn feeds_are_added_to_a_sale_under_way() {
    let [one, two] = [8, 10].map(|seed| Member { feed: FeedKey([seed; 32]), key: FeedKey([seed + 1; 32]) });
    let mut seller = Seller::connected(config(None), PeerKind::Native);
    seller.0.handle_members(&[one]);
    seller.0.handle_verdict(at(0), admit());
    seller.drain();
    seller.0.handle_feed(at(0), feed(), &[one]);
    seller.drain();
    seller.0.handle_members(&[two]);
    let added = [send("dazaar/feeds", &member::encode(&[two])), SellerAction::OpenFeed { key: two.key }];
    assert_eq!(seller.drain(), added);
    seller.0.handle_closed();
    seller.0.handle_members(&[one]);
    assert_eq!(seller.drain(), []);
}

#[test]
fn the_first_feed_is_named_and_opened_once() {
    let name = Member { feed: FeedKey([8; 32]), key: feed() };
    let mut seller = Seller::connected(config(None), PeerKind::Native);
    seller.0.handle_verdict(at(0), admit());
    seller.drain();
    seller.0.handle_feed(at(0), feed(), &[name]);
    let actions = seller.drain();
    assert!(actions.contains(&send("dazaar/feeds", &member::encode(&[name]))));
    assert_eq!(actions.iter().filter(|action| **action == SellerAction::OpenFeed { key: feed() }).count(), 1);
}

#[test]
fn feeds_are_added_to_a_free_sale_for_those_who_know_them_and_those_who_ask() {
    let other = FeedKey([8; 32]);
    for peer in [PeerKind::Native, PeerKind::Classic] {
        let sale = Sale::Free { feed: feed(), members: Vec::new() };
        let mut seller = Seller::connected(SellerConfig { sale, ..config(None) }, peer);
        seller.drain();
        seller.0.handle_members(&[Member::free(other)]);
        let opens = seller.drain().contains(&SellerAction::OpenFeed { key: other });
        assert_eq!(opens, peer == PeerKind::Native);
        seller.0.handle_offer(other.discovery_key()).unwrap();
        assert_eq!(seller.drain(), [SellerAction::OpenFeed { key: other }]);
    }
}

#[test]
fn a_unique_sale_refuses_every_offer() {
    let discovery_key = feed().discovery_key();
    let mut seller = Seller::serving();
    seller.0.handle_offer(discovery_key).unwrap();
    assert_eq!(seller.drain(), [SellerAction::RefuseOffer { discovery_key }]);
}

#[test]
fn our_buyer_gets_nothing_before_the_acceptance_is_stored() {
    let mut seller = Seller::connected(config(Some("be nice")), PeerKind::Native);
    let first = [send("dazaar/seller-id", &ID), send("dazaar/terms-of-use", b"be nice")];
    assert_eq!(seller.drain(), first);
    assert_eq!(seller.0.poll_timeout(), None);
    assert_eq!(seller.verdict(0, admit()), []);
    seller.0.handle_acceptance_stored(at(0));
    assert_eq!(seller.drain(), [], "nothing was to be stored");
    let signed = acceptance(" be nice\n");
    let stored = seller.extension("dazaar/terms-acceptance", &signed.encode());
    assert_eq!(stored, Ok(vec![SellerAction::StoreAcceptance(signed)]));
    assert_eq!(seller.extension("dazaar/terms-acceptance", &signed.encode()), Ok(vec![]));
    assert_eq!(seller.verdict(0, admit()), []);
    assert!(!seller.0.has_settled_terms());
    seller.0.handle_acceptance_stored(at(0));
    assert_eq!(seller.drain(), [validate()]);
    assert!(seller.0.has_settled_terms());
    assert_eq!(seller.extension("dazaar/terms-acceptance", b"later ones mean nothing"), Ok(vec![]));
}

#[test]
fn a_stored_acceptance_counts_if_it_is_of_these_terms() {
    let connect = |stored| {
        let mut seller = Seller::new(config(Some("be nice")));
        seller.0.handle_connected(at(0), buyer_pair().public(), PeerKind::Native, Some(stored));
        seller.drain().contains(&validate())
    };
    assert!(connect(acceptance("be nice")));
    assert!(!connect(acceptance("be good")));
    let by_another = IdentityKeyPair::from_seed(&[9; 32]);
    let terms = TermsHash::of("be nice");
    assert!(!connect(Acceptance::sign(&by_another, seller_pair().public(), terms, 5, &[0; NONCE_BYTES])));
}

#[test]
fn forged_acceptances_end_the_session() {
    let other = IdentityKeyPair::from_seed(&[9; 32]);
    let (seller_key, terms) = (seller_pair().public(), TermsHash::of("be nice"));
    let sign = |pair, seller, terms| Acceptance::sign(pair, seller, terms, 5, &[0; NONCE_BYTES]).encode();
    let mut damaged = acceptance("be nice").encode();
    damaged[168] ^= 1;
    for (payload, error) in [
        (sign(&other, seller_key, terms), AcceptanceError::OtherBuyer),
        (sign(&buyer_pair(), other.public(), terms), AcceptanceError::OtherSeller),
        (sign(&buyer_pair(), seller_key, TermsHash::of("")), AcceptanceError::OtherTerms),
        (damaged, AcceptanceError::Signature),
    ] {
        let mut seller = Seller::connected(config(Some("be nice")), PeerKind::Native);
        seller.drain();
        let fault = seller.extension("dazaar/terms-acceptance", &payload);
        assert_eq!(fault, Err(PeerFault::Acceptance(error)));
        assert_eq!(seller.drain(), []);
    }
}

/// Attack 7 of section 9: the reference serves a buyer who ignores the terms.
#[test]
fn classic_buyers_are_refused_when_the_seller_insists() {
    let mut seller = Seller::connected(config(Some("be nice")), PeerKind::Classic);
    let reason = serde_json::to_vec(&json!({ "error": UNSIGNED_REASON })).unwrap();
    let actions = seller.drain();
    assert_eq!(actions[2], send("dazaar/invalid", &reason));
    assert_eq!(
        actions[3..],
        [SellerAction::Notify(SellerEvent::Refused { reason: UNSIGNED_REASON.to_owned() })]
    );
    assert_eq!(seller.verdict(0, admit()), []);
    assert_eq!(seller.timeout(60_000), []);
    let discovery_key = feed().discovery_key();
    seller.0.handle_offer(discovery_key).unwrap();
    assert_eq!(seller.drain(), [SellerAction::RefuseOffer { discovery_key }]);
}

#[test]
fn classic_buyers_are_served_when_the_seller_does_not_insist() {
    let serve = SellerConfig { unsigned_terms: UnsignedTerms::Serve, ..config(Some("be nice")) };
    let mut seller = Seller::connected(serve.clone(), PeerKind::Classic);
    assert_eq!(seller.drain()[2..], [SellerAction::Notify(SellerEvent::ServedUnsigned), validate()]);
    let mut seller = Seller::connected(serve, PeerKind::Native);
    assert!(!seller.drain().contains(&validate()), "who can sign must sign");
}

#[test]
fn a_free_feed_has_terms_too() {
    let free =
        SellerConfig { sale: Sale::Free { feed: feed(), members: Vec::new() }, ..config(Some("be nice")) };
    let mut seller = Seller::connected(free, PeerKind::Native);
    assert_eq!(seller.drain().len(), 2);
    let discovery_key = feed().discovery_key();
    seller.0.handle_offer(discovery_key).unwrap();
    assert_eq!(seller.drain(), [SellerAction::RefuseOffer { discovery_key }]);
    seller.extension("dazaar/terms-acceptance", &acceptance("be nice").encode()).unwrap();
    seller.0.handle_acceptance_stored(at(0));
    assert!(seller.drain().contains(&SellerAction::OpenFeed { key: feed() }));
}

#[test]
fn what_the_buyer_says_is_told() {
    let mut seller = Seller::serving();
    let told = |event| Ok(vec![SellerAction::Notify(event)]);
    assert_eq!(
        seller.extension("dazaar/user-message", br#"{"name":"lnd-pay-request","message":{"amount":2000}}"#),
        told(SellerEvent::UserMessage {
            name: "lnd-pay-request".to_owned(),
            message: json!({ "amount": 2000 })
        })
    );
    assert_eq!(
        seller.extension("dazaar/valid", br#"{"a":1}"#),
        told(SellerEvent::BuyerValid { info: json!({ "a": 1 }) })
    );
    assert_eq!(
        seller.extension("dazaar/invalid", NO_PAY),
        told(SellerEvent::BuyerInvalid { reason: "no pay".to_owned() })
    );
    for name in ["dazaar/one-time-feed", "dazaar/seller-id", "dazaar/terms-of-use", "other", ""] {
        assert_eq!(seller.extension(name, b"anything"), Ok(vec![]));
    }
}

/// Attack 4 of section 9: `null` ends the process of the reference.
#[test]
fn json_null_does_nothing() {
    let mut seller = Seller::serving();
    for name in ["dazaar/user-message", "dazaar/valid", "dazaar/invalid"] {
        for payload in [&b"null"[..], b"", b"[]", b"7", b"{\"name\":null}\xff"] {
            assert_eq!(seller.extension(name, payload), Ok(vec![]));
        }
    }
    assert_eq!(seller.timeout(1_000), [validate()]);
}

#[test]
fn user_messages_go_to_the_buyer_as_the_reference_writes_them() {
    let mut seller = Seller::new(config(None));
    assert_eq!(seller.0.send_user_message("pong", &json!(1)), Err(SendError::NotConnected));
    let mut seller = Seller::serving();
    seller.0.send_user_message("pong", &json!({ "n": 1 })).unwrap();
    let message = br#"{"name":"pong","message":{"n":1}}"#;
    assert_eq!(seller.drain(), [send("dazaar/user-message", message)]);
    let long = json!("x".repeat(JSON_BYTES_MAX));
    assert!(matches!(seller.0.send_user_message("a", &long), Err(SendError::TooLong { .. })));
}

#[test]
fn a_flood_ends_the_session_instead_of_filling_memory() {
    let mut seller = Seller::serving();
    let mut flood =
        std::iter::repeat_with(|| seller.0.handle_extension("dazaar/user-message", br#"{"name":"a"}"#));
    assert_eq!(flood.position(|result| result.is_err()), Some(ACTIONS_QUEUED_MAX));
    assert_eq!(
        seller.0.handle_extension("dazaar/valid", b"{}"),
        Err(PeerFault::TooManyMessages { max: ACTIONS_QUEUED_MAX })
    );
    assert_eq!(
        seller.0.send_user_message("a", &json!(1)),
        Err(SendError::QueueFull { max: ACTIONS_QUEUED_MAX })
    );
    seller.drain();
    assert_eq!(seller.0.send_user_message("a", &json!(1)), Ok(()));
}

#[test]
fn reasons_are_cut_to_what_a_human_reads() {
    let mut seller = Seller::connected(config(None), PeerKind::Classic);
    seller.drain();
    let actions = seller.verdict(0, Verdict::Refuse { reason: "\u{20ac}".repeat(100_000) });
    let SellerAction::Send { payload, .. } = &actions[0] else { panic!("invalid comes first") };
    assert!(payload.len() < 2_000);
}

#[test]
fn a_payment_is_looked_at_before_the_interval_is_over() {
    let mut nobody = Seller::new(config(None));
    nobody.0.handle_payment(at(0));
    assert_eq!(nobody.drain(), []);
    let mut seller = Seller::connected(config(None), PeerKind::Classic);
    seller.drain();
    seller.0.handle_payment(at(0));
    assert_eq!(seller.drain(), [], "one question at a time");
    assert!(seller.0.is_outdated());
    assert_eq!(seller.verdict(0, refuse()), [validate()], "it may have been asked before the payment");
    assert!(!seller.0.is_outdated());
    seller.verdict(0, refuse());
    seller.0.handle_payment(at(3));
    assert_eq!(seller.drain(), [validate()]);
    assert_eq!(seller.timeout(1_000), [], "one question at a time");
    assert_eq!(seller.verdict(4, admit()), [SellerAction::PrepareFeed { buyer: buyer_pair().public() }]);
}
