//! Bit maps are encoded byte for byte as npm bitfield-rle does it (`vectors/rle.js` made the cases).

use dazaar_log::rle;

#[test]
fn agree_with_npm() {
    let cases: Vec<(String, String)> =
        serde_json::from_str(include_str!("vectors/rle.json")).expect("the vectors are JSON");
    for (bits, encoded) in cases {
        let mut bits = hex::decode(bits).expect("the vectors are hex");
        assert_eq!(hex::encode(rle::encode(&bits)), encoded);
        let end = bits.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        bits.truncate(end);
        assert_eq!(rle::decode(&hex::decode(encoded).expect("the vectors are hex"), end), Ok(bits));
    }
}
