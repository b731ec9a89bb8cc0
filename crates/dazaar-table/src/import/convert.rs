//! Arrow batches of any schema, as batches of ours. Grade: plain.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    ArrowTimestampType, DataType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::cells::Cells;
use super::error::{Expected, ImportError, Place};
use super::guess::Guess;
use super::learn::Found;
use super::table::batch;
use super::types::{kind, unpacked};
use crate::excerpt::excerpt;
use crate::schema::{Column, Kind, Schema};
use crate::times::Epoch;

/// Turns batches into those of a schema.
#[derive(Debug)]
pub(super) struct Converter {
    schema: Schema,
    columns: Vec<Conversion>,
}

#[derive(Debug)]
struct Conversion {
    /// Column of the file.
    source: usize,
    way: Way,
}

#[derive(Debug)]
enum Way {
    /// Values of one type with another width or form.
    Cast,
    /// Anything else, as if it stood there as text.
    Text(Box<Cells>),
}

/// A row that cannot be converted.
#[derive(Debug)]
pub(super) struct BadRow {
    /// Row of the batch, from 0.
    pub(super) row: usize,
    column: String,
    /// Nothing if the time is missing.
    value: Option<(String, Expected)>,
}

impl BadRow {
    pub(super) fn at(self, rows_before: u64) -> ImportError {
        let place = Place { row: rows_before + self.row as u64 + 1, line: None };
        let column = self.column;
        match self.value {
            Some((text, expected)) => ImportError::Value { place, column, text, expected },
            None => ImportError::MissingTime { place, column },
        }
    }
}

impl Converter {
    /// From a file with these columns, by name.
    ///
    /// # Errors
    /// The column whose values cannot be had.
    pub(super) fn new(
        schema: Schema,
        file: &arrow::datatypes::Schema,
        epoch: Option<Epoch>,
    ) -> Result<Self, ImportError> {
        let conversion = |column: &Column| {
            let (source, field) =
                file.column_with_name(&column.name).ok_or_else(|| ImportError::NoColumn {
                    column: column.name.clone(),
                    columns: super::learn::names(file.fields().iter().map(|field| field.name().as_str())),
                })?;
            let found = kind(field)?;
            let from = unpacked(field.data_type());
            let way = match (column.kind, found) {
                (Kind::Decimal { scale }, Kind::Decimal { scale: found }) if found <= scale => Way::Cast,
                (Kind::Float, Kind::Int | Kind::Float) => Way::Cast,
                (wanted, found) if wanted == found && *from != DataType::Null => Way::Cast,
                (wanted, _) => Way::Text(Box::new(Cells::new(wanted, epoch))),
            };
            Ok(Conversion { source, way })
        };
        let columns = schema.columns().iter().map(conversion).collect::<Result<_, ImportError>>()?;
        Ok(Self { schema, columns })
    }

    pub(super) const fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The rows of `from` as rows of the schema, or one that is none; there may be others before it.
    pub(super) fn convert(&mut self, from: &RecordBatch) -> Result<Result<RecordBatch, BadRow>, ImportError> {
        let mut arrays = Vec::with_capacity(self.columns.len());
        for (nth, (column, conversion)) in self.schema.columns().iter().zip(&mut self.columns).enumerate() {
            let array = from.column(conversion.source);
            let bad = |row, value| BadRow { row, column: column.name.clone(), value };
            let converted = match &mut conversion.way {
                Way::Cast => cast(array, column.kind),
                Way::Text(cells) => as_text(array, cells),
            };
            let converted = match converted {
                Ok(converted) => converted,
                Err((row, expected)) => {
                    let text = excerpt(&text(array, row));
                    return Ok(Err(bad(row, Some((text, expected)))));
                }
            };
            if nth == self.schema.time()
                && let Some(row) = (0..converted.len()).find(|&row| converted.is_null(row))
            {
                return Ok(Err(bad(row, None)));
            }
            arrays.push(converted);
        }
        batch(&self.schema, arrays, from.num_rows()).map(Ok)
    }
}

/// Columns of a file, of which this is the first batch.
///
/// # Errors
/// A column of a type that cannot be stored.
pub(super) fn found(first: &RecordBatch, epoch: Option<Epoch>) -> Result<Vec<Found>, ImportError> {
    let schema = first.schema();
    let found = |(field, array): (&arrow::datatypes::FieldRef, &ArrayRef)| {
        let kind = kind(field)?;
        let mut guess = Guess::new();
        if matches!(kind, Kind::Int | Kind::Float | Kind::Text) {
            for row in (0..array.len()).filter(|&row| array.is_valid(row)) {
                guess.add(&text(array, row), true);
            }
        }
        let metadata = |key| field.metadata().get(key).filter(|value| !value.is_empty()).cloned();
        let column = Column {
            name: field.name().clone(),
            kind,
            unit: metadata("unit"),
            description: metadata("description"),
        };
        let no_time = match kind {
            Kind::Timestamp => None,
            Kind::Int | Kind::Float | Kind::Text => guess.check_time(epoch).err(),
            other => Some(format!("it is of type {other}")),
        };
        let numbers = guess.is_epoch() || (epoch.is_some() && kind != Kind::Text && guess.is_number());
        Ok(Found { column, epoch: numbers || guess.kind() == Kind::Timestamp, no_time })
    };
    schema.fields().iter().zip(first.columns()).map(found).collect()
}

/// A value as text.
fn text(array: &ArrayRef, row: usize) -> String {
    let options = FormatOptions::new().with_display_error(true);
    // Names of zones are not known here.
    let array = with_zone(array, None);
    ArrayFormatter::try_new(&array, &options)
        .map_or_else(|_| "?".to_owned(), |values| values.value(row).to_string())
}

fn as_text(array: &ArrayRef, cells: &mut Cells) -> Result<ArrayRef, (usize, Expected)> {
    let options = FormatOptions::new().with_display_error(true);
    let array = with_zone(array, None);
    let formatter = ArrayFormatter::try_new(&array, &options);
    let nulls = array.logical_nulls();
    let mut text = String::new();
    for row in 0..array.len() {
        text.clear();
        if let Ok(formatter) = &formatter {
            // Writing to a text does not fail.
            let _ = formatter.value(row).write(&mut text);
        }
        if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            cells.push_missing();
        } else if let Err(expected) = cells.push(&text) {
            cells.finish();
            return Err((row, expected));
        }
    }
    Ok(cells.finish())
}

/// The same values in our type of this kind.
fn cast(array: &ArrayRef, kind: Kind) -> Result<ArrayRef, (usize, Expected)> {
    if *array.data_type() == kind.to_arrow() {
        return Ok(ArrayRef::clone(array));
    }
    cast_all(array, kind).map_err(|_| {
        let bad = |&row: &usize| cast_all(&array.slice(row, 1), kind).is_err();
        ((0..array.len()).find(bad).unwrap_or(0), Expected::Kind(kind))
    })
}

fn cast_all(array: &ArrayRef, kind: Kind) -> Result<ArrayRef, ArrowError> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let to = |array: &dyn Array, to: &DataType| cast_with_options(array, to, &options);
    let array = match array.data_type() {
        DataType::Dictionary(_, values) => to(array, values)?,
        _ => ArrayRef::clone(array),
    };
    let array: ArrayRef = match array.data_type() {
        // Straight to nanoseconds they would not be checked.
        DataType::Date32 => {
            with_zone(&to(&array, &DataType::Timestamp(TimeUnit::Second, None))?, Some("UTC"))
        }
        DataType::Date64 => {
            with_zone(&to(&array, &DataType::Timestamp(TimeUnit::Millisecond, None))?, Some("UTC"))
        }
        // A time with a zone counts from 1970 UTC all the same, and one without is UTC.
        DataType::Timestamp(..) => with_zone(&array, Some("UTC")),
        _ => array,
    };
    to(&array, &kind.to_arrow())
}

/// The same numbers with another zone.
fn with_zone(array: &ArrayRef, zone: Option<&str>) -> ArrayRef {
    fn in_unit<T: ArrowTimestampType>(array: &ArrayRef, zone: Option<&str>) -> ArrayRef {
        Arc::new(array.as_primitive::<T>().clone().with_timezone_opt(zone))
    }
    match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => in_unit::<TimestampSecondType>(array, zone),
        DataType::Timestamp(TimeUnit::Millisecond, _) => in_unit::<TimestampMillisecondType>(array, zone),
        DataType::Timestamp(TimeUnit::Microsecond, _) => in_unit::<TimestampMicrosecondType>(array, zone),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => in_unit::<TimestampNanosecondType>(array, zone),
        _ => ArrayRef::clone(array),
    }
}
