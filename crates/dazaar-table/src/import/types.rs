//! Which of our types an Arrow type is. Grade: plain.

use arrow::datatypes::{DataType, Field};

use super::error::ImportError;
use crate::schema::{DECIMAL_DIGITS, Kind};

/// The type of a column's values.
///
/// # Errors
/// None of ours.
pub(super) fn kind(field: &Field) -> Result<Kind, ImportError> {
    let of = unpacked(field.data_type());
    plain(of).ok_or_else(|| ImportError::Type {
        column: field.name().clone(),
        kind: of.to_string(),
        possible: match of {
            DataType::Decimal128(..) | DataType::Decimal256(..) => {
                "decimals have at most 18 digits: store it as decimal(18, n) or as text"
            }
            DataType::Time32(_) | DataType::Time64(_) | DataType::Duration(_) | DataType::Interval(_) => {
                "store it as a whole number, or as text"
            }
            _ => "nested values cannot be stored: make it columns of its own, or text",
        },
    })
}

/// Which of our types values of an Arrow type can be had as, if any.
pub(crate) fn kind_of(of: &DataType) -> Option<Kind> {
    plain(unpacked(of))
}

/// The type of the values themselves.
pub(super) fn unpacked(of: &DataType) -> &DataType {
    match of {
        DataType::Dictionary(_, values) => unpacked(values),
        of => of,
    }
}

fn plain(of: &DataType) -> Option<Kind> {
    Some(match of {
        DataType::Boolean => Kind::Bool,
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => Kind::Int,
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => Kind::Int,
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Kind::Float,
        DataType::Decimal32(digits, scale)
        | DataType::Decimal64(digits, scale)
        | DataType::Decimal128(digits, scale)
        | DataType::Decimal256(digits, scale) => decimal(*digits, *scale)?,
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Kind::Text,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            Kind::Bytes
        }
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => Kind::Timestamp,
        _ => return None,
    })
}

fn decimal(digits: u8, scale: i8) -> Option<Kind> {
    let zeros = scale.min(0).unsigned_abs();
    let scale = u8::try_from(scale.max(0)).ok()?;
    (digits.checked_add(zeros)? <= DECIMAL_DIGITS && scale <= DECIMAL_DIGITS)
        .then_some(Kind::Decimal { scale })
}
