use proptest::prelude::*;
use snow::params::CipherChoice;
use snow::resolvers::{CryptoResolver as _, DefaultResolver};

use super::*;

const KEY: [u8; 32] = [0xaa; 32];
const NONCE: [u8; NONCE_BYTES] = [0x11; NONCE_BYTES];

fn seal(sealer: &mut Sealer, text: &[u8]) -> Vec<u8> {
    let mut buffer = [b"before", text].concat();
    sealer.seal(&mut buffer, 6);
    assert_eq!(buffer[..6], *b"before");
    buffer.split_off(6)
}

fn open(opener: &mut Opener, bytes: &[u8], chunk: usize) -> Result<Vec<u8>, PeerFault> {
    let (mut buffer, mut clear) = (BytesMut::new(), 0);
    for piece in bytes.chunks(chunk) {
        opener.open(piece, &mut buffer, &mut clear)?;
    }
    Ok(buffer[..clear].to_vec())
}

/// A text that takes three records.
fn long_text() -> Vec<u8> {
    (0..2 * RECORD_TEXT_MAX + 100).map(|at| (at % 251) as u8).collect()
}

/// Cuts sealed bytes into their records.
fn records(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut records = Vec::new();
    while let [high, low, ..] = *bytes {
        let (record, rest) = bytes.split_at(2 + usize::from(u16::from_be_bytes([high, low])));
        records.push(record);
        bytes = rest;
    }
    records
}

#[test]
fn the_classic_keystream_agrees_with_the_vector() {
    let stream = "7db6ebc9580db2d983880b9c47bf777fd83b3c638074935e136609c5399ce3b7\
                  1bcfe91fbc19f44fba98fceb96230fdbae3b445419721661b7e2c1f61b11569e";
    assert_eq!(hex::encode(seal(&mut Sealer::classic(&KEY, &NONCE), &[0; 64])), stream);
}

#[test]
fn records_are_noise_transport_messages() {
    let text = long_text();
    let mut noise = DefaultResolver.resolve_cipher(&CipherChoice::ChaChaPoly).unwrap();
    noise.set(&KEY);
    let mut expected = Vec::new();
    for (nonce, piece) in text.chunks(RECORD_TEXT_MAX).enumerate() {
        let mut message = vec![0; piece.len() + TAG_BYTES];
        let length = noise.encrypt(nonce as u64, &[], piece, &mut message);
        expected.extend_from_slice(&(length as u16).to_be_bytes());
        expected.extend_from_slice(&message);
    }
    assert_eq!(seal(&mut Sealer::authenticated(&KEY), &text), expected);
}

#[test]
fn every_length_around_a_record_comes_back() {
    let text = long_text();
    for length in [1, RECORD_TEXT_MAX - 1, RECORD_TEXT_MAX, RECORD_TEXT_MAX + 1, text.len()] {
        let sealed = seal(&mut Sealer::authenticated(&KEY), &text[..length]);
        let opened = open(&mut Opener::authenticated(&KEY), &sealed, 1000).unwrap();
        assert!(opened == text[..length], "length {length}");
    }
}

#[test]
fn records_that_are_reordered_repeated_or_left_out_are_refused() {
    let sealed = seal(&mut Sealer::authenticated(&KEY), &long_text());
    let [a, b, c] = records(&sealed)[..] else { panic!("three records") };
    for (order, record) in [([b, a, c], 0), ([a, c, b], 1), ([a, a, b], 1), ([a, b, b], 2)] {
        let result = open(&mut Opener::authenticated(&KEY), &order.concat(), usize::MAX);
        assert_eq!(result, Err(PeerFault::Tampered { record }));
    }
}

#[test]
fn a_record_shorter_than_its_tag_is_refused() {
    for length in 0..TAG_BYTES {
        let mut bytes = (length as u16).to_be_bytes().to_vec();
        bytes.extend_from_slice(&[0; 20]);
        let result = open(&mut Opener::authenticated(&KEY), &bytes, usize::MAX);
        assert_eq!(result, Err(PeerFault::Tampered { record: 0 }));
    }
}

proptest! {
    #[test]
    fn texts_come_back_however_they_are_cut(
        texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..500), 0..20),
        chunk in 1..300usize,
        authenticated: bool,
    ) {
        let (mut sealer, mut opener) = if authenticated {
            (Sealer::authenticated(&KEY), Opener::authenticated(&KEY))
        } else {
            (Sealer::classic(&KEY, &NONCE), Opener::classic(&KEY, &NONCE))
        };
        let mut sealed = Vec::new();
        for text in &texts {
            sealed.extend(seal(&mut sealer, text));
        }
        prop_assert_eq!(open(&mut opener, &sealed, chunk)?, texts.concat());
    }

    #[test]
    fn a_flipped_bit_never_gets_through(text in prop::collection::vec(any::<u8>(), 1..500), at: prop::sample::Index, bit in 0..8u8) {
        let mut sealed = seal(&mut Sealer::authenticated(&KEY), &text);
        let at = at.index(sealed.len());
        sealed[at] ^= 1u8 << bit;
        // A length that became larger waits for bytes that do not come; everything else is noticed.
        let opened = open(&mut Opener::authenticated(&KEY), &sealed, usize::MAX).unwrap_or_default();
        prop_assert!(opened.is_empty());
    }
}
