//! Values of a batch as text. Grade: plain.

use std::fmt::Write as _;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Decimal128Array, Float64Array, Int64Array,
    RecordBatch, StringArray, TimestampNanosecondArray,
};
use arrow::datatypes::{Decimal128Type, Float64Type, Int64Type, TimestampNanosecondType};

use crate::schema::{Column, Kind};
use crate::times::Rfc3339;

/// The values of a column.
#[derive(Debug, Clone, Copy)]
pub(super) enum Values<'a> {
    Timestamp(&'a TimestampNanosecondArray),
    Int(&'a Int64Array),
    Float(&'a Float64Array),
    Decimal(&'a Decimal128Array, usize),
    Text(&'a StringArray),
    Bool(&'a BooleanArray),
    Bytes(&'a BinaryArray),
}

/// The columns of a batch, whose types were checked.
pub(super) fn values<'a>(columns: &[Column], batch: &'a RecordBatch) -> Vec<Values<'a>> {
    columns.iter().zip(batch.columns()).map(|(column, array)| Values::new(column.kind, array)).collect()
}

impl<'a> Values<'a> {
    fn new(kind: Kind, array: &'a ArrayRef) -> Self {
        match kind {
            Kind::Timestamp => Self::Timestamp(array.as_primitive::<TimestampNanosecondType>()),
            Kind::Int => Self::Int(array.as_primitive::<Int64Type>()),
            Kind::Float => Self::Float(array.as_primitive::<Float64Type>()),
            Kind::Decimal { scale } => Self::Decimal(array.as_primitive::<Decimal128Type>(), scale.into()),
            Kind::Text => Self::Text(array.as_string()),
            Kind::Bool => Self::Bool(array.as_boolean()),
            Kind::Bytes => Self::Bytes(array.as_binary()),
        }
    }

    pub(super) fn is_missing(self, row: usize) -> bool {
        match self {
            Self::Timestamp(array) => array.is_null(row),
            Self::Int(array) => array.is_null(row),
            Self::Float(array) => array.is_null(row),
            Self::Decimal(array, _) => array.is_null(row),
            Self::Text(array) => array.is_null(row),
            Self::Bool(array) => array.is_null(row),
            Self::Bytes(array) => array.is_null(row),
        }
    }

    /// Appends a value that is not missing.
    pub(super) fn write(self, row: usize, out: &mut String) {
        // Writing to a text does not fail.
        let _ = match self {
            Self::Timestamp(array) => write!(out, "{}", Rfc3339(array.value(row))),
            Self::Int(array) => write!(out, "{}", array.value(row)),
            // The shortest digits that are this number, with an exponent rather than rows of zeros.
            Self::Float(array) => write!(out, "{:?}", array.value(row)),
            Self::Decimal(array, scale) => write_decimal(array.value(row), scale, out),
            Self::Text(array) => out.write_str(array.value(row)),
            Self::Bool(array) => write!(out, "{}", array.value(row)),
            Self::Bytes(array) => array.value(row).iter().try_for_each(|byte| write!(out, "{byte:02x}")),
        };
    }
}

fn write_decimal(value: i128, scale: usize, out: &mut String) -> std::fmt::Result {
    let sign = if value < 0 { "-" } else { "" };
    let digits = value.unsigned_abs();
    // At most 18, by the type.
    let unit = 10_u128.pow(u32::try_from(scale).unwrap_or(0));
    match scale {
        0 => write!(out, "{sign}{digits}"),
        _ => write!(out, "{sign}{}.{:0scale$}", digits / unit, digits % unit),
    }
}
