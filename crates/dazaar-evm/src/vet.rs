//! What must be true of a demand before it is signed, and of a payment before gas is spent on it.
//!
//! Grade: plain.

use alloy_primitives::{Address, Signature, U256};

use crate::authorisation::SignatureFault;
use crate::limits::{WINDOW_MARGIN_SECONDS, WINDOW_SECONDS_MAX};
use crate::token::Token;
use crate::x402::{MessageFault, Payment, Requirements};

/// What both sides know of a payment by themselves.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// On which chain.
    pub chain: u64,
    /// In which token.
    pub token: &'a Token,
    /// How much, as the chain counts.
    pub amount: U256,
    /// To whom, if it is known.
    pub pay_to: Option<Address>,
}

/// Reads a seller's demand, and refuses one for anything but exactly what is expected. `payer` is who would pay.
///
/// # Errors
/// [`DemandFault`].
pub fn demand(text: &str, expected: &Expected<'_>, payer: Address) -> Result<Requirements, DemandFault> {
    let demand = Requirements::parse(text)?;
    let Expected { chain, token, amount, pay_to } = *expected;
    if !demand.is_on(chain) {
        return Err(DemandFault::Chain { chain });
    }
    if demand.asset != token.contract {
        return Err(DemandFault::Token { asked: demand.asset, agreed: token.contract });
    }
    if demand.amount != amount {
        return Err(DemandFault::Amount { asked: demand.amount, agreed: amount });
    }
    if pay_to.is_some_and(|address| address != demand.pay_to) {
        return Err(DemandFault::Recipient { asked: demand.pay_to });
    }
    if [Address::ZERO, token.contract, payer].contains(&demand.pay_to) {
        return Err(DemandFault::Nobody { asked: demand.pay_to });
    }
    if (&demand.extra.name, &demand.extra.version) != (&token.name, &token.version) {
        return Err(DemandFault::Domain);
    }
    if !(1..=WINDOW_SECONDS_MAX).contains(&demand.max_timeout_seconds) {
        return Err(DemandFault::Window { asked: demand.max_timeout_seconds, max: WINDOW_SECONDS_MAX });
    }
    Ok(demand)
}

/// Refuses a buyer's payment that would not pay what is expected at `now`, seconds since 1970 by the chain's clock.
///
/// # Errors
/// [`PaymentFault`].
pub fn payment(payment: &Payment, expected: &Expected<'_>, now: u64) -> Result<Signature, PaymentFault> {
    let Expected { chain, token, amount, pay_to } = *expected;
    let (accepted, authorisation) = (&payment.accepted, &payment.payload.authorization);
    if !accepted.is_on(chain) || accepted.asset != token.contract {
        return Err(PaymentFault::Token);
    }
    if pay_to.is_some_and(|address| address != authorisation.to) {
        return Err(PaymentFault::Recipient { to: authorisation.to });
    }
    if authorisation.value < amount {
        return Err(PaymentFault::TooLittle { value: authorisation.value, amount });
    }
    if authorisation.valid_after >= U256::from(now) {
        return Err(PaymentFault::TooEarly);
    }
    if authorisation.valid_before <= U256::from(now.saturating_add(WINDOW_MARGIN_SECONDS)) {
        return Err(PaymentFault::TooLate { margin: WINDOW_MARGIN_SECONDS });
    }
    Ok(payment.payload.verify(token, chain)?)
}

/// Reads an address as people write it.
pub fn address(text: &str) -> Option<Address> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let mut bytes = [0; 20];
    hex::decode_to_slice(digits, &mut bytes).ok().map(|()| bytes.into())
}

/// Why a demand is not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DemandFault {
    /// Not understood.
    #[error("the seller's demand is {0}")]
    Message(#[from] MessageFault),
    /// Another chain.
    #[error("the seller wants to be paid on another chain than {chain}")]
    Chain {
        /// The agreed chain.
        chain: u64,
    },
    /// Another token.
    #[error("the seller wants to be paid in token {asked}, not {agreed}")]
    Token {
        /// The token asked for.
        asked: Address,
        /// The price's token.
        agreed: Address,
    },
    /// Another amount.
    #[error("the seller wants {asked} of the token, not {agreed}")]
    Amount {
        /// As the chain counts.
        asked: U256,
        /// As the chain counts.
        agreed: U256,
    },
    /// Another recipient.
    #[error("the seller wants {asked} to be paid, not whom the card names")]
    Recipient {
        /// The recipient asked for.
        asked: Address,
    },
    /// Money would be lost, or not move.
    #[error("nobody is paid at {asked}")]
    Nobody {
        /// The recipient asked for.
        asked: Address,
    },
    /// What is signed with it differs.
    #[error(
        "the token has another name or version here than at the seller's: nobody could submit the signature"
    )]
    Domain,
    /// No time at all, or too much.
    #[error("the seller asks for {asked} s to be signed, 1 to {max} s are")]
    Window {
        /// Seconds asked for.
        asked: u64,
        /// Seconds allowed.
        max: u64,
    },
}

/// Why a payment is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PaymentFault {
    /// For another chain or token.
    #[error("the payment is on another chain, or in another token")]
    Token,
    /// To somebody else.
    #[error("the payment is to {to}")]
    Recipient {
        /// To whom.
        to: Address,
    },
    /// Less than was asked.
    #[error("the payment is of {value}, {amount} were asked")]
    TooLittle {
        /// As the chain counts.
        value: U256,
        /// As the chain counts.
        amount: U256,
    },
    /// It becomes valid later.
    #[error("the payment is not valid yet")]
    TooEarly,
    /// It would be invalid before it is in a block.
    #[error("the payment is not valid for another {margin} s")]
    TooLate {
        /// Seconds it must be.
        margin: u64,
    },
    /// Not signed as it must be.
    #[error(transparent)]
    Signature(#[from] SignatureFault),
}
