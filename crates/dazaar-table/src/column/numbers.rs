//! Many numbers of one type: as they are, or by pco, which finds out what they have in common.
//!
//! ```text
//! 0 | the numbers, little endian
//! 1 | bytes that follow (varint) | pco standalone format
//! ```
//! How many there are is known from elsewhere.
//!
//! Grade: plain.

use pco::ChunkConfig;
use pco::standalone::{simple_compress, simple_decompress_into};

use crate::bytes::{BlockError, Reader, push_prefixed};

const PLAIN: u8 = 0;
const PCO: u8 = 1;

/// Fewer numbers are never worth the search.
const PCO_FROM: usize = 8;

/// The library's own choice, 8, takes three times as long for half a per cent less.
const PCO_LEVEL: usize = 5;

/// Types of numbers that columns are made of.
pub(crate) trait Number: pco::data_types::Number + Default {
    /// Appends it, little endian.
    fn push(self, out: &mut Vec<u8>);
    /// The number in the first bytes of `bytes`, of which there are enough.
    fn read(bytes: &[u8]) -> Self;
}

macro_rules! number {
    ($($type:ty)*) => {$(
        impl Number for $type {
            fn push(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn read(bytes: &[u8]) -> Self {
                bytes.first_chunk().map_or_else(Self::default, |bytes| Self::from_le_bytes(*bytes))
            }
        }
    )*};
}

number!(i64 f64 u32 u64);

/// Appends numbers, in the shorter of the two ways.
pub(crate) fn encode<T: Number>(numbers: &[T], out: &mut Vec<u8>) {
    if numbers.len() >= PCO_FROM
        && let Ok(packed) =
            simple_compress(numbers, &ChunkConfig::default().with_compression_level(PCO_LEVEL))
        && packed.len() < size_of_val(numbers)
    {
        out.push(PCO);
        push_prefixed(&packed, out);
        return;
    }
    out.push(PLAIN);
    numbers.iter().for_each(|number| number.push(out));
}

/// Reads `count` numbers.
pub(crate) fn decode<T: Number>(
    count: usize,
    reader: &mut Reader<'_>,
    part: &'static str,
) -> Result<Vec<T>, BlockError> {
    match reader.byte(part)? {
        PLAIN => {
            let bytes = reader.take(count.saturating_mul(size_of::<T>()), part)?;
            Ok(bytes.chunks_exact(size_of::<T>()).map(T::read).collect())
        }
        PCO => {
            let packed = reader.prefixed(part)?;
            let mut numbers = vec![T::default(); count];
            let progress = simple_decompress_into(packed, &mut numbers)
                .map_err(|error| BlockError::Compressed { part, reason: error.to_string() })?;
            if progress.n_processed != count || !progress.finished {
                return Err(BlockError::Value { part, value: progress.n_processed as u64 });
            }
            Ok(numbers)
        }
        tag => Err(BlockError::Unknown { part, tag }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded<T: Number>(numbers: &[T]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(numbers, &mut out);
        out
    }

    fn decoded<T: Number>(count: usize, bytes: &[u8]) -> Result<Vec<T>, BlockError> {
        let mut reader = Reader(bytes);
        let numbers = decode(count, &mut reader, "numbers")?;
        reader.finish("numbers").map(|()| numbers)
    }

    proptest! {
        #[test]
        fn numbers_come_back(
            start: i64,
            steps in prop::collection::vec(-1000_i64..1000, 0..600),
            floats: Vec<f64>,
            small: Vec<u32>,
        ) {
            let walk: Vec<i64> = steps.iter().scan(start, |at, step| { *at = at.wrapping_add(*step); Some(*at) }).collect();
            prop_assert_eq!(decoded::<i64>(walk.len(), &encoded(&walk)).unwrap(), walk);
            prop_assert_eq!(decoded::<u32>(small.len(), &encoded(&small)).unwrap(), small);
            let bits = |floats: &[f64]| floats.iter().map(|float| float.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&decoded(floats.len(), &encoded(&floats)).unwrap()), bits(&floats));
        }

        #[test]
        fn damage_is_an_error_or_other_numbers(
            numbers in prop::collection::vec(0_i64..1000, 1..300),
            place: prop::sample::Index,
            byte: u8,
        ) {
            let mut bytes = encoded(&numbers);
            let place = place.index(bytes.len());
            bytes[place] = byte;
            if let Ok(read) = decoded::<i64>(numbers.len(), &bytes) {
                prop_assert_eq!(read.len(), numbers.len());
            }
        }
    }

    #[test]
    fn another_count_is_refused() {
        let numbers: Vec<i64> = (0..1000).collect();
        let bytes = encoded(&numbers);
        assert_eq!(bytes[0], PCO);
        for count in [0, 999, 1001, 5000] {
            assert!(decoded::<i64>(count, &bytes).is_err(), "{count}");
        }
        assert_eq!(decoded::<i64>(1, &[2]), Err(BlockError::Unknown { part: "numbers", tag: 2 }));
    }
}
