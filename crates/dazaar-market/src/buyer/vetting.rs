//! A buyer who looks at the seller before downloading, and keeps looking.
//!
//! Grade: machine. Differs from the reference in one point: it does not stop the download while a question is open,
//! only when the answer is bad. Source: classic protocol, section 7.5, step 5.

use std::time::Duration;

use dazaar_log::IdentityKey;
use serde_json::Value;

use super::{BuyerAction, BuyerEvent};
use crate::extension::{self, Extension};
use crate::session::{Actions, Revalidation, Standing, Verdict};

#[derive(Debug)]
pub(super) struct Vetting {
    seller: IdentityKey,
    standing: Standing,
    revalidation: Revalidation,
}

impl Vetting {
    pub(super) const fn new(seller: IdentityKey, interval: Duration) -> Self {
        Self { seller, standing: Standing::Unknown, revalidation: Revalidation::new(interval) }
    }

    /// The feed is known: asks the first question.
    pub(super) fn begin(&mut self, actions: &mut Actions<BuyerAction>) {
        self.revalidation.ask();
        actions.push(BuyerAction::Validate { seller: self.seller });
    }

    pub(super) fn handle_verdict(
        &mut self,
        now: Duration,
        verdict: Verdict,
        actions: &mut Actions<BuyerAction>,
    ) {
        if !self.revalidation.answer() {
            return;
        }
        match verdict {
            Verdict::Admit { info } => self.admit(info, actions),
            Verdict::Refuse { reason } => self.refuse(&reason, actions),
        }
        self.revalidation.rest(now);
    }

    pub(super) fn handle_timeout(&mut self, now: Duration, actions: &mut Actions<BuyerAction>) {
        if self.revalidation.is_due(now) {
            self.begin(actions);
        }
    }

    pub(super) const fn poll_timeout(&self) -> Option<Duration> {
        self.revalidation.poll_timeout()
    }

    fn admit(&mut self, info: Option<Value>, actions: &mut Actions<BuyerAction>) {
        let changed = self.standing.change_to(Standing::Admitted);
        if changed {
            actions.push(BuyerAction::Download(true));
        }
        if let Some(payload) = info.as_ref().and_then(extension::encode_info) {
            actions.push(send(Extension::Valid, payload));
        }
        if changed {
            actions.push(BuyerAction::Notify(BuyerEvent::SellerAdmitted { info }));
        }
    }

    fn refuse(&mut self, reason: &str, actions: &mut Actions<BuyerAction>) {
        let was_admitted = self.standing == Standing::Admitted;
        if !self.standing.change_to(Standing::Refused) {
            return;
        }
        if was_admitted {
            actions.push(BuyerAction::Download(false));
        }
        let reason = extension::display_text(reason);
        actions.push(send(Extension::Invalid, extension::encode_reason(&reason)));
        actions.push(BuyerAction::Notify(BuyerEvent::SellerRefused { reason }));
    }
}

fn send(extension: Extension, payload: Vec<u8>) -> BuyerAction {
    BuyerAction::Send { name: extension.name(), payload }
}
