//! The values of one column in one segment.
//!
//! ```text
//! flags (1) | if some are missing: which are there (packed, a bit each, the first the lowest) | the values that are there
//! ```
//! `flags` is 1 if some are missing. Whole numbers, times and decimals (without their point) are 64-bit integers.
//!
//! Grade: plain. Numbers are packed by pco and bytes by zstd: of what was measured (docs/performance.md) they take least.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Decimal128Array, Float64Array, Int64Array,
    StringArray, TimestampNanosecondArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{Decimal128Type, Float64Type, Int64Type, TimestampNanosecondType};

pub(crate) mod numbers;
mod packed;
pub(crate) mod strings;

use crate::bytes::{BlockError, Reader};
use crate::schema::{DECIMAL_DIGITS, Kind};
use numbers::Number;
use strings::Strings;

const SOME_MISSING: u8 = 1;

const VALIDITY: &str = "which values there are";
const VALUES: &str = "values";

/// Appends the values of a column, whose Arrow type is that of `kind`.
pub(crate) fn encode(kind: Kind, values: &dyn Array, out: &mut Vec<u8>) {
    let nulls = values.nulls().filter(|nulls| nulls.null_count() > 0);
    out.push(if nulls.is_some() { SOME_MISSING } else { 0 });
    if let Some(nulls) = nulls {
        encode_bits(nulls.iter(), out);
    }
    match kind {
        Kind::Timestamp => {
            encode_numbers(nulls, values.as_primitive::<TimestampNanosecondType>().values(), out)
        }
        Kind::Int => encode_numbers(nulls, values.as_primitive::<Int64Type>().values(), out),
        Kind::Float => encode_numbers(nulls, values.as_primitive::<Float64Type>().values(), out),
        Kind::Decimal { .. } => {
            // No more than 18 digits fit in 64 bits.
            let values = values.as_primitive::<Decimal128Type>().values();
            let values: Vec<i64> = values.iter().map(|&value| value as i64).collect();
            encode_numbers(nulls, &values, out);
        }
        Kind::Bool => encode_bits(values.as_boolean().iter().flatten(), out),
        Kind::Text => strings::encode(values.as_string::<i32>().iter().flatten().map(str::as_bytes), out),
        Kind::Bytes => strings::encode(values.as_binary::<i32>().iter().flatten(), out),
    }
}

fn encode_numbers<T: Number>(nulls: Option<&NullBuffer>, values: &[T], out: &mut Vec<u8>) {
    match nulls {
        None => numbers::encode(values, out),
        Some(nulls) => {
            let there: Vec<T> = nulls.valid_indices().map(|row| values[row]).collect();
            numbers::encode(&there, out);
        }
    }
}

fn encode_bits(bits: impl Iterator<Item = bool>, out: &mut Vec<u8>) {
    let bits = BooleanBuffer::from_iter(bits);
    packed::encode(&bits.values()[..bits.len().div_ceil(8)], out);
}

/// Bits that each row takes in memory, whatever its value is.
pub(crate) const fn bits(kind: Kind) -> usize {
    let value = match kind {
        Kind::Timestamp | Kind::Int | Kind::Float => 64,
        Kind::Decimal { .. } => 128,
        Kind::Text | Kind::Bytes => 32,
        Kind::Bool => 1,
    };
    // And whether it is there.
    value + 1
}

/// Reads the values of a column with `rows` rows. Text and bytes may take as much as there is `room`, which becomes less; who calls
/// has seen to it that there is room for the [`bits`] of each row.
///
/// # Errors
/// What is wrong with the bytes.
pub(crate) fn decode(
    kind: Kind,
    rows: usize,
    bytes: &[u8],
    room: &mut usize,
) -> Result<ArrayRef, BlockError> {
    let mut reader = Reader(bytes);
    let nulls = match reader.byte(VALIDITY)? {
        0 => None,
        SOME_MISSING => Some(NullBuffer::new(decode_bits(rows, &mut reader, VALIDITY)?)),
        tag => return Err(BlockError::Unknown { part: VALIDITY, tag }),
    };
    let values: ArrayRef = match kind {
        Kind::Timestamp => {
            let (values, nulls) = decode_numbers(rows, nulls, &mut reader)?;
            Arc::new(TimestampNanosecondArray::new(values, nulls).with_timezone("UTC"))
        }
        Kind::Int => {
            let (values, nulls) = decode_numbers(rows, nulls, &mut reader)?;
            Arc::new(Int64Array::new(values, nulls))
        }
        Kind::Float => {
            let (values, nulls) = decode_numbers(rows, nulls, &mut reader)?;
            Arc::new(Float64Array::new(values, nulls))
        }
        Kind::Decimal { scale } => Arc::new(decode_decimals(scale, rows, nulls, &mut reader)?),
        Kind::Bool => {
            let there = there(rows, nulls.as_ref());
            let values = spread(&nulls, decode_bits(there, &mut reader, VALUES)?.iter());
            Arc::new(BooleanArray::new(values.into(), nulls))
        }
        Kind::Text => {
            let Strings { offsets, bytes } = strings::decode(there(rows, nulls.as_ref()), &mut reader, room)?;
            let offsets = spread_offsets(offsets, nulls.as_ref());
            let text = StringArray::try_new(offsets, Buffer::from_vec(bytes), nulls);
            Arc::new(text.map_err(|_| BlockError::NotUtf8)?)
        }
        Kind::Bytes => {
            let Strings { offsets, bytes } = strings::decode(there(rows, nulls.as_ref()), &mut reader, room)?;
            let offsets = spread_offsets(offsets, nulls.as_ref());
            Arc::new(BinaryArray::new(offsets, Buffer::from_vec(bytes), nulls))
        }
    };
    reader.finish("a column")?;
    Ok(values)
}

fn decode_decimals(
    scale: u8,
    rows: usize,
    nulls: Option<NullBuffer>,
    reader: &mut Reader<'_>,
) -> Result<Decimal128Array, BlockError> {
    let (values, nulls) = decode_numbers::<i64>(rows, nulls, reader)?;
    let limit = 10_i64.pow(DECIMAL_DIGITS.into());
    if let Some(value) = values.iter().find(|value| value.unsigned_abs() >= limit as u64) {
        return Err(BlockError::Value { part: "a decimal", value: value.unsigned_abs() });
    }
    let values: Vec<i128> = values.iter().map(|&value| value.into()).collect();
    let decimals = Decimal128Array::new(values.into(), nulls);
    decimals
        .with_precision_and_scale(DECIMAL_DIGITS, scale as i8)
        .map_err(|_| BlockError::Value { part: "the scale of a decimal", value: scale.into() })
}

fn decode_numbers<T>(
    rows: usize,
    nulls: Option<NullBuffer>,
    reader: &mut Reader<'_>,
) -> Result<(ScalarBuffer<T>, Option<NullBuffer>), BlockError>
where
    T: Number + arrow::datatypes::ArrowNativeType,
{
    let values = numbers::decode(there(rows, nulls.as_ref()), reader, VALUES)?;
    let values = if nulls.is_some() { spread(&nulls, values.into_iter()) } else { values };
    Ok((values.into(), nulls))
}

fn decode_bits(
    count: usize,
    reader: &mut Reader<'_>,
    part: &'static str,
) -> Result<BooleanBuffer, BlockError> {
    let bytes = packed::decode(count.div_ceil(8), reader, part)?;
    Ok(BooleanBuffer::new(Buffer::from(bytes.into_owned()), 0, count))
}

/// How many values there are.
fn there(rows: usize, nulls: Option<&NullBuffer>) -> usize {
    rows - nulls.map_or(0, NullBuffer::null_count)
}

/// Puts the values that are there where they belong, and anything between them.
fn spread<T: Default>(nulls: &Option<NullBuffer>, mut values: impl Iterator<Item = T>) -> Vec<T> {
    match nulls {
        None => values.collect(),
        Some(nulls) => {
            let value = |is_there: bool| if is_there { values.next() } else { None };
            nulls.iter().map(value).map(Option::unwrap_or_default).collect()
        }
    }
}

/// The same for strings: one that is missing is empty.
fn spread_offsets(offsets: Vec<i32>, nulls: Option<&NullBuffer>) -> OffsetBuffer<i32> {
    let Some(nulls) = nulls else { return OffsetBuffer::new(offsets.into()) };
    let mut ends = offsets.into_iter();
    let mut end = ends.next().unwrap_or_default();
    let mut spread = Vec::with_capacity(nulls.len() + 1);
    spread.push(end);
    for is_there in nulls {
        if is_there {
            end = ends.next().unwrap_or(end);
        }
        spread.push(end);
    }
    OffsetBuffer::new(spread.into())
}

#[cfg(test)]
mod tests;
