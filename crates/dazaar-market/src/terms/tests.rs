use proptest::prelude::*;

use super::*;
use crate::identity_signature::NONCE_BYTES;
use dazaar_log::{IdentityKey, IdentityKeyPair};

const NONCE: [u8; NONCE_BYTES] = [9; NONCE_BYTES];

fn identity(seed: u8) -> IdentityKeyPair {
    IdentityKeyPair::from_seed(&[seed; KEY_BYTES])
}

fn acceptance() -> Acceptance {
    Acceptance::sign(&identity(1), identity(2).public(), TermsHash::of("be nice"), 1_700_000_000_000, &NONCE)
}

fn verify(acceptance: Acceptance) -> Result<Acceptance, AcceptanceError> {
    let verified =
        acceptance.verify(&identity(2).public(), &identity(1).public(), &TermsHash::of("be nice"))?;
    Ok(*verified.acceptance())
}

#[test]
fn the_hash_is_that_of_b2sum() {
    // printf 'be nice' | b2sum -l 256
    let expected = "f5f643db1b9e634bbcacdbc19075ff5d2c2d0c40e87538e5f2d04ac7f3b2ca5c";
    assert_eq!(TermsHash::of("be nice").to_string(), expected);
    assert_eq!(expected.parse(), Ok(TermsHash::of("be nice")));
}

#[test]
fn white_space_around_terms_is_that_of_javascript() {
    for text in [" be nice\r\n", "\u{feff}be nice", "\u{a0}\u{2029}be nice\u{3000}", "\x0b\x0cbe nice\t"] {
        assert_eq!(TermsHash::of(text), TermsHash::of("be nice"), "{text:?}");
    }
    for text in ["\u{85}be nice", "be nice\u{200b}", "be  nice"] {
        assert_ne!(TermsHash::of(text), TermsHash::of("be nice"), "{text:?}");
    }
}

#[test]
fn blank_terms_are_no_terms() {
    for text in ["", " \n\t", "\u{feff}"] {
        assert_eq!(Terms::new(text), Ok(None));
    }
    assert_eq!(Terms::new(" a ").unwrap().unwrap().text(), " a ");
    let long = "x".repeat(TERMS_BYTES_MAX + 1);
    assert_eq!(
        Terms::new(&long),
        Err(TermsError::TooLong { bytes: TERMS_BYTES_MAX + 1, max: TERMS_BYTES_MAX })
    );
}

#[test]
fn an_acceptance_travels_and_verifies() {
    let bytes = acceptance().encode();
    assert_eq!(bytes.len(), 169);
    let received = Acceptance::decode(&bytes).unwrap();
    assert_eq!(received, acceptance());
    assert_eq!(received.accepted_at_ms(), 1_700_000_000_000);
    assert_eq!(verify(received), Ok(received));
}

#[test]
fn an_acceptance_of_something_else_is_refused() {
    let buyer = identity(1);
    let (seller, terms) = (identity(2).public(), TermsHash::of("be nice"));
    let sign = |seller, terms| Acceptance::sign(&buyer, seller, terms, 0, &NONCE);
    let other = IdentityKey([3; KEY_BYTES]);
    assert_eq!(verify(sign(other, terms)), Err(AcceptanceError::OtherSeller));
    assert_eq!(verify(sign(seller, TermsHash::of("be good"))), Err(AcceptanceError::OtherTerms));
    let by_another = Acceptance::sign(&identity(4), seller, terms, 0, &NONCE);
    assert_eq!(verify(by_another), Err(AcceptanceError::OtherBuyer));
}

#[test]
fn bytes_that_are_no_acceptance_are_refused() {
    let bytes = acceptance().encode();
    assert_eq!(Acceptance::decode(&bytes[1..]), Err(AcceptanceError::Length { bytes: 168 }));
    assert_eq!(Acceptance::decode(&[]), Err(AcceptanceError::Length { bytes: 0 }));
    let mut newer = bytes;
    newer[0] = 2;
    assert_eq!(Acceptance::decode(&newer), Err(AcceptanceError::Version { version: 2 }));
}

proptest! {
    #[test]
    fn every_flipped_bit_is_noticed(bit in 0..Acceptance::BYTES * 8) {
        let mut bytes = acceptance().encode();
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(Acceptance::decode(&bytes).and_then(verify).is_err());
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, fixed in proptest::collection::vec(any::<u8>(), Acceptance::BYTES)) {
        let _ = Acceptance::decode(&bytes).and_then(verify);
        let _ = Acceptance::decode(&fixed).and_then(verify);
    }
}
