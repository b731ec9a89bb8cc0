use std::collections::{BTreeMap, BTreeSet};

use dazaar_log::{FeedKeyPair, IdentityKeyPair};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::identity_signature::NONCE_BYTES;
use crate::limits::{JSON_BYTES_MAX, MEMBERS_MAX};
use crate::session::VALIDATE_INTERVAL;

fn seller() -> IdentityKey {
    IdentityKeyPair::from_seed(&[1; 32]).public()
}

fn feed(seed: u8) -> FeedKey {
    FeedKeyPair::from_seed(&[seed; 32]).public()
}

fn acceptance(text: &str) -> Acceptance {
    let buyer = IdentityKeyPair::from_seed(&[2; 32]);
    Acceptance::sign(&buyer, seller(), TermsHash::of(text), 5, &[0; NONCE_BYTES])
}

fn config() -> BuyerConfig {
    BuyerConfig {
        seller: seller(),
        known_feed: None,
        known_members: Vec::new(),
        acceptance: None,
        vet_seller: false,
        validate_interval: VALIDATE_INTERVAL,
    }
}

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn send(name: &'static str, payload: &[u8]) -> BuyerAction {
    BuyerAction::Send { name, payload: payload.to_vec() }
}

fn notify(event: BuyerEvent) -> BuyerAction {
    BuyerAction::Notify(event)
}

fn member(name: u8, key: u8) -> Member {
    Member { feed: feed(name), key: feed(key) }
}

fn feeds(members: &[(u8, u8)]) -> Vec<u8> {
    member::encode(&members.iter().map(|&(name, key)| member(name, key)).collect::<Vec<_>>())
}

fn open(key: FeedKey) -> BuyerAction {
    BuyerAction::OpenFeed { key }
}

/// A session with a driver that does nothing but look at what it should do, and the feed that it should have opened last.
struct Buyer(BuyerSession, Option<FeedKey>);

impl Buyer {
    fn connected(config: BuyerConfig) -> Self {
        let mut session = BuyerSession::new(config);
        session.handle_connected();
        Self(session, None)
    }

    fn drain(&mut self) -> Vec<BuyerAction> {
        let actions: Vec<_> = std::iter::from_fn(|| self.0.poll_action()).collect();
        let opens = actions.iter().rev().find_map(|action| match action {
            BuyerAction::OpenFeed { key } => Some(*key),
            _ => None,
        });
        self.1 = opens.or(self.1);
        actions
    }

    fn extension(&mut self, name: &str, payload: &[u8]) -> Result<Vec<BuyerAction>, PeerFault> {
        self.0.handle_extension(name, payload).map(|()| self.drain())
    }

    fn one_time_feed(&mut self, key: FeedKey) -> Vec<BuyerAction> {
        self.extension("dazaar/one-time-feed", &key.0).unwrap()
    }

    fn feeds(&mut self, members: &[(u8, u8)]) -> Vec<BuyerAction> {
        self.extension("dazaar/feeds", &feeds(members)).unwrap()
    }

    fn opened(&mut self) -> Vec<BuyerAction> {
        self.0.handle_feed_opened(&self.1.unwrap_or_else(|| feed(1)));
        self.drain()
    }

    fn refused(&mut self) -> Vec<BuyerAction> {
        self.0.handle_feed_refused(&self.1.unwrap_or_else(|| feed(1)).discovery_key());
        self.drain()
    }

    fn verdict(&mut self, ms: u64, verdict: Verdict) -> Vec<BuyerAction> {
        self.0.handle_verdict(at(ms), verdict);
        self.drain()
    }

    fn timeout(&mut self, ms: u64) -> Vec<BuyerAction> {
        self.0.handle_timeout(at(ms));
        self.drain()
    }
}

#[test]
fn a_new_feed_is_opened_first_and_stored_then() {
    let mut buyer = Buyer::connected(config());
    let id = [0x10; 32];
    let told = buyer.extension("dazaar/seller-id", &id);
    assert_eq!(told, Ok(vec![notify(BuyerEvent::SellerId(id))]));
    assert_eq!(buyer.one_time_feed(feed(1)), [open(feed(1))]);
    let stored = [BuyerAction::StoreFeed { key: feed(1) }, notify(BuyerEvent::FeedOpened { key: feed(1) })];
    assert_eq!(buyer.opened(), stored);
    assert_eq!(buyer.opened(), []);
    assert_eq!(buyer.one_time_feed(feed(1)), []);
    assert_eq!(buyer.0.poll_timeout(), None);
}

/// Attack 1 of section 9: a bit of the first `one-time-feed` is flipped on the way.
#[test]
fn a_damaged_feed_key_is_never_stored() {
    let mut buyer = Buyer::connected(config());
    assert_eq!(buyer.one_time_feed(feed(9)), [open(feed(9))]);
    assert_eq!(buyer.refused(), [BuyerAction::End(EndReason::FeedRefused { key: feed(9) })]);
    assert_eq!(buyer.opened(), []);
    assert_eq!(buyer.one_time_feed(feed(1)), []);
}

#[test]
fn the_known_feed_wins() {
    let mut buyer = Buyer::connected(BuyerConfig { known_feed: Some(feed(1)), ..config() });
    let changed = notify(BuyerEvent::FeedChanged { known: feed(1), offered: feed(2) });
    assert_eq!(buyer.one_time_feed(feed(2)), [changed, open(feed(1))]);
    assert_eq!(buyer.refused(), [notify(BuyerEvent::FeedRefused { key: feed(1) })]);
    assert_eq!(buyer.opened(), [notify(BuyerEvent::FeedOpened { key: feed(1) })]);

    let mut buyer = Buyer::connected(BuyerConfig { known_feed: Some(feed(1)), ..config() });
    assert_eq!(buyer.one_time_feed(feed(1)), [open(feed(1))]);
}

#[test]
fn the_first_feed_of_a_session_stays() {
    let mut buyer = Buyer::connected(config());
    buyer.one_time_feed(feed(1));
    let changed = [notify(BuyerEvent::FeedChanged { known: feed(1), offered: feed(2) })];
    assert_eq!(buyer.one_time_feed(feed(2)), changed);
    buyer.opened();
    assert_eq!(buyer.one_time_feed(feed(2)), changed);
}

#[test]
fn feed_keys_of_the_wrong_length_end_the_session() {
    for bytes in [0, 31, 33] {
        let mut buyer = Buyer::connected(config());
        let fault = buyer.extension("dazaar/one-time-feed", &vec![0; bytes]);
        assert_eq!(fault, Err(PeerFault::FeedKeyLength { bytes }));
    }
    let mut buyer = Buyer::connected(config());
    assert_eq!(buyer.extension("dazaar/seller-id", &[0; 31]), Ok(vec![]));
}

#[test]
fn accepted_terms_are_signed_once() {
    let signed = acceptance("be nice");
    let mut buyer = Buyer::connected(BuyerConfig { acceptance: Some(signed), ..config() });
    let sent = Ok(vec![send("dazaar/terms-acceptance", &signed.encode())]);
    assert_eq!(buyer.extension("dazaar/terms-of-use", b"be nice\n"), sent);
    assert_eq!(buyer.extension("dazaar/terms-of-use", b"be nice"), Ok(vec![]));
    assert_eq!(buyer.one_time_feed(feed(1)), [open(feed(1))]);
}

#[test]
fn terms_are_settled_by_an_acceptance_or_a_seller_who_asks_for_none() {
    for (accepted, name, payload) in [
        (Some("be nice"), "dazaar/terms-of-use", &b"be nice"[..]),
        (None, "dazaar/valid", b"{}"),
        (None, "dazaar/invalid", br#"{"error":"no"}"#),
        (None, "dazaar/one-time-feed", &feed(3).0),
    ] {
        let mut buyer = Buyer::connected(BuyerConfig { acceptance: accepted.map(acceptance), ..config() });
        buyer.extension("dazaar/seller-id", &[1; 32]).unwrap();
        assert!(!buyer.0.has_settled_terms(), "before {name}");
        buyer.extension(name, payload).unwrap();
        assert!(buyer.0.has_settled_terms(), "after {name}");
    }
    let mut buyer = Buyer::connected(config());
    buyer.extension("dazaar/terms-of-use", b"be nice").unwrap();
    assert!(!buyer.0.has_settled_terms(), "they were not accepted");
}

#[test]
fn terms_that_were_not_accepted_end_the_session() {
    for (accepted, reason) in
        [(None, EndReason::TermsMissing), (Some(acceptance("be good")), EndReason::TermsChanged)]
    {
        let mut buyer = Buyer::connected(BuyerConfig { acceptance: accepted, ..config() });
        let ended =
            vec![notify(BuyerEvent::TermsRequired { text: "be nice".to_owned() }), BuyerAction::End(reason)];
        assert_eq!(buyer.extension("dazaar/terms-of-use", b"be nice"), Ok(ended));
        assert_eq!(buyer.one_time_feed(feed(1)), [], "what was in flight is not looked at");
        assert_eq!(buyer.0.send_user_message("a", &json!(1)), Err(SendError::NotConnected));
    }
}

#[test]
fn accepting_terms_that_a_seller_does_not_have_is_harmless() {
    let mut buyer = Buyer::connected(BuyerConfig { acceptance: Some(acceptance("be nice")), ..config() });
    assert_eq!(buyer.one_time_feed(feed(1)), [open(feed(1))]);
}

#[test]
fn terms_that_are_no_text_or_too_long_end_the_session() {
    let mut buyer = Buyer::connected(config());
    assert_eq!(buyer.extension("dazaar/terms-of-use", b"\xff"), Err(PeerFault::TermsNotUtf8));
    let long = vec![b'x'; TERMS_BYTES_MAX + 1];
    let fault = buyer.extension("dazaar/terms-of-use", &long);
    assert!(matches!(fault, Err(PeerFault::PayloadTooLong { extension: Extension::TermsOfUse, .. })));
}

#[test]
fn what_the_seller_says_is_told() {
    let mut buyer = Buyer::connected(config());
    let told = |event| Ok(vec![notify(event)]);
    assert_eq!(
        buyer.extension("dazaar/valid", br#"{"type":"time","remaining":5}"#),
        told(BuyerEvent::Valid { info: json!({ "type": "time", "remaining": 5 }) })
    );
    assert_eq!(
        buyer.extension("dazaar/invalid", br#"{"error":"no pay"}"#),
        told(BuyerEvent::Invalid { reason: "no pay".to_owned() })
    );
    assert_eq!(
        buyer.extension("dazaar/user-message", br#"{"name":"lnd-invoice"}"#),
        told(BuyerEvent::UserMessage { name: "lnd-invoice".to_owned(), message: json!(null) })
    );
    for name in ["dazaar/terms-acceptance", "other", ""] {
        assert_eq!(buyer.extension(name, b"anything"), Ok(vec![]));
    }
}

/// Attack 4 of section 9: `dazaar/invalid` with `null` ends the process of the reference.
#[test]
fn json_null_does_nothing() {
    let mut buyer = Buyer::connected(config());
    for name in ["dazaar/user-message", "dazaar/valid", "dazaar/invalid"] {
        for payload in [&b"null"[..], b"", b"[]", b"7", b"\xff"] {
            assert_eq!(buyer.extension(name, payload), Ok(vec![]));
        }
    }
    let long = vec![b' '; JSON_BYTES_MAX + 1];
    assert!(matches!(buyer.extension("dazaar/valid", &long), Err(PeerFault::PayloadTooLong { .. })));
}

#[test]
fn a_flood_ends_the_session_instead_of_filling_memory() {
    let mut buyer = Buyer::connected(config());
    let mut flood = std::iter::repeat_with(|| buyer.0.handle_extension("dazaar/valid", b"{}"));
    assert_eq!(flood.position(|result| result.is_err()), Some(ACTIONS_QUEUED_MAX));
    assert_eq!(
        buyer.0.send_user_message("a", &json!(1)),
        Err(SendError::QueueFull { max: ACTIONS_QUEUED_MAX })
    );
}

#[test]
fn user_messages_go_to_the_seller() {
    let mut buyer = Buyer(BuyerSession::new(config()), None);
    assert_eq!(buyer.0.send_user_message("ping", &json!({ "n": 1 })), Err(SendError::NotConnected));
    assert_eq!(buyer.extension("dazaar/valid", b"{}"), Ok(vec![]), "before the handshake");
    buyer.0.handle_connected();
    buyer.0.send_user_message("ping", &json!({ "n": 1 })).unwrap();
    assert_eq!(buyer.drain(), [send("dazaar/user-message", br#"{"name":"ping","message":{"n":1}}"#)]);
}

fn vetting() -> Buyer {
    Buyer::connected(BuyerConfig { vet_seller: true, ..config() })
}

#[test]
fn a_vetted_seller_is_downloaded_from_only_when_good() {
    let mut buyer = vetting();
    let validate = || BuyerAction::Validate { seller: seller() };
    assert_eq!(buyer.one_time_feed(feed(1)), [open(feed(1)), BuyerAction::Download(false), validate()]);
    assert_eq!(buyer.opened().len(), 2);
    let info = Some(json!({ "ok": 1 }));
    let good = [
        BuyerAction::Download(true),
        send("dazaar/valid", br#"{"ok":1}"#),
        notify(BuyerEvent::SellerAdmitted { info: info.clone() }),
    ];
    assert_eq!(buyer.verdict(0, Verdict::Admit { info: info.clone() }), good);
    assert_eq!(buyer.verdict(0, Verdict::Refuse { reason: "?".to_owned() }), [], "nobody asked");
    assert_eq!(buyer.timeout(999), []);
    assert_eq!(buyer.timeout(1_000), [validate()]);
    assert_eq!(buyer.timeout(2_000), [], "one question at a time");
    let bad = [
        BuyerAction::Download(false),
        send("dazaar/invalid", br#"{"error":"bad"}"#),
        notify(BuyerEvent::SellerRefused { reason: "bad".to_owned() }),
    ];
    assert_eq!(buyer.verdict(2_000, Verdict::Refuse { reason: "bad".to_owned() }), bad);
    assert_eq!(buyer.timeout(3_000), [validate()]);
    assert_eq!(buyer.verdict(3_000, Verdict::Refuse { reason: "bad".to_owned() }), []);
    assert_eq!(buyer.timeout(4_000).len(), 1);
    assert_eq!(buyer.verdict(4_000, Verdict::Admit { info }), good);
}

#[test]
fn nothing_happens_after_the_end() {
    let mut buyer = vetting();
    buyer.one_time_feed(feed(1));
    buyer.0.handle_closed();
    assert_eq!(buyer.verdict(0, Verdict::Admit { info: None }), []);
    assert_eq!(buyer.timeout(9_000), []);
    assert_eq!(buyer.opened(), []);
    assert_eq!(buyer.refused(), []);
    buyer.0.handle_connected();
    assert_eq!(buyer.extension("dazaar/valid", b"{}"), Ok(vec![]));
}

#[test]
fn feeds_that_come_with_one_are_opened_and_then_stored() {
    let mut buyer = Buyer::connected(config());
    assert_eq!(buyer.feeds(&[(2, 3)]), [], "nothing is bought yet");
    buyer.one_time_feed(feed(1));
    assert!(!buyer.0.is_opening());
    assert_eq!(buyer.feeds(&[(2, 3), (4, 5)]), [open(feed(3)), open(feed(5))]);
    assert!(buyer.0.is_opening());
    let stored = |member| [BuyerAction::StoreMember(member), notify(BuyerEvent::MemberOpened(member))];
    assert_eq!(buyer.opened(), stored(member(4, 5)));
    buyer.1 = Some(feed(3));
    assert!(buyer.0.is_opening());
    assert_eq!(buyer.opened(), stored(member(2, 3)));
    assert!(!buyer.0.is_opening());
    assert_eq!(buyer.opened(), []);
    buyer.1 = Some(feed(1));
    assert_eq!(buyer.opened().len(), 2);
    assert_eq!(buyer.feeds(&[(2, 3), (4, 5)]), []);
    assert_eq!((buyer.0.member(&feed(3)), buyer.0.member(&feed(1))), (Some(feed(2)), None));
}

#[test]
fn a_known_member_wins_and_a_damaged_one_is_never_stored() {
    let mut buyer = Buyer::connected(BuyerConfig {
        known_feed: Some(feed(1)),
        known_members: vec![member(2, 3)],
        ..config()
    });
    buyer.one_time_feed(feed(1));
    let changed = notify(BuyerEvent::FeedChanged { known: feed(3), offered: feed(9) });
    assert_eq!(buyer.feeds(&[(2, 9), (4, 5)]), [changed, open(feed(3)), open(feed(5))]);
    let refused = [notify(BuyerEvent::FeedRefused { key: feed(5) })];
    assert_eq!(buyer.refused(), refused);
    assert_eq!(buyer.opened(), []);
    assert_eq!(buyer.feeds(&[(4, 6)]), [open(feed(6))], "nothing is known of the one that was refused");
    buyer.1 = Some(feed(3));
    assert_eq!(buyer.opened(), [notify(BuyerEvent::MemberOpened(member(2, 3)))]);
    buyer.1 = Some(feed(6));
    assert_eq!(buyer.refused(), [notify(BuyerEvent::FeedRefused { key: feed(6) })]);
    assert!(!buyer.0.is_opening(), "what was refused is not waited for");
}

#[test]
fn a_feed_has_one_channel_whatever_it_is_called() {
    let mut buyer = Buyer::connected(config());
    buyer.one_time_feed(feed(1));
    assert_eq!(buyer.feeds(&[(2, 1), (3, 4), (5, 4)]), [open(feed(4))]);
}

#[test]
fn the_name_of_the_first_feed_is_stored_once_it_is_open_and_stays() {
    let mut buyer = Buyer::connected(config());
    buyer.one_time_feed(feed(1));
    assert_eq!(buyer.feeds(&[(7, 1), (2, 3), (7, 4)]), [open(feed(3))], "a name is one feed's");
    buyer.1 = Some(feed(1));
    let named = BuyerAction::StoreMember(member(7, 1));
    assert_eq!(buyer.opened()[..2], [BuyerAction::StoreFeed { key: feed(1) }, named.clone()]);
    assert_eq!(buyer.feeds(&[(8, 1)]), [], "the first stays");
    assert_eq!(buyer.0.member(&feed(1)), None, "it is no member");

    // It may come later, and is not stored again.
    let mut late = Buyer::connected(config());
    late.one_time_feed(feed(1));
    late.1 = Some(feed(1));
    late.opened();
    assert_eq!(late.feeds(&[(1, 1)]), [], "that is no other name");
    assert_eq!(late.feeds(&[(7, 1)]), [named]);
    let known = BuyerConfig { known_feed: Some(feed(1)), known_members: vec![member(7, 1)], ..config() };
    let mut again = Buyer::connected(known);
    again.one_time_feed(feed(1));
    again.1 = Some(feed(1));
    assert_eq!(again.feeds(&[(7, 1)]), []);
    assert_eq!(again.opened(), [notify(BuyerEvent::FeedOpened { key: feed(1) })]);
}

#[test]
fn feeds_are_added_while_others_are_open() {
    let mut buyer = Buyer::connected(config());
    buyer.one_time_feed(feed(1));
    buyer.feeds(&[(2, 3)]);
    assert_eq!(buyer.feeds(&[(4, 5)]), [open(feed(5))]);
    buyer.1 = Some(feed(5));
    let stored = [BuyerAction::StoreMember(member(4, 5)), notify(BuyerEvent::MemberOpened(member(4, 5)))];
    assert_eq!(buyer.opened(), stored);
}

#[test]
fn more_feeds_than_are_allowed_end_the_session() {
    let mut buyer = Buyer::connected(config());
    buyer.one_time_feed(feed(200));
    let members: Vec<_> = (0..MEMBERS_MAX as u8).map(|name| (name, name)).collect();
    assert_eq!(buyer.feeds(&members).len(), MEMBERS_MAX);
    let more = buyer.extension("dazaar/feeds", &feeds(&[(100, 100)]));
    assert_eq!(more, Err(PeerFault::TooManyFeeds { max: MEMBERS_MAX }));
}

#[derive(Debug, Clone)]
enum Step {
    Extension(Extension, Vec<u8>),
    OneTimeFeed(u8),
    Feeds(Vec<(u8, u8)>),
    Terms(bool),
    Opened(u8),
    Refused(u8),
    Verdict(bool),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (prop::sample::select(&Extension::ALL[..]), any::<Vec<u8>>())
            .prop_map(|(extension, payload)| Step::Extension(extension, payload)),
        (1..4_u8).prop_map(Step::OneTimeFeed),
        proptest::collection::vec((1..6_u8, 1..6_u8), 0..4).prop_map(Step::Feeds),
        prop::bool::weighted(0.9).prop_map(Step::Terms),
        (1..6_u8).prop_map(Step::Opened),
        (1..6_u8).prop_map(Step::Refused),
        any::<bool>().prop_map(Step::Verdict),
        (0..2_500_u64).prop_map(Step::Wait),
    ]
}

proptest! {
    /// A feed is stored only after it opened, never against a known one, one for each name, and none after the end.
    #[test]
    fn no_order_of_events_stores_an_unproven_feed(
        knows: bool, vet_seller: bool, steps in proptest::collection::vec(step(), 0..50),
    ) {
        let known_feed = knows.then(|| feed(1));
        let known_members = if knows { vec![member(4, 5)] } else { Vec::new() };
        let acceptance = Some(acceptance("be nice"));
        let mut buyer = Buyer::connected(BuyerConfig { known_feed, known_members, vet_seller, acceptance, ..config() });
        let (mut opening, mut opened, mut stored) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        let (mut first, mut ended, mut now) = (None, false, 0);
        for step in steps {
            match step {
                Step::Extension(extension, payload) => {
                    if buyer.0.handle_extension(extension.name(), &payload).is_err() {
                        break;
                    }
                }
                Step::OneTimeFeed(seed) => buyer.0.handle_extension("dazaar/one-time-feed", &feed(seed).0).unwrap(),
                Step::Feeds(members) => buyer.0.handle_extension("dazaar/feeds", &feeds(&members)).unwrap(),
                Step::Terms(right) => {
                    let text: &[u8] = if right { b"be nice" } else { b"be good" };
                    buyer.0.handle_extension("dazaar/terms-of-use", text).unwrap();
                }
                Step::Opened(seed) => {
                    if opening.remove(&feed(seed)) {
                        opened.insert(feed(seed));
                    }
                    buyer.0.handle_feed_opened(&feed(seed));
                }
                Step::Refused(seed) => {
                    opening.remove(&feed(seed));
                    buyer.0.handle_feed_refused(&feed(seed).discovery_key());
                }
                Step::Verdict(true) => buyer.0.handle_verdict(at(now), Verdict::Admit { info: None }),
                Step::Verdict(false) => buyer.0.handle_verdict(at(now), Verdict::Refuse { reason: String::new() }),
                Step::Wait(ms) => {
                    now += ms;
                    buyer.0.handle_timeout(at(now));
                }
            }
            for action in buyer.drain() {
                prop_assert!(!ended, "{action:?} after the end");
                match action {
                    BuyerAction::OpenFeed { key } => {
                        prop_assert!(!opened.contains(&key) && opening.insert(key), "opened twice");
                        prop_assert!(known_feed.is_none_or(|known| first.is_some() || known == key));
                        first.get_or_insert(key);
                    }
                    BuyerAction::StoreFeed { key } => {
                        prop_assert!(opened.contains(&key) && first == Some(key) && !knows);
                    }
                    BuyerAction::StoreMember(member) => {
                        // A known first feed was proved before.
                        prop_assert!(opened.contains(&member.key) || known_feed == Some(member.key));
                        prop_assert!(!knows || member.feed != feed(4));
                        prop_assert_eq!(stored.insert(member.feed, member.key), None);
                    }
                    BuyerAction::Download(_) | BuyerAction::Validate { .. } => prop_assert!(vet_seller),
                    BuyerAction::End(_) => ended = true,
                    BuyerAction::Send { .. } | BuyerAction::Notify(_) => {}
                }
            }
        }
    }
}
