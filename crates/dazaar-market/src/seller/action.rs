//! What a seller session wants done, and what it tells.
//!
//! Grade: plain. Source: classic protocol, section 7.4.

use dazaar_log::{DiscoveryKey, FeedKey, IdentityKey};
use serde_json::Value;

use crate::terms::Acceptance;

/// What the driver of a seller session must do.
#[derive(Debug, Clone, PartialEq)]
pub enum SellerAction {
    /// Send an extension message on the session.
    Send {
        /// Its name.
        name: &'static str,
        /// Its payload.
        payload: Vec<u8>,
    },
    /// Ask the validator about `buyer`, then call [`handle_verdict`](super::SellerSession::handle_verdict).
    Validate {
        /// Who is asked about.
        buyer: IdentityKey,
    },
    /// Store this for good, then call [`handle_acceptance_stored`](super::SellerSession::handle_acceptance_stored).
    StoreAcceptance(Acceptance),
    /// Load or derive and store the feed of `buyer`, and those that come with it, then call [`handle_feed`](super::SellerSession::handle_feed).
    PrepareFeed {
        /// Whose feed.
        buyer: IdentityKey,
    },
    /// Open this feed on the session. May come again after the other side closed it.
    OpenFeed {
        /// Its key.
        key: FeedKey,
    },
    /// Start or stop uploading on all of the opened feeds. A feed that is not told otherwise does not upload.
    Upload(bool),
    /// Refuse the channel that the other side offers.
    RefuseOffer {
        /// Its discovery key.
        discovery_key: DiscoveryKey,
    },
    /// Tell whoever watches.
    Notify(SellerEvent),
}

/// What a seller may want to know.
#[derive(Debug, Clone, PartialEq)]
pub enum SellerEvent {
    /// The buyer is served from now on.
    Admitted {
        /// What the validator says about them.
        info: Option<Value>,
    },
    /// The buyer is not served from now on.
    Refused {
        /// Why.
        reason: String,
    },
    /// There are terms, and this buyer is served although their software cannot accept them.
    ServedUnsigned,
    /// The buyer finds this seller good.
    BuyerValid {
        /// What the buyer says.
        info: Value,
    },
    /// The buyer does not want to download from this seller.
    BuyerInvalid {
        /// Why; fit for display, may be empty.
        reason: String,
    },
    /// An application message. It may come before the terms are accepted.
    UserMessage {
        /// What it is about; not fit for display.
        name: String,
        /// What it says.
        message: Value,
    },
}
