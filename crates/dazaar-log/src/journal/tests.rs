use super::*;

const KEY: FeedKey = FeedKey([7; 32]);

fn record() -> Vec<u8> {
    let head = JournalHead {
        sequence: 9,
        first: 50,
        byte_offset: 150,
        blocks: 3,
        bytes: 6,
        tree_hash: Hash([3; 32]),
        signature: Signature([4; 64]),
    };
    let mut record = Vec::new();
    encode(&head, &["a", "", "bcdef"], &KEY, &mut record);
    record
}

fn decode(record: &[u8], key: &FeedKey) -> Option<(JournalHead, Vec<Vec<u8>>)> {
    let head = JournalHead::decode(record.first_chunk()?)?;
    let record = record.get(..head.record_bytes() as usize)?;
    Some((head, decode_blocks(&head, record, key)?.into_iter().map(<[u8]>::to_vec).collect()))
}

#[test]
fn a_record_survives_the_file() {
    let record = record();
    let (head, blocks) = decode(&record, &KEY).unwrap();
    assert_eq!((head.sequence, head.first, head.byte_offset, head.bytes), (9, 50, 150, 6));
    assert_eq!((head.tree_hash, head.signature), (Hash([3; 32]), Signature([4; 64])));
    assert_eq!(blocks, [&b"a"[..], b"", b"bcdef"]);
    assert_eq!(head.record_bytes(), record.len() as u64);
}

#[test]
fn a_record_has_the_documented_layout() {
    let record = record();
    let fields = "0000000000000009000000000000003200000000000000960000000300000006";
    assert_eq!(hex::encode(&record[..32]), fields);
    assert_eq!((&record[32..64], &record[64..128]), (&[3; 32][..], &[4; 64][..]));
    assert_eq!(hex::encode(&record[128..146]), "000000010000000000000005616263646566");
    assert_eq!(record[146..], keyed_hash(&KEY.0, &[b"dazaar-journal 1\n", &record[..146]]));
}

#[test]
fn any_flipped_bit_and_any_other_log_is_refused() {
    let record = record();
    for bit in 0..8 * record.len() {
        let mut torn = record.clone();
        torn[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(decode(&torn, &KEY), None, "bit {bit}");
    }
    assert_eq!(decode(&record, &FeedKey([8; 32])), None);
    assert_eq!(decode(&[0; 1000], &KEY), None);
}
