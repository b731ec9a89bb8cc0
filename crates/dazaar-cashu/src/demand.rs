//! Payment requests: what a seller asks for, as text that any wallet reads.
//!
//! Grade: plain. Source: NUT-18, without a transport, because the token comes back over the session. A lock time is not asked for: a
//! wallet that copies one from the request names no key for refunds along with it, and then the coin is anybody's at the end.

use cashu::nuts::nut18::Nut10SecretRequest;
use cashu::{Amount, CurrencyUnit, Kind, MintUrl, PaymentRequest, PublicKey};

use crate::limits::{MINTS_MAX, REQUEST_BYTES_MAX, SAT_MAX};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Satoshis that must be left once the coins are redeemed.
    pub sat: u64,
    /// The mints whose coins the seller takes, the preferred one first.
    pub mints: Vec<MintUrl>,
    /// The key that the coins must be locked to.
    pub lock: PublicKey,
}

/// The request's text.
pub(crate) fn write_request(asked: &Asked, order: &[u8]) -> String {
    let lock = Nut10SecretRequest::new(Kind::P2PK, asked.lock.to_hex(), None::<Vec<Vec<String>>>);
    PaymentRequest::builder()
        .payment_id(hex::encode(order))
        .amount(Amount::from(asked.sat))
        .unit(CurrencyUnit::Sat)
        .single_use(true)
        .mints(asked.mints.clone())
        .nut10(lock)
        .build()
        .to_string()
}

/// Reads a request, which may be anybody's.
///
/// # Errors
/// [`RequestFault`]: of a request that asks for more than we understand nothing is paid.
pub fn read_request(text: &str) -> Result<Asked, RequestFault> {
    let text = text.trim();
    if text.len() > REQUEST_BYTES_MAX {
        return Err(RequestFault::TooLong { bytes: text.len(), max: REQUEST_BYTES_MAX });
    }
    let request: PaymentRequest = text.parse().map_err(|_| RequestFault::Form)?;
    if request.unit != Some(CurrencyUnit::Sat) {
        return Err(RequestFault::Unit);
    }
    let sat = request.amount.map_or(0, u64::from);
    if sat == 0 || sat > SAT_MAX {
        return Err(RequestFault::Amount);
    }
    if request.mints.is_empty() || request.mints.len() > MINTS_MAX {
        return Err(RequestFault::Mints { max: MINTS_MAX });
    }
    if !request.transports.is_empty() {
        return Err(RequestFault::Transport);
    }
    let lock = request.nut10.ok_or(RequestFault::Lock)?;
    if lock.kind != Kind::P2PK || lock.tags.is_some_and(|tags| !tags.is_empty()) {
        return Err(RequestFault::Lock);
    }
    let lock = PublicKey::from_hex(lock.data).map_err(|_| RequestFault::Lock)?;
    Ok(Asked { sat, mints: request.mints, lock })
}

/// Why a request is not paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestFault {
    /// Longer than requests may be.
    #[error("a payment request of {bytes} bytes; at most {max} are read")]
    TooLong {
        /// Its bytes.
        bytes: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// Not of the form.
    #[error("not a Cashu payment request")]
    Form,
    /// Coins of something else.
    #[error("the request does not ask for satoshis")]
    Unit,
    /// Nothing, or too much.
    #[error("the request asks for nothing, or for more than there is")]
    Amount,
    /// Another amount than the bill's.
    #[error("the request asks for {asked_sat} sat, and the bill is over {billed_sat} sat")]
    OtherAmount {
        /// Satoshis in the request.
        asked_sat: u64,
        /// Satoshis in the bill, rounded up.
        billed_sat: u64,
    },
    /// No mint, or too many.
    #[error("the request must name between 1 and {max} mints")]
    Mints {
        /// Mints allowed.
        max: usize,
    },
    /// The seller takes coins of other mints only.
    #[error("the seller takes no coins of the mints where this wallet has money")]
    NoCommonMint,
    /// The coins are to be sent somewhere.
    #[error("the request wants the coins sent somewhere else than to the seller")]
    Transport,
    /// Not locked to one key, or with more conditions.
    #[error("the request must want coins locked to one key, and no more")]
    Lock,
    /// A card that names somebody: nothing in a request could be compared with it.
    #[error("the card names whom to pay in ecash, which cannot be checked")]
    Payee,
}

#[cfg(test)]
mod tests {
    use cashu::SecretKey;

    use super::*;

    fn asked() -> Asked {
        let lock = SecretKey::from_slice(&[7; 32]).unwrap().public_key();
        Asked { sat: 21, mints: vec!["https://mint.example".parse().unwrap()], lock }
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(read_request(&write_request(&asked(), &[1; 16])), Ok(asked()));
    }

    #[test]
    fn is_what_other_wallets_read() {
        let request: PaymentRequest = write_request(&asked(), &[1; 16]).parse().unwrap();
        assert_eq!(request.payment_id, Some("01".repeat(16)));
        assert_eq!(request.single_use, Some(true));
    }

    #[test]
    fn names_what_cannot_be_paid() {
        let request: PaymentRequest = write_request(&asked(), &[1; 16]).parse().unwrap();
        let wrong = |change: fn(&mut PaymentRequest)| {
            let mut request = request.clone();
            change(&mut request);
            read_request(&request.to_string()).unwrap_err()
        };
        assert_eq!(wrong(|request| request.unit = Some(CurrencyUnit::Usd)), RequestFault::Unit);
        assert_eq!(wrong(|request| request.unit = None), RequestFault::Unit);
        assert_eq!(wrong(|request| request.amount = None), RequestFault::Amount);
        assert_eq!(wrong(|request| request.amount = Some(u64::MAX.into())), RequestFault::Amount);
        assert_eq!(wrong(|request| request.mints.clear()), RequestFault::Mints { max: MINTS_MAX });
        assert_eq!(wrong(|request| request.nut10 = None), RequestFault::Lock);
        let tagged = |request: &mut PaymentRequest| {
            let tags = vec![vec!["n_sigs".to_owned(), "2".to_owned()]];
            request.nut10 = Some(Nut10SecretRequest::new(Kind::P2PK, "02", Some(tags)));
        };
        assert_eq!(wrong(tagged), RequestFault::Lock);
        for text in ["", "creqA", "creqAAA", "lnbc1"] {
            assert_eq!(read_request(text), Err(RequestFault::Form), "{text}");
        }
    }

    #[test]
    fn a_request_with_an_address_is_not_paid() {
        let mut request: PaymentRequest = write_request(&asked(), &[1; 16]).parse().unwrap();
        request.transports.push(cashu::Transport {
            _type: cashu::TransportType::HttpPost,
            target: "https://elsewhere.example".to_owned(),
            tags: Vec::new(),
        });
        assert_eq!(read_request(&request.to_string()), Err(RequestFault::Transport));
    }
}
