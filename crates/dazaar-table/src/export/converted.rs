//! Rows of any Arrow types for the formats that know only ours. Grade: over a door (the format).

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, RecordBatch, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::Schema as ArrowSchema;
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::{ExportError, RowSink};
use crate::import::kind_of;
use crate::schema::{Column, Kind};

/// Turns values into those of our types that come closest: whatever has none is text.
pub(super) struct Converted {
    sink: Box<dyn RowSink>,
    columns: Vec<Column>,
}

/// The columns that come closest.
pub(super) fn columns(schema: &ArrowSchema) -> Vec<Column> {
    let column = |field: &Arc<arrow::datatypes::Field>| {
        Column::new(field.name(), kind_of(field.data_type()).unwrap_or(Kind::Text))
    };
    schema.fields().iter().map(column).collect()
}

impl Converted {
    pub(super) const fn new(sink: Box<dyn RowSink>, columns: Vec<Column>) -> Self {
        Self { sink, columns }
    }
}

impl RowSink for Converted {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), ExportError> {
        let converted = |(column, values): (&Column, &ArrayRef)| convert(values, column.kind);
        let arrays =
            self.columns.iter().zip(batch.columns()).map(converted).collect::<Result<Vec<_>, _>>()?;
        // Names may be there twice, which a batch does not mind.
        let fields: Vec<_> = self
            .columns
            .iter()
            .map(|column| arrow::datatypes::Field::new(&column.name, column.kind.to_arrow(), true))
            .collect();
        self.sink.write(&RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), arrays)?)
    }

    fn flush(&mut self) -> Result<(), ExportError> {
        self.sink.flush()
    }

    fn finish(&mut self) -> Result<(), ExportError> {
        self.sink.finish()
    }
}

fn convert(values: &ArrayRef, kind: Kind) -> Result<ArrayRef, ArrowError> {
    if *values.data_type() == kind.to_arrow() {
        return Ok(ArrayRef::clone(values));
    }
    if kind != Kind::Text || kind_of(values.data_type()).is_some() {
        let options = CastOptions { safe: false, ..CastOptions::default() };
        return cast_with_options(values, &kind.to_arrow(), &options);
    }
    let options = FormatOptions::new().with_display_error(true);
    let formatter = ArrayFormatter::try_new(values, &options)?;
    let text = |row| values.is_valid(row).then(|| formatter.value(row).to_string());
    Ok(Arc::new((0..values.len()).map(text).collect::<StringArray>()))
}
