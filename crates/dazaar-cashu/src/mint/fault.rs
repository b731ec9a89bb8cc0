//! What can go wrong with a mint, and what of it may pass.
//!
//! Grade: plain. The numbers are those of the Cashu standard's list of errors.

/// Why a mint did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MintFault {
    /// No connection, no answer in time, or a longer one than any mint gives.
    #[error("{reason}")]
    Unreachable {
        /// What happened.
        reason: String,
    },
    /// An answer without the form of a mint's.
    #[error("answered with status {status}")]
    Status {
        /// Of HTTP.
        status: u16,
    },
    /// It answers, but not with what it was asked for.
    #[error("does not answer as mints do: {what} is wrong")]
    Answer {
        /// What is wrong.
        what: &'static str,
    },
    /// It says no.
    #[error("refuses: {detail} (code {code})")]
    Refused {
        /// The standard's number for the reason.
        code: u64,
        /// The reason in the mint's words.
        detail: String,
    },
    /// It lacks something that this wallet needs.
    #[error("cannot do what is needed here: {missing}")]
    Lacks {
        /// What.
        missing: String,
    },
    /// It has not decided yet.
    #[error("has not decided yet: the coins are on their way")]
    Pending,
    /// It signed the same for something else.
    #[error("issued these coins before: the file of coins is an old copy, restore the wallet")]
    Reused,
}

/// The standard's numbers of what may be different next time: coins or quotes that are on their way, keysets that were retired, an
/// invoice that is not paid yet, or could not be, and what a mint does not explain.
const TEMPORARY: [u64; 9] = [11_002, 11_004, 12_001, 12_002, 12_003, 20_001, 20_004, 20_005, 50_000];

impl MintFault {
    /// Whether the mint does not know, or does not use, a keyset any more.
    pub(crate) const fn is_about_keys(&self) -> bool {
        matches!(self, Self::Refused { code: 12_001..=12_003, .. })
    }

    /// Whether the same may succeed later.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Refused { code, .. } => TEMPORARY.contains(code),
            Self::Lacks { .. } => false,
            _ => true,
        }
    }
}
