//! Values of one column, read from text one after the other. Grade: plain.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Decimal128Builder, Float64Builder, Int64Builder, StringBuilder,
    TimestampNanosecondBuilder,
};

use super::error::Expected;
use crate::schema::Kind;
use crate::times::{Epoch, parse_scaled, parse_time};

/// Values with 18 digits are below this.
const DECIMAL_END: i64 = 1_000_000_000_000_000_000;

/// How the times of a column are written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Times {
    /// As the first one will be.
    Open,
    /// As text.
    Text,
    /// As numbers, all of one magnitude.
    Found(Epoch),
    /// As numbers that count what the user said.
    Said(Epoch),
}

/// The values of a column.
#[derive(Debug)]
pub(super) enum Cells {
    Timestamp(TimestampNanosecondBuilder, Times),
    Int(Int64Builder),
    Float(Float64Builder),
    Decimal(Decimal128Builder, u8),
    Text(StringBuilder),
    Bool(BooleanBuilder),
    Bytes(BinaryBuilder),
}

impl Cells {
    /// None yet. `epoch` is what the user said that numbers count since 1970.
    pub(super) fn new(kind: Kind, epoch: Option<Epoch>) -> Self {
        let arrow = kind.to_arrow();
        match kind {
            Kind::Timestamp => Self::Timestamp(
                TimestampNanosecondBuilder::new().with_data_type(arrow),
                epoch.map_or(Times::Open, Times::Said),
            ),
            Kind::Int => Self::Int(Int64Builder::new()),
            Kind::Float => Self::Float(Float64Builder::new()),
            Kind::Decimal { scale } => Self::Decimal(Decimal128Builder::new().with_data_type(arrow), scale),
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::Bool => Self::Bool(BooleanBuilder::new()),
            Kind::Bytes => Self::Bytes(BinaryBuilder::new()),
        }
    }

    /// Adds what `text` means.
    ///
    /// # Errors
    /// What it should have been.
    pub(super) fn push(&mut self, text: &str) -> Result<(), Expected> {
        match self {
            Self::Timestamp(builder, times) => builder.append_value(time(text, times)?),
            Self::Int(builder) => builder.append_value(int(text).ok_or(Expected::Kind(Kind::Int))?),
            Self::Float(builder) => {
                builder.append_value(text.parse().map_err(|_| Expected::Kind(Kind::Float))?);
            }
            Self::Decimal(builder, scale) => {
                let scale = *scale;
                let value = decimal(text, scale).ok_or(Expected::Kind(Kind::Decimal { scale }))?;
                builder.append_value(value.into());
            }
            Self::Text(builder) => builder.append_value(text),
            Self::Bool(builder) => builder.append_value(bool(text).ok_or(Expected::Kind(Kind::Bool))?),
            Self::Bytes(builder) => {
                builder.append_value(hex::decode(text).map_err(|_| Expected::Kind(Kind::Bytes))?);
            }
        }
        Ok(())
    }

    /// Adds a missing value.
    pub(super) fn push_missing(&mut self) {
        match self {
            Self::Timestamp(builder, _) => builder.append_null(),
            Self::Int(builder) => builder.append_null(),
            Self::Float(builder) => builder.append_null(),
            Self::Decimal(builder, _) => builder.append_null(),
            Self::Text(builder) => builder.append_null(),
            Self::Bool(builder) => builder.append_null(),
            Self::Bytes(builder) => builder.append_null(),
        }
    }

    /// The values; none are left.
    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Timestamp(builder, _) => Arc::new(builder.finish()),
            Self::Int(builder) => Arc::new(builder.finish()),
            Self::Float(builder) => Arc::new(builder.finish()),
            Self::Decimal(builder, _) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Bool(builder) => Arc::new(builder.finish()),
            Self::Bytes(builder) => Arc::new(builder.finish()),
        }
    }
}

/// The first value decides how times are written, and all others must be like it: a file that changes from seconds to
/// milliseconds in the middle would else have rows in 1970.
fn time(text: &str, times: &mut Times) -> Result<i64, Expected> {
    if matches!(times, Times::Open) {
        *times = match parse_scaled(text, 0) {
            // Zero is the same in every unit.
            Some(number) if number.value == Some(0) && number.exact => return Ok(0),
            Some(number) => {
                Times::Found(number.value.and_then(Epoch::of).ok_or(Expected::Kind(Kind::Timestamp))?)
            }
            None => {
                let time = parse_time(text).map_err(|_| Expected::Kind(Kind::Timestamp))?;
                *times = Times::Text;
                return Ok(time);
            }
        };
    }
    match *times {
        Times::Text => parse_time(text).map_err(|_| Expected::TimeText),
        Times::Said(epoch) => epoch.nanoseconds(text).ok_or(Expected::Epoch(epoch)),
        Times::Found(epoch) => {
            let number = parse_scaled(text, 0).and_then(|number| number.value);
            let alike = number.is_some_and(|number| number == 0 || Epoch::of(number) == Some(epoch));
            epoch.nanoseconds(text).filter(|_| alike).ok_or(Expected::Epoch(epoch))
        }
        Times::Open => Err(Expected::Kind(Kind::Timestamp)),
    }
}

/// Whole numbers, however they are written: `5`, `5.0`, `5e3`.
fn int(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| {
        let number = parse_scaled(text, 0)?;
        number.value.filter(|_| number.exact)
    })
}

fn decimal(text: &str, scale: u8) -> Option<i64> {
    let number = parse_scaled(text, scale)?;
    number.value.filter(|value| number.exact && value.abs() < DECIMAL_END)
}

fn bool(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}
