//! What can go wrong with ecash.
//!
//! Grade: plain.

use dazaar::payment::PaymentError;

use crate::demand::RequestFault;
use crate::mint::MintFault;
use crate::offline::CoinFault;
use crate::token::TokenFault;

/// Why something could not be done with ecash.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EcashError {
    /// The wallet cannot be used with these settings.
    #[error("the ecash wallet's settings: {reason}")]
    Settings {
        /// What is wrong with them.
        reason: String,
    },
    /// The mint did not do what it was asked.
    #[error("mint {mint}: {fault}")]
    Mint {
        /// Its address.
        mint: String,
        /// What happened.
        fault: MintFault,
    },
    /// Coins of a mint that is not among the settings'.
    #[error("mint {mint} is not accepted")]
    ForeignMint {
        /// Its address.
        mint: String,
    },
    /// Not a token, or not one that can be taken.
    #[error(transparent)]
    Token(#[from] TokenFault),
    /// A coin that cannot be taken.
    #[error("coin {index} of the token: {fault}")]
    Coin {
        /// Its place in the token.
        index: usize,
        /// What is wrong with it.
        fault: CoinFault,
    },
    /// A coin that paid for something else before.
    #[error("the token has coins that were handed over for another order")]
    Replayed,
    /// Coins that are spent.
    #[error("coins of the token are spent")]
    Spent,
    /// Coins of the wallet that were spent by somebody with the same master key, or by a copy of the file.
    #[error("coins of this wallet were spent elsewhere, and are forgotten now; try again")]
    Stale,
    /// Not a request that can be paid.
    #[error(transparent)]
    Request(#[from] RequestFault),
    /// The same order asks for something else than before.
    #[error("this order was paid already, upon another request")]
    OtherRequest,
    /// Too little money.
    #[error(
        "{needed_sat} sat are needed at one mint that the seller accepts, and the most at one is {most_sat} sat"
    )]
    Short {
        /// Satoshis needed, the mint's fee included.
        needed_sat: u64,
        /// The most at one mint.
        most_sat: u64,
    },
    /// An amount out of bounds.
    #[error("{reason}")]
    Amount {
        /// Which bound.
        reason: String,
    },
    /// The file of coins.
    #[error("the file of coins: {0}")]
    Store(#[from] rusqlite::Error),
    /// The file of coins was written by a newer version, or by somebody else.
    #[error("the file of coins is damaged, or of a newer version: {what}")]
    Damaged {
        /// What was found.
        what: &'static str,
    },
    /// The file of coins could not be made.
    #[error("the file of coins: {0}")]
    Io(#[from] std::io::Error),
    /// Another process asks the mint for something, for long.
    #[error("another program uses the wallet; try again when it is done")]
    Busy,
    /// Another process, or another thread, gave up what this one waited for.
    #[error("the mint refused it elsewhere meanwhile; try again")]
    GivenUp,
    /// The program is ending.
    #[error("the program ends")]
    Ending,
}

impl From<EcashError> for PaymentError {
    fn from(error: EcashError) -> Self {
        let reason = error.to_string();
        if error.is_temporary() { Self::unavailable(reason) } else { Self::refused(reason) }
    }
}

impl EcashError {
    /// Whether the same may succeed later.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Mint { fault, .. } => fault.is_temporary(),
            Self::Store(_)
            | Self::Io(_)
            | Self::Ending
            | Self::Busy
            | Self::GivenUp
            | Self::Stale
            | Self::Short { .. } => true,
            _ => false,
        }
    }
}
