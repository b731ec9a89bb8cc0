//! Bytes that become values.

use std::io::BufReader;

use dazaar_log::codec::protobuf::Reader;
use dazaar_market::{Card, Link, LinkError};
use dazaar_table::{Format, RecordReader};

/// Run lengths: bounded, and the same bits after another round.
pub fn rle(data: &[u8]) {
    const MAX: usize = 1 << 17;
    if let Ok(bits) = dazaar_log::rle::decode(data, MAX) {
        assert!(bits.len() <= MAX + 3);
        let again =
            dazaar_log::rle::decode(&dazaar_log::rle::encode(&bits), MAX).expect("what we encode decodes");
        let (short, long) = if again.len() < bits.len() { (&again, &bits) } else { (&bits, &again) };
        assert!(long.starts_with(short) && long[short.len()..].iter().all(|byte| *byte == 0));
    }
}

/// Protobuf fields: reading ends.
pub fn protobuf(data: &[u8]) {
    let fields = Reader::new(data).map_while(Result::ok).count();
    assert!(fields <= data.len());
}

/// A card: what is read is written the same way.
pub fn card(data: &[u8]) {
    if let Ok(card) = Card::parse(data) {
        let again = Card::from_json(card.to_json()).expect("what we write we read");
        assert_eq!(again.to_json(), card.to_json());
    }
}

/// A link: the same, unless escapes make it too long.
pub fn link(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(link) = text.parse::<Link>() {
        match link.to_string().parse::<Link>() {
            Ok(again) => assert_eq!(again, link),
            Err(error) => {
                assert!(matches!(error, LinkError::TooLong { .. }), "what we write we cannot read: {error}")
            }
        }
    }
}

/// Rows of a file: every row is a piece of it, and reading ends.
pub fn rows(data: &[u8]) {
    let Some((kind, text)) = data.split_first() else { return };
    let format = if kind & 1 == 0 { Format::Csv } else { Format::JsonLines };
    let mut reader = RecordReader::new(BufReader::new(text), format);
    let mut bytes = 0;
    loop {
        match reader.read() {
            Ok(Some(record)) => bytes += record.bytes.len(),
            Ok(None) => break,
            Err(error) => assert!(!error.is_io(), "{error}"),
        }
    }
    assert!(bytes <= text.len());
}
