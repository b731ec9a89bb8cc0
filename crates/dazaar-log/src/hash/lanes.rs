//! Eight BLAKE2b-256 hashes at a time, one in each lane of the processor's vectors.
//!
//! Worth it with AVX2 or AVX-512, which is found out at run time; other processors hash one message after the other.
//!
//! Grade: plain. Source: RFC 7693. The plain implementation beside it is the `blake2` crate's; tests hold the two together.

use std::sync::LazyLock;

use fearless_simd::{Level, Simd, SimdBase, dispatch, u64x8};

use super::{Hash, Message};

/// Messages that are hashed together.
pub(super) const LANES: usize = 8;

/// Bytes that one round of compression takes in.
pub(super) const CHUNK_BYTES: usize = 128;

const IV: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

/// No key, no salt, 32 bytes of output, no tree of BLAKE2's own.
const PARAMETERS: u64 = 0x0101_0020;

/// Which word of the message each step takes.
const SIGMA: [[usize; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

static LEVEL: LazyLock<Option<Level>> =
    LazyLock::new(|| Some(Level::new()).filter(|level| has_wide_vectors(*level)));

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
fn has_wide_vectors(level: Level) -> bool {
    level.as_avx2().is_some()
}

#[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
fn has_wide_vectors(_: Level) -> bool {
    false
}

/// The hashes of eight messages; `None` on a processor that is no faster with eight.
pub(super) fn hash(messages: &[Message<'_>; LANES]) -> Option<[Hash; LANES]> {
    LEVEL.map(|level| hash_at(level, messages))
}

fn hash_at(level: Level, messages: &[Message<'_>; LANES]) -> [Hash; LANES] {
    dispatch!(level, simd => hash_with(simd, messages))
}

// Everything below is inlined into the function that `dispatch` compiles for each kind of processor: code outside of it would be
// compiled for the plainest one. So would a closure that is called more than once: what matters is written out.

/// Goes through all messages in step. A lane whose message has ended keeps its state.
#[inline(always)]
fn hash_with<S: Simd>(simd: S, messages: &[Message<'_>; LANES]) -> [Hash; LANES] {
    let mut state: State<S> = std::array::from_fn(|word| u64x8::splat(simd, IV[word]));
    state[0] = u64x8::splat(simd, IV[0] ^ PARAMETERS);
    let mut chunks = [[0; CHUNK_BYTES]; LANES];
    for (chunk, message) in chunks.iter_mut().zip(messages) {
        message.write_head(chunk);
    }
    let bytes = messages.each_ref().map(Message::len);
    let longest = bytes.into_iter().fold(0, usize::max);
    let mut end = CHUNK_BYTES;
    loop {
        let started = end - CHUNK_BYTES;
        let next = compress(
            simd,
            &state,
            &chunks,
            bytes.map(|bytes| bytes.min(end) as u64),
            bytes.map(|bytes| mask(bytes <= end)),
        );
        if bytes.iter().all(|&bytes| bytes > started) || started == 0 {
            state = next;
        } else {
            let going: u64x8<S> = vector(simd, bytes.map(|bytes| mask(bytes > started)));
            state = std::array::from_fn(|word| (next[word] & going) | (state[word] & !going));
        }
        if longest <= end {
            return outputs(simd, state);
        }
        for (chunk, message) in chunks.iter_mut().zip(messages) {
            fill(chunk, message.tail(end));
        }
        end += CHUNK_BYTES;
    }
}

type State<S> = [u64x8<S>; 8];

/// One compression in every lane. `ends` are the bytes of each message up to here, `lasts` all ones where they are all.
#[inline(always)]
fn compress<S: Simd>(
    simd: S,
    state: &State<S>,
    chunks: &[[u8; CHUNK_BYTES]; LANES],
    ends: [u64; LANES],
    lasts: [u64; LANES],
) -> State<S> {
    let message = message(simd, chunks);
    let iv = |word: usize| u64x8::splat(simd, IV[word]);
    let [s0, s1, s2, s3, s4, s5, s6, s7] = *state;
    let mut v = [s0, s1, s2, s3, s4, s5, s6, s7, iv(0), iv(1), iv(2), iv(3), iv(4), iv(5), iv(6), iv(7)];
    v[12] ^= vector(simd, ends);
    v[14] ^= vector(simd, lasts);
    macro_rules! rounds {
        ($($round:literal)*) => {$(
            let sigma = &SIGMA[$round % SIGMA.len()];
            let word = |nth: usize| message[sigma[nth]];
            mix(&mut v, [0, 4, 8, 12], word(0), word(1));
            mix(&mut v, [1, 5, 9, 13], word(2), word(3));
            mix(&mut v, [2, 6, 10, 14], word(4), word(5));
            mix(&mut v, [3, 7, 11, 15], word(6), word(7));
            mix(&mut v, [0, 5, 10, 15], word(8), word(9));
            mix(&mut v, [1, 6, 11, 12], word(10), word(11));
            mix(&mut v, [2, 7, 8, 13], word(12), word(13));
            mix(&mut v, [3, 4, 9, 14], word(14), word(15));
        )*};
    }
    // Written out, so that every place in `v` and `message` is a constant and they stay in registers.
    rounds!(0 1 2 3 4 5 6 7 8 9 10 11);
    let out = |word: usize| state[word] ^ v[word] ^ v[word + 8];
    [out(0), out(1), out(2), out(3), out(4), out(5), out(6), out(7)]
}

/// The words of all messages: the first of each, the second of each, and so on.
#[inline(always)]
fn message<S: Simd>(simd: S, chunks: &[[u8; CHUNK_BYTES]; LANES]) -> [u64x8<S>; 16] {
    let [a, b, c, d, e, f, g, h] = columns(simd, chunks, 0);
    let [i, j, k, l, m, n, o, p] = columns(simd, chunks, 1);
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

#[inline(always)]
fn columns<S: Simd>(simd: S, chunks: &[[u8; CHUNK_BYTES]; LANES], half: usize) -> [u64x8<S>; 8] {
    let [a, b, c, d, e, f, g, h] = chunks;
    let rows = [
        words(simd, a, half),
        words(simd, b, half),
        words(simd, c, half),
        words(simd, d, half),
        words(simd, e, half),
        words(simd, f, half),
        words(simd, g, half),
        words(simd, h, half),
    ];
    transposed(simd, rows)
}

#[inline(always)]
fn mix<S: Simd>(v: &mut [u64x8<S>; 16], [a, b, c, d]: [usize; 4], x: u64x8<S>, y: u64x8<S>) {
    v[a] = v[a] + v[b] + x;
    v[d] = rotated(v[d] ^ v[a], 32);
    v[c] += v[d];
    v[b] = rotated(v[b] ^ v[c], 24);
    v[a] = v[a] + v[b] + y;
    v[d] = rotated(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = rotated(v[b] ^ v[c], 63);
}

#[inline(always)]
fn rotated<S: Simd>(words: u64x8<S>, right: u32) -> u64x8<S> {
    (words >> right) | (words << (64 - right))
}

/// Turns rows into columns: each pass shuffles the two halves into each other.
#[inline(always)]
fn transposed<S: Simd>(simd: S, rows: [u64x8<S>; 8]) -> [u64x8<S>; 8] {
    shuffled(simd, shuffled(simd, shuffled(simd, rows)))
}

#[inline(always)]
fn shuffled<S: Simd>(simd: S, [a, b, c, d, e, f, g, h]: [u64x8<S>; 8]) -> [u64x8<S>; 8] {
    [
        simd.zip_low_u64x8(a, e),
        simd.zip_high_u64x8(a, e),
        simd.zip_low_u64x8(b, f),
        simd.zip_high_u64x8(b, f),
        simd.zip_low_u64x8(c, g),
        simd.zip_high_u64x8(c, g),
        simd.zip_low_u64x8(d, h),
        simd.zip_high_u64x8(d, h),
    ]
}

#[inline(always)]
fn outputs<S: Simd>(simd: S, state: State<S>) -> [Hash; LANES] {
    transposed(simd, state).map(|lane| {
        let words: [u64; 8] = lane.into();
        let mut hash = [0; Hash::BYTES];
        for (bytes, word) in hash.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *bytes = word.to_le_bytes();
        }
        Hash(hash)
    })
}

/// A row of a half: eight words of one message.
#[inline(always)]
fn words<S: Simd>(simd: S, chunk: &[u8; CHUNK_BYTES], half: usize) -> u64x8<S> {
    let mut words = [0; LANES];
    for (word, bytes) in words.iter_mut().zip(chunk.as_chunks::<64>().0[half].as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    vector(simd, words)
}

#[inline(always)]
fn vector<S: Simd>(simd: S, words: [u64; LANES]) -> u64x8<S> {
    u64x8::from_slice(simd, &words)
}

/// The next chunk of a message that has `rest` left.
#[inline(always)]
fn fill(chunk: &mut [u8; CHUNK_BYTES], rest: &[u8]) {
    match rest.first_chunk() {
        Some(full) => *chunk = *full,
        None => {
            *chunk = [0; CHUNK_BYTES];
            chunk[..rest.len()].copy_from_slice(rest);
        }
    }
}

#[inline(always)]
const fn mask(all: bool) -> u64 {
    if all { u64::MAX } else { 0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn levels() -> impl Iterator<Item = Level> {
        [Level::new(), Level::baseline()].into_iter().chain(*LEVEL)
    }

    fn messages<'a>(
        data: &'a [u8],
        lengths: &[usize; LANES],
        children: &'a [Hash; 2],
    ) -> [Message<'a>; LANES] {
        std::array::from_fn(|lane| match lengths[lane] {
            0 => Message::Parent { size: data.len() as u64, left: &children[0].0, right: &children[1].0 },
            length => Message::Leaf(&data[lane..lane + length - 1]),
        })
    }

    proptest! {
        #[test]
        fn lanes_agree_with_the_plain_hash(
            data in prop::collection::vec(any::<u8>(), 2000),
            lengths in prop::array::uniform8(prop_oneof![Just(0_usize), 1_usize..20, 60_usize..140, 240_usize..270, 1_usize..1900]),
            children in prop::array::uniform2(any::<[u8; 32]>()),
        ) {
            let children = children.map(Hash);
            let messages = messages(&data, &lengths, &children);
            let expected = messages.each_ref().map(Message::hash);
            for level in levels() {
                prop_assert_eq!(hash_at(level, &messages), expected, "{:?}", level);
            }
        }
    }

    #[test]
    fn every_length_around_a_chunk_agrees() {
        let data: Vec<u8> = (0..600_u32).map(|byte| (byte * 7) as u8).collect();
        for length in 0..400 {
            let messages: [Message<'_>; LANES] =
                std::array::from_fn(|lane| Message::Leaf(&data[..(length + lane * 17) % 400]));
            for level in levels() {
                assert_eq!(
                    hash_at(level, &messages),
                    messages.each_ref().map(Message::hash),
                    "{level:?} {length}"
                );
            }
        }
    }
}
