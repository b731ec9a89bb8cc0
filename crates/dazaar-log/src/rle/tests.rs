use proptest::prelude::*;

use super::*;

#[test]
fn known_bytes() {
    let cases: [(Vec<u8>, &str); 8] = [
        (vec![0xf8], "02f8"),
        (vec![0xff; 4], "13"),
        (vec![0xff; 128], "8304"),
        ([vec![0xff; 1000], vec![0xf0]].concat(), "a31f02f0"),
        ([vec![1, 2], vec![0; 20], vec![3, 0xff]].concat(), "040102510403ff"),
        ([vec![0; 100], vec![0xff; 3], vec![0x80]].concat(), "91030f0280"),
        (vec![0, 0xff, 0, 0xff], "05070507"),
        (vec![0; 10], ""),
    ];
    for (bits, encoded) in cases {
        assert_eq!(hex::encode(encode(&bits)), encoded);
        let mut decoded = decode(&hex::decode(encoded).unwrap(), 1001).unwrap();
        decoded.resize(bits.len(), 0);
        assert_eq!(decoded, bits);
    }
}

#[test]
fn literals_alone_are_valid() {
    assert_eq!(decode(&hex::decode("0600ff00").unwrap(), 3), Ok(vec![0, 0xff, 0]));
}

#[test]
fn bombs_and_broken_bytes_are_refused() {
    let mut bomb = Vec::new();
    varint::encode(1 << 36 | 3, &mut bomb);
    assert_eq!(decode(&bomb, 131_072), Err(RleError::TooLong { max_bytes: 131_072 }));
    assert_eq!(decode(&[0x13, 0x13], 7), Err(RleError::TooLong { max_bytes: 7 }));
    assert_eq!(decode(&[0x06, 1, 2], 7), Err(RleError::Truncated));
    assert_eq!(decode(&[0x80], 7), Err(RleError::Truncated));
    assert_eq!(decode(&[0xff; 10], 7), Err(RleError::Varint));
    let most = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    assert_eq!(decode(&most, 7), Err(RleError::TooLong { max_bytes: 7 }));
}

fn bits() -> impl Strategy<Value = Vec<u8>> {
    let run = (prop_oneof![Just(0), Just(0xff), any::<u8>()], 0..200usize);
    let runs = run.prop_map(|(byte, count)| vec![byte; count]);
    prop::collection::vec(prop_oneof![runs, prop::collection::vec(any::<u8>(), 0..5)], 0..12)
        .prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn comes_back_without_trailing_zeros(bits in bits()) {
        let encoded = encode(&bits);
        let end = bits.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        prop_assert_eq!(decode(&encoded, end), Ok(bits[..end].to_vec()));
        prop_assert!(encoded.len() <= end + end / 64 + 3);
    }

    #[test]
    fn any_bytes_stay_within_the_limit(encoded: Vec<u8>, max_bytes in 0..300usize) {
        if let Ok(bits) = decode(&encoded, max_bytes) {
            prop_assert!(bits.len() <= max_bytes);
        }
    }
}
