//! What a buyer session wants done, and what it tells.
//!
//! Grade: plain. Source: classic protocol, section 7.5.

use dazaar_log::{FeedKey, IdentityKey};
use serde_json::Value;

use crate::member::Member;

/// What the driver of a buyer session must do.
#[derive(Debug, Clone, PartialEq)]
pub enum BuyerAction {
    /// Send an extension message on the session. The classic seller does not know `terms-acceptance`: skip it then.
    Send {
        /// Its name.
        name: &'static str,
        /// Its payload.
        payload: Vec<u8>,
    },
    /// Open this feed on the session and replicate it, then call
    /// [`handle_feed_opened`](super::BuyerSession::handle_feed_opened) or
    /// [`handle_feed_refused`](super::BuyerSession::handle_feed_refused). Unless told otherwise it downloads.
    /// Until [`StoreFeed`](Self::StoreFeed) or [`StoreMember`](Self::StoreMember), a key that was not known is unproven: nothing of it may outlive the
    /// session.
    OpenFeed {
        /// Its key.
        key: FeedKey,
    },
    /// Remember this feed as the one that is bought from the seller.
    StoreFeed {
        /// Its key.
        key: FeedKey,
    },
    /// Remember that this feed comes with the one that is bought, or, if the key is that one's, what the data calls it.
    StoreMember(Member),
    /// Start or stop downloading all feeds. Comes only if the seller is vetted: first together with
    /// [`OpenFeed`](Self::OpenFeed), before anything may be asked for.
    Download(bool),
    /// Ask the validator about the seller, then call [`handle_verdict`](super::BuyerSession::handle_verdict).
    Validate {
        /// Who is asked about.
        seller: IdentityKey,
    },
    /// Tell whoever watches.
    Notify(BuyerEvent),
    /// End the session: it can lead nowhere.
    End(EndReason),
}

/// What a buyer may want to know.
#[derive(Debug, Clone, PartialEq)]
pub enum BuyerEvent {
    /// Which run of which selling program this is. Twice the same: one of the connections is superfluous.
    SellerId([u8; 32]),
    /// The seller has terms that the buyer has not accepted.
    TermsRequired {
        /// What to accept; not fit for display.
        text: String,
    },
    /// The feed is open, and the seller has proved to know its key.
    FeedOpened {
        /// Its key.
        key: FeedKey,
    },
    /// A feed that comes with it is open.
    MemberOpened(Member),
    /// The seller offers another feed than the one that is bought from them. The known one stays.
    FeedChanged {
        /// What is bought.
        known: FeedKey,
        /// What the seller sent.
        offered: FeedKey,
    },
    /// The seller does not serve the feed that is bought from them.
    FeedRefused {
        /// Its key.
        key: FeedKey,
    },
    /// The seller serves us.
    Valid {
        /// What the seller says, such as the time that is left.
        info: Value,
    },
    /// The seller does not serve us.
    Invalid {
        /// Why; fit for display, may be empty.
        reason: String,
    },
    /// The validator finds the seller good from now on.
    SellerAdmitted {
        /// What the validator says.
        info: Option<Value>,
    },
    /// The validator does not want this seller from now on.
    SellerRefused {
        /// Why.
        reason: String,
    },
    /// An application message.
    UserMessage {
        /// What it is about; not fit for display.
        name: String,
        /// What it says.
        message: Value,
    },
}

/// Why a buyer leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndReason {
    /// The seller has terms, and the buyer has accepted none.
    #[error("the seller has terms of use, which must be accepted first")]
    TermsMissing,
    /// The seller's terms are not those that the buyer accepted.
    #[error(
        "the seller's terms of use are not those that were accepted; the new ones must be accepted first"
    )]
    TermsChanged,
    /// The seller does not serve the feed that they just offered: its key was damaged on the way. Try again.
    #[error("the seller refuses the feed {key} that they offered")]
    FeedRefused {
        /// Its key.
        key: FeedKey,
    },
}
