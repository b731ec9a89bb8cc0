use bytes::BufMut as _;
use proptest::prelude::*;

use super::*;

fn cut_all(bytes: &[u8]) -> Result<Vec<Frame>, PeerFault> {
    let mut buffer = BytesMut::from(bytes);
    let mut clear = bytes.len();
    let mut frames = Vec::new();
    while let Some(frame) = cut(&mut buffer, &mut clear)? {
        frames.push(frame);
    }
    assert_eq!(buffer.len(), clear);
    Ok(frames)
}

fn encoded(channel: u64, kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(channel, kind, &Body { payload: body, ..Body::default() }, &mut out);
    out
}

#[test]
fn keep_alives_are_dropped() {
    assert_eq!(cut_all(&[0; 1000]), Ok(vec![]));
    let frame = Frame { channel: 1, kind: kind::CLOSE, body: Bytes::new() };
    assert_eq!(cut_all(&[0, 1, 0x1a, 0]), Ok(vec![frame]));
}

#[test]
fn an_endless_varint_is_refused() {
    let fault = Err(PeerFault::VarintTooLong { max: 7 });
    assert_eq!(cut_all(&[0xff; 6]), Ok(vec![]));
    assert_eq!(cut_all(&[0xff; 7]), fault);
    assert_eq!(cut_all(&[0x80; 2000]), fault);
    assert_eq!(cut_all(&[&[8][..], &[0xff; 8]].concat()), fault, "in the header");
}

#[test]
fn a_padded_varint_is_accepted() {
    assert_eq!(cut_all(&[0x81, 0x80, 0x80, 0, 0x1a]).map(|frames| frames.len()), Ok(1));
}

#[test]
fn a_length_bomb_is_refused_before_its_bytes_come() {
    let mut bytes = Vec::new();
    varint::encode(1 << 40, &mut bytes);
    assert_eq!(cut_all(&bytes), Err(PeerFault::FrameTooLong { bytes: 1 << 40, max: BODY_BYTES_MAX }));
}

#[test]
fn the_longest_body_is_accepted_and_no_longer_one() {
    let frame = encoded(1, kind::DATA, &vec![7; BODY_BYTES_MAX]);
    assert_eq!(cut_all(&frame).map(|frames| frames[0].body.len()), Ok(BODY_BYTES_MAX));
    let bytes = BODY_BYTES_MAX as u64 + 1;
    let frame = encoded(1, kind::DATA, &vec![7; BODY_BYTES_MAX + 1]);
    assert_eq!(cut_all(&frame), Err(PeerFault::FrameTooLong { bytes, max: BODY_BYTES_MAX }));
}

#[test]
fn a_frame_that_ends_within_its_header_is_refused() {
    assert_eq!(cut_all(&[1, 0x80, 0x01]), Err(PeerFault::FrameTooShort { bytes: 1 }));
}

proptest! {
    #[test]
    fn frames_come_back_however_they_are_cut(
        frames in prop::collection::vec((0..1u64 << 40, 0..16u8, prop::collection::vec(any::<u8>(), 0..300)), 0..20),
        chunk in 1..200usize,
    ) {
        let bytes: Vec<u8> = frames.iter().flat_map(|(channel, kind, body)| encoded(*channel, *kind, body)).collect();
        let mut buffer = BytesMut::new();
        let (mut clear, mut received) = (0, Vec::new());
        for piece in bytes.chunks(chunk) {
            buffer.put_slice(piece);
            clear += piece.len();
            while let Some(frame) = cut(&mut buffer, &mut clear)? {
                received.push((frame.channel, frame.kind, frame.body.to_vec()));
            }
        }
        prop_assert_eq!(received, frames);
        prop_assert!(buffer.is_empty());
    }

    #[test]
    fn any_bytes_are_cut_or_refused(bytes: Vec<u8>) {
        let _ = cut_all(&bytes);
    }
}
