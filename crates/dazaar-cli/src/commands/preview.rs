//! `dazaar preview`: a look at the rows that a seller marked free.

use std::io::{self, Write};
use std::path::PathBuf;

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use clap::Args;
use dazaar::cards::extension::display_text;
use dazaar::wire::replication::Download;
use dazaar_data::PreviewQuestion;
use dazaar_table::export::{OutputFormat, RowWriter};
use dazaar_table::{Kind as ColumnKind, Schema};
use textplots::{Chart, Plot as _, Shape};

use super::Context;
use super::purchase::{Purchase, SellerArguments};
use super::table::{RowsFormat, Times, create, file_of, output_format, reserve_for_rows};
use crate::event::Event;
use crate::failure::{Failure, Kind};
use crate::signals::Interruption;

/// Dots of the chart: two to a character across, four down.
const CHART_DOTS: (u32, u32) = (140, 48);

/// Look at the rows that a seller marked free, before paying
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dazaar preview 'dazaar:4f1c...?at=203.0.113.7:49737'
  dazaar preview prices.card.json --from 2026-03-01 --limit 500 --chart price")]
pub(crate) struct Arguments {
    /// A card (JSON file), a link (dazaar:...), the seller's key, or the name of a purchase
    seller: String,

    #[command(flatten)]
    times: Times,

    /// No more rows than so many
    #[arg(long, value_name = "ROWS", default_value_t = 20)]
    limit: u64,

    /// Draw the values of this column instead of writing rows
    #[arg(long, value_name = "COLUMN", conflicts_with = "format")]
    chart: Option<String>,

    /// How rows are written [default: by the name of the file; a table in a terminal, else csv]
    #[arg(long, value_enum)]
    format: Option<RowsFormat>,

    /// File to write to
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    purchase: SellerArguments,
}

pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let file = file_of(arguments.output.as_deref());
    if file.is_none() {
        reserve_for_rows(&context.output)?;
    }
    let format = match arguments.chart {
        Some(_) => OutputFormat::Table,
        None => output_format(arguments.format, file)?,
    };
    let market = context.market_or_new()?;
    let purchase = Purchase::new(&market, &arguments.seller, &arguments.purchase, Download::Sparse)?;
    let (from, to) = arguments.times.as_text();
    // A chart shows as many as there are.
    let limit = arguments.chart.is_none().then_some(arguments.limit);
    let question = PreviewQuestion { from, to, limit };
    let Some(answer) = Interruption::listen()?.or(purchase.ask(&question)).await? else {
        return Err(Failure::new(Kind::Interrupted, "interrupted"));
    };
    let nonsense =
        |error: String| Failure::new(Kind::General, format!("the seller's rows make no sense: {error}"));
    let rows = answer.batch().map_err(nonsense)?;
    let wanted = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let rows = rows.slice(0, rows.num_rows().min(wanted));
    // Only now is a file touched.
    let mut out: Box<dyn Write + Send> = match file {
        Some(path) => Box::new(create(path)?),
        None => Box::new(io::stdout()),
    };
    match &arguments.chart {
        Some(column) => draw(&answer.schema, &rows, column, &mut out)?,
        None => write(format, &answer.schema, &rows, out)?,
    }
    let free = answer.free.iter().map(|rule| display_text(rule)).collect();
    Ok(context.output.event(&Event::Preview { rows: rows.num_rows() as u64, free })?)
}

fn write(
    format: OutputFormat,
    schema: &Schema,
    rows: &RecordBatch,
    out: Box<dyn Write + Send>,
) -> Result<(), Failure> {
    let mut writer = RowWriter::new(format, schema, out)?;
    if rows.num_rows() > 0 {
        writer.write(rows)?;
    }
    Ok(writer.finish()?)
}

/// Draws a column over the rows, which are in the order of the table.
fn draw(schema: &Schema, rows: &RecordBatch, name: &str, out: &mut impl Write) -> Result<(), Failure> {
    let is_number = |kind| matches!(kind, ColumnKind::Int | ColumnKind::Float | ColumnKind::Decimal { .. });
    let column = schema.find(name).filter(|&nth| is_number(schema.columns()[nth].kind));
    let column = column.ok_or_else(|| Failure::input(format!("there is no column `{name}` with numbers")))?;
    let values =
        cast(rows.column(column), &DataType::Float64).map_err(|error| Failure::new(Kind::General, error))?;
    let values = values.as_primitive::<Float64Type>();
    let points: Vec<(f32, f32)> = (0..values.len())
        .filter(|&row| values.is_valid(row) && values.value(row).is_finite())
        .map(|row| (row as f32, values.value(row) as f32))
        .collect();
    if points.len() < 2 {
        return Err(Failure::input(format!("`{name}` has too few values to draw")));
    }
    let (width, height) = CHART_DOTS;
    let shape = Shape::Lines(&points);
    let mut chart = Chart::new(width, height, 0.0, values.len().saturating_sub(1) as f32);
    let chart = chart.lineplot(&shape);
    chart.axis();
    chart.figures();
    let title = match &schema.columns()[column].unit {
        Some(unit) => format!("{name} [{}]", display_text(unit)),
        None => name.to_owned(),
    };
    writeln!(out, "{title}\n{chart}")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, TimestampNanosecondArray};
    use dazaar_table::Column;

    use super::*;

    #[test]
    fn numbers_are_drawn_and_nothing_else() {
        let columns =
            vec![Column::new("time", ColumnKind::Timestamp), Column::new("price", ColumnKind::Float)];
        let schema = Schema::new(columns, "time", &[] as &[&str], None).unwrap();
        let times = TimestampNanosecondArray::from_iter_values(0..4).with_timezone("UTC");
        let prices = Float64Array::from(vec![Some(1.0), None, Some(f64::NAN), Some(3.0)]);
        let rows = RecordBatch::try_new(schema.to_arrow(), vec![Arc::new(times), Arc::new(prices)]).unwrap();
        let mut out = Vec::new();
        draw(&schema, &rows, "price", &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("price\n") && text.contains("3.0") && text.contains("1.0"), "{text}");
        let dots = text.chars().filter(|char| ('\u{2801}'..='\u{28ff}').contains(char)).count();
        assert!(dots > CHART_DOTS.0 as usize / 2, "{text}");
        assert!(draw(&schema, &rows, "time", &mut Vec::new()).is_err());
        assert!(draw(&schema, &rows.slice(0, 2), "price", &mut Vec::new()).is_err());
    }
}
