//! The token without which no trade begins.
//!
//! Grade: plain. A [`TermsAccepted`] exists for exactly three reasons: there are no terms, the buyer's signed
//! acceptance is stored, or the buyer cannot sign and the seller serves such buyers. Each constructor checks its own.

use super::{Terms, VerifiedAcceptance};

/// What the other side's software is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerKind {
    /// Speaks our additions to the protocol: can sign an acceptance.
    Native,
    /// The reference implementation: has no way to accept.
    Classic,
}

/// What a seller with terms does with buyers who cannot sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnsignedTerms {
    /// Serves them: that their own program compares the terms is enough.
    Serve,
    /// Serves only who signs.
    Refuse,
}

/// Proof that terms of use don't stand between a buyer and the feed. Consumed by the trade that it begins.
///
/// Nobody else can make one:
/// ```compile_fail,E0423
/// let forged = dazaar_market::terms::TermsAccepted(());
/// ```
#[derive(Debug)]
pub struct TermsAccepted(());

impl TermsAccepted {
    /// There is nothing to accept.
    pub(crate) const fn not_asked(terms: Option<&Terms>) -> Option<Self> {
        match terms {
            None => Some(Self(())),
            Some(_) => None,
        }
    }

    /// The buyer cannot accept, and the seller does not insist.
    pub(crate) const fn waived(policy: UnsignedTerms, peer: PeerKind) -> Option<Self> {
        match (policy, peer) {
            (UnsignedTerms::Serve, PeerKind::Classic) => Some(Self(())),
            (UnsignedTerms::Serve | UnsignedTerms::Refuse, _) => None,
        }
    }

    /// The buyer accepted. Called by [`VerifiedAcceptance::stored`], which consumes the acceptance.
    pub(super) const fn signed(_acceptance: &VerifiedAcceptance) -> Self {
        Self(())
    }
}
