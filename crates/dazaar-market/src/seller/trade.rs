//! What happens between seller and buyer once terms are settled: questions, verdicts, and one feed.
//!
//! Grade: machine. Uploading is switched on only by an admission, and off before nothing else than the message that
//! says why. Source: classic protocol, section 7.4, steps 3 to 5.

use std::time::Duration;

use dazaar_log::{FeedKey, IdentityKey};
use serde_json::{Value, json};

use super::{PeerKind, Sale, SellerAction, SellerConfig, SellerEvent};
use crate::extension::{self, Extension};
use crate::member::{self, Member};
use crate::session::{Actions, Revalidation, Standing, Verdict};
use crate::terms::TermsAccepted;

#[derive(Debug)]
pub(super) struct Trade {
    buyer: IdentityKey,
    peer: PeerKind,
    sale: Sale,
    delivery: Delivery,
    standing: Standing,
    revalidation: Revalidation,
    /// Something was paid since the question went out.
    is_outdated: bool,
}

/// How far the feed is.
#[derive(Debug)]
enum Delivery {
    Locked,
    /// Admitted for the first time; the driver is asked for the feed.
    Preparing {
        info: Option<Value>,
    },
    Open,
}

impl Trade {
    /// The only way into a trade: terms are settled, and their token is used up. Asks the first question.
    pub(super) fn begin(
        now: Duration,
        _settled: TermsAccepted,
        (buyer, peer): (IdentityKey, PeerKind),
        config: &SellerConfig,
        actions: &mut Actions<SellerAction>,
    ) -> Self {
        let mut trade = Self {
            buyer,
            peer,
            sale: config.sale.clone(),
            delivery: Delivery::Locked,
            standing: Standing::Unknown,
            revalidation: Revalidation::new(config.validate_interval),
            is_outdated: false,
        };
        trade.ask(now, actions);
        trade
    }

    pub(super) fn handle_verdict(
        &mut self,
        now: Duration,
        verdict: Verdict,
        actions: &mut Actions<SellerAction>,
    ) {
        if !self.revalidation.answer() {
            return;
        }
        match (verdict, &self.sale) {
            // The validator may not have known of the payment.
            (Verdict::Refuse { .. }, _) if self.is_outdated => self.ask(now, actions),
            (Verdict::Refuse { reason }, _) => self.refuse(now, &reason, actions),
            (Verdict::Admit { info }, _) if matches!(self.delivery, Delivery::Open) => {
                self.admit(now, info, actions);
            }
            (Verdict::Admit { info }, Sale::Free { feed, members }) => {
                let members: Vec<_> = members.iter().copied().map(Member::free).collect();
                self.deliver(now, (*feed, &members), info, actions);
            }
            (Verdict::Admit { info }, Sale::Unique) => {
                self.delivery = Delivery::Preparing { info };
                actions.push(SellerAction::PrepareFeed { buyer: self.buyer });
            }
        }
    }

    pub(super) fn handle_feed(
        &mut self,
        now: Duration,
        key: FeedKey,
        members: &[Member],
        actions: &mut Actions<SellerAction>,
    ) {
        match std::mem::replace(&mut self.delivery, Delivery::Locked) {
            Delivery::Preparing { info } => self.deliver(now, (key, members), info, actions),
            other => self.delivery = other,
        }
    }

    pub(super) fn handle_members(&mut self, members: &[Member], actions: &mut Actions<SellerAction>) {
        if let Sale::Free { members: known, .. } = &mut self.sale {
            known.extend(members.iter().map(|member| member.feed));
        }
        if matches!(self.delivery, Delivery::Open) {
            self.open_members(None, members, actions);
        }
    }

    /// A question that is out may have been asked before the payment: if the answer is a refusal, it is asked again.
    pub(super) fn handle_payment(&mut self, now: Duration, actions: &mut Actions<SellerAction>) {
        if self.revalidation.is_resting() {
            self.ask(now, actions);
        } else {
            self.is_outdated = true;
        }
    }

    pub(super) const fn is_outdated(&self) -> bool {
        self.is_outdated
    }

    pub(super) fn handle_timeout(&mut self, now: Duration, actions: &mut Actions<SellerAction>) {
        if self.revalidation.is_due(now) {
            self.ask(now, actions);
        }
    }

    pub(super) const fn poll_timeout(&self) -> Option<Duration> {
        self.revalidation.poll_timeout()
    }

    /// A free feed answers its own questions, exactly as the reference does.
    fn ask(&mut self, now: Duration, actions: &mut Actions<SellerAction>) {
        self.revalidation.ask();
        self.is_outdated = false;
        match &self.sale {
            Sale::Unique => actions.push(SellerAction::Validate { buyer: self.buyer }),
            Sale::Free { .. } => {
                let verdict = Verdict::Admit { info: Some(json!({ "free": true })) };
                self.handle_verdict(now, verdict, actions);
            }
        }
    }

    fn deliver(
        &mut self,
        now: Duration,
        (key, members): (FeedKey, &[Member]),
        info: Option<Value>,
        actions: &mut Actions<SellerAction>,
    ) {
        actions.push(send(Extension::OneTimeFeed, key.0.to_vec()));
        self.open_members(Some(key), members, actions);
        self.delivery = Delivery::Open;
        self.admit(now, info, actions);
    }

    /// Names members to the buyer, and opens them; the first feed before them, if that is not open yet.
    fn open_members(&self, first: Option<FeedKey>, members: &[Member], actions: &mut Actions<SellerAction>) {
        // npm dazaar buys one feed; whoever replicates more of what is free asks for it.
        let members = if self.peer == PeerKind::Native { members } else { &[] };
        if !members.is_empty() {
            actions.push(send(Extension::Feeds, member::encode(members)));
        }
        let others = members.iter().map(|member| member.key).filter(|key| Some(*key) != first);
        first.into_iter().chain(others).for_each(|key| actions.push(SellerAction::OpenFeed { key }));
    }

    fn admit(&mut self, now: Duration, info: Option<Value>, actions: &mut Actions<SellerAction>) {
        let changed = self.standing.change_to(Standing::Admitted);
        if changed {
            actions.push(SellerAction::Upload(true));
        }
        if let Some(payload) = info.as_ref().and_then(extension::encode_info) {
            actions.push(send(Extension::Valid, payload));
        }
        if changed {
            actions.push(SellerAction::Notify(SellerEvent::Admitted { info }));
        }
        self.revalidation.rest(now);
    }

    fn refuse(&mut self, now: Duration, reason: &str, actions: &mut Actions<SellerAction>) {
        if self.standing.change_to(Standing::Refused) {
            let reason = extension::display_text(reason);
            actions.push(send(Extension::Invalid, extension::encode_reason(&reason)));
            if matches!(self.delivery, Delivery::Open) {
                actions.push(SellerAction::Upload(false));
            }
            actions.push(SellerAction::Notify(SellerEvent::Refused { reason }));
        }
        self.revalidation.rest(now);
    }
}

fn send(extension: Extension, payload: Vec<u8>) -> SellerAction {
    SellerAction::Send { name: extension.name(), payload }
}
