//! A driver and a buyer that do anything in any order, and what holds all the same.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Connect(PeerKind, Option<bool>),
    Extension(String, Vec<u8>),
    Accept(bool),
    AcceptanceStored,
    Verdict(bool),
    Feed,
    Offer(bool),
    Wait(u64),
    Send,
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    let peer = prop_oneof![Just(PeerKind::Native), Just(PeerKind::Classic)];
    prop_oneof![
        3 => (peer, any::<Option<bool>>()).prop_map(|(peer, stored)| Step::Connect(peer, stored)),
        2 => (any_name(), any::<Vec<u8>>()).prop_map(|(name, payload)| Step::Extension(name, payload)),
        2 => (any_name(), "[\\[{\"a-e:, 0-9}\\]]{0,20}").prop_map(|(name, text)| Step::Extension(name, text.into_bytes())),
        3 => prop::bool::weighted(0.8).prop_map(Step::Accept),
        3 => Just(Step::AcceptanceStored),
        6 => any::<bool>().prop_map(Step::Verdict),
        4 => Just(Step::Feed),
        1 => any::<bool>().prop_map(Step::Offer),
        4 => (0..2_500_u64).prop_map(Step::Wait),
        1 => Just(Step::Send),
        1 => prop::bool::weighted(0.1).prop_map(|close| if close { Step::Close } else { Step::Send }),
    ]
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(&Extension::ALL[..]).prop_map(|extension| extension.name().to_owned()),
        1 => ".{0,12}",
    ]
}

/// Watches the actions of a session, and what the driver told it before.
#[derive(Default)]
struct Watcher {
    connected: bool,
    may_serve_unsigned: bool,
    stored_on_connect: bool,
    to_be_stored: bool,
    accepted: bool,
    asked: bool,
    has_admitted: bool,
    preparing: bool,
    one_time_feeds: usize,
    uploading: bool,
    last_sent: &'static str,
}

impl Watcher {
    fn watch(&mut self, config: &SellerConfig, action: &SellerAction) {
        let is_free = config.sale != Sale::Unique;
        let settled =
            config.terms.is_none() || self.accepted || self.stored_on_connect || self.may_serve_unsigned;
        match action {
            SellerAction::Validate { .. } => {
                assert!(self.connected && settled && !self.asked && !self.preparing && !is_free);
                self.asked = true;
            }
            SellerAction::PrepareFeed { .. } => {
                assert!(settled && self.has_admitted && !self.preparing && self.one_time_feeds == 0);
                self.preparing = true;
            }
            SellerAction::OpenFeed { .. } => {
                assert!(settled && (self.has_admitted || is_free) && self.one_time_feeds == 1);
            }
            SellerAction::Upload(true) => {
                assert!(
                    settled && (self.has_admitted || is_free) && self.one_time_feeds == 1 && !self.uploading
                );
                self.uploading = true;
            }
            SellerAction::Upload(false) => {
                assert!(self.uploading && self.last_sent == "dazaar/invalid");
                self.uploading = false;
            }
            SellerAction::Send { name, .. } => {
                assert!(self.connected);
                self.last_sent = name;
                if *name == "dazaar/one-time-feed" {
                    assert!(settled && (self.has_admitted || is_free));
                    self.one_time_feeds += 1;
                    assert_eq!(self.one_time_feeds, 1);
                }
            }
            SellerAction::StoreAcceptance(acceptance) => {
                assert_eq!(acceptance.terms(), config.terms.as_ref().unwrap().hash());
                self.to_be_stored = true;
            }
            SellerAction::RefuseOffer { .. } | SellerAction::Notify(_) => {}
        }
    }
}

fn terms_text(right: bool) -> &'static str {
    if right { "be nice" } else { "be good" }
}

/// Carries out one step; false if the session is over.
fn take(
    seller: &mut Seller,
    watcher: &mut Watcher,
    config: &SellerConfig,
    step: Step,
    now: &mut u64,
) -> bool {
    match step {
        Step::Connect(peer, stored) => {
            if !watcher.connected {
                watcher.connected = true;
                watcher.stored_on_connect = stored == Some(true);
                watcher.may_serve_unsigned =
                    peer == PeerKind::Classic && config.unsigned_terms == UnsignedTerms::Serve;
            }
            let stored = stored.map(|right| acceptance(terms_text(right)));
            seller.0.handle_connected(at(*now), buyer_pair().public(), peer, stored);
        }
        Step::Extension(name, payload) => return seller.0.handle_extension(&name, &payload).is_ok(),
        Step::Accept(right) => {
            let payload = acceptance(terms_text(right)).encode();
            return seller.0.handle_extension("dazaar/terms-acceptance", &payload).is_ok();
        }
        Step::AcceptanceStored => {
            watcher.accepted |= watcher.to_be_stored;
            seller.0.handle_acceptance_stored(at(*now));
        }
        Step::Verdict(good) => {
            watcher.has_admitted |= good && watcher.asked;
            watcher.asked = false;
            seller.0.handle_verdict(at(*now), if good { admit() } else { refuse() });
        }
        Step::Feed => {
            watcher.preparing = false;
            seller.0.handle_feed(at(*now), feed(), &[]);
        }
        Step::Offer(right) => {
            let offered = if right { feed() } else { FeedKey([7; 32]) };
            seller.0.handle_offer(offered.discovery_key()).unwrap();
        }
        Step::Wait(ms) => {
            *now += ms;
            seller.0.handle_timeout(at(*now));
        }
        Step::Send => {
            let _ = seller.0.send_user_message("a", &json!(1));
        }
        Step::Close => {
            seller.0.handle_closed();
            watcher.connected = false;
        }
    }
    true
}

proptest! {
    #[test]
    fn no_order_of_events_opens_a_feed_too_early(
        has_terms: bool, insists: bool, is_free: bool, steps in proptest::collection::vec(step(), 0..60),
    ) {
        let config = SellerConfig {
            unsigned_terms: if insists { UnsignedTerms::Refuse } else { UnsignedTerms::Serve },
            sale: if is_free { Sale::Free { feed: feed(), members: Vec::new() } } else { Sale::Unique },
            ..config(has_terms.then_some("be nice"))
        };
        let (mut seller, mut watcher, mut now) = (Seller::new(config.clone()), Watcher::default(), 0);
        for step in steps {
            let is_close = matches!(step, Step::Close);
            let goes_on = take(&mut seller, &mut watcher, &config, step, &mut now);
            for action in seller.drain() {
                watcher.watch(&config, &action);
            }
            prop_assert!(seller.0.poll_timeout().is_none_or(|until| until <= at(now) + VALIDATE_INTERVAL));
            if !goes_on || is_close {
                break;
            }
        }
    }
}
