//! Tokens: coins on their way, as text.
//!
//! Grade: plain. Source: NUT-00, `cashuA` and `cashuB`.

use cashu::{CurrencyUnit, Id, KeySetInfo, MintUrl, Proof, Token};

use crate::limits::{COINS_MAX, TOKEN_BYTES_MAX};

/// Reads a token of satoshis of one mint, which may be anybody's: nothing is known of its coins yet.
///
/// # Errors
/// [`TokenFault`].
pub fn read_token(text: &str) -> Result<Token, TokenFault> {
    let text = text.trim();
    if text.len() > TOKEN_BYTES_MAX {
        return Err(TokenFault::TooLong { bytes: text.len(), max: TOKEN_BYTES_MAX });
    }
    let token: Token = text.parse().map_err(|_| TokenFault::Form)?;
    if token.unit().is_some_and(|unit| unit != CurrencyUnit::Sat) {
        return Err(TokenFault::Unit);
    }
    token.mint_url().map_err(|_| TokenFault::SeveralMints)?;
    let coins = token.token_secrets().len();
    if coins == 0 || coins > COINS_MAX {
        return Err(TokenFault::Coins { coins, max: COINS_MAX });
    }
    // Adds up without overflow, and no coin is there twice.
    token.value().map_err(|_| TokenFault::Value)?;
    Ok(token)
}

/// The coins of a token, for which the mint's keysets must be known.
///
/// # Errors
/// [`TokenFault::UnknownKeyset`].
pub(crate) fn coins(token: &Token, known: &[Id]) -> Result<Vec<Proof>, TokenFault> {
    let info =
        |&id| KeySetInfo { id, unit: CurrencyUnit::Sat, active: true, input_fee_ppk: 0, final_expiry: None };
    let known_infos: Vec<_> = known.iter().map(info).collect();
    let coins = token.proofs(&known_infos).map_err(|_| TokenFault::UnknownKeyset)?;
    if coins.iter().any(|coin| !known.contains(&coin.keyset_id)) {
        return Err(TokenFault::UnknownKeyset);
    }
    Ok(coins)
}

/// Coins as a token's text.
pub(crate) fn write_token(mint: &MintUrl, coins: Vec<Proof>) -> String {
    Token::new(mint.clone(), coins, None, CurrencyUnit::Sat).to_string()
}

/// Why a text is no token that can be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenFault {
    /// Longer than tokens may be.
    #[error("a token of {bytes} bytes; at most {max} are read")]
    TooLong {
        /// Its bytes.
        bytes: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// Not of the form.
    #[error("not a Cashu token")]
    Form,
    /// Coins of something else.
    #[error("the token's coins are not satoshis")]
    Unit,
    /// Coins of more than one mint.
    #[error("the token has coins of more than one mint")]
    SeveralMints,
    /// No coins, or too many.
    #[error("the token has {coins} coins; between 1 and {max} are taken at once")]
    Coins {
        /// Its coins.
        coins: usize,
        /// Coins allowed.
        max: usize,
    },
    /// A sum out of bounds, or the same coin twice.
    #[error("the token has a coin twice, or adds up to more than there is")]
    Value,
    /// Keys that the mint does not have.
    #[error("the token has coins with keys that the mint does not have")]
    UnknownKeyset,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_is_no_token() {
        for text in ["", "cashuB", "cashuBgg", "cashuC", "lnbc1", "cashuAe30"] {
            assert_eq!(read_token(text), Err(TokenFault::Form), "{text}");
        }
        let long = format!("cashuB{}", "A".repeat(TOKEN_BYTES_MAX));
        assert!(matches!(read_token(&long), Err(TokenFault::TooLong { .. })));
    }
}
