//! Types of values. Grade: plain.

use std::fmt;

use arrow::datatypes::DataType;
use serde::{Deserialize, Serialize};

use super::timestamp;

/// Digits of a decimal: its value without the point fits in 64 bits.
pub(crate) const DECIMAL_DIGITS: u8 = 18;

/// The type of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Kind {
    /// Nanoseconds since 1970, UTC.
    Timestamp,
    /// Whole numbers of 64 bits with sign.
    Int,
    /// Floating point numbers of 64 bits.
    Float,
    /// Decimal numbers of up to 18 digits.
    Decimal {
        /// Digits after the point, at most 18.
        #[serde(deserialize_with = "scale")]
        scale: u8,
    },
    /// Text, UTF-8.
    Text,
    /// True or false.
    Bool,
    /// Any bytes.
    Bytes,
}

impl Kind {
    /// The Arrow type.
    pub fn to_arrow(self) -> DataType {
        match self {
            Self::Timestamp => timestamp(),
            Self::Int => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Decimal { scale } => DataType::Decimal128(DECIMAL_DIGITS, scale as i8),
            Self::Text => DataType::Utf8,
            Self::Bool => DataType::Boolean,
            Self::Bytes => DataType::Binary,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timestamp => f.write_str("timestamp"),
            Self::Int => f.write_str("int"),
            Self::Float => f.write_str("float"),
            Self::Decimal { scale } => write!(f, "decimal({scale})"),
            Self::Text => f.write_str("text"),
            Self::Bool => f.write_str("bool"),
            Self::Bytes => f.write_str("bytes"),
        }
    }
}

fn scale<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let scale = u8::deserialize(deserializer)?;
    if scale > DECIMAL_DIGITS {
        let range = format!("a scale of at most {DECIMAL_DIGITS}");
        return Err(serde::de::Error::invalid_value(
            serde::de::Unexpected::Unsigned(scale.into()),
            &range.as_str(),
        ));
    }
    Ok(scale)
}
