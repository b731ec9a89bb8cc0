//! Carrying out a question.

use std::io::{self, Read as _, Write};

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::DataType;
use dazaar_data::Tables;
use dazaar_sql::Sql;
use dazaar_table::export::{OutputFormat, RowWriter};
use futures_util::TryStreamExt as _;

use super::Arguments;
use super::wrong::wrong;
use crate::commands::Context;
use crate::commands::table::{create, file_of, output_format, reserve_for_rows};
use crate::event::Event;
use crate::failure::{Failure, Kind};
use crate::signals::Interruption;

pub(super) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let file = file_of(arguments.output.as_deref());
    if file.is_none() {
        reserve_for_rows(&context.output)?;
    }
    let format = output_format(arguments.format, file)?;
    let names = arguments.tables.iter().cloned().collect();
    let market = context.market_or_new()?;
    let settings = arguments.seller.settings(&market, names)?;
    let tables = Tables::new(market, settings);
    let memory = usize::try_from(arguments.memory).unwrap_or(usize::MAX);
    let sql = Sql::new(tables, memory).map_err(|error| wrong(&error))?;
    let outcome = Interruption::listen()?.or(answer(&sql, arguments, format)).await;
    sql.flush().await?;
    for (_, rows) in sql.gone() {
        context.output.event(&Event::RowsGone { start: rows.start, end: rows.end })?;
    }
    match outcome? {
        Some(rows) => Ok(context.output.event(&Event::Answered { rows, downloaded: sql.downloaded() })?),
        None => {
            Err(Failure::new(Kind::Interrupted, "interrupted; what was downloaded is not asked for again"))
        }
    }
}

/// Writes the rows of the answer. Returns how many there are.
async fn answer(sql: &Sql, arguments: &Arguments, format: OutputFormat) -> Result<u64, Failure> {
    let mut rows = sql.query(&text(&arguments.query)?).await.map_err(|error| wrong(&error))?;
    let schema = rows.schema();
    let is_explained = schema.fields().iter().map(|field| field.name()).eq(["plan_type", "plan"])
        && schema.fields().iter().all(|field| *field.data_type() == DataType::Utf8);
    let first = rows.try_next().await.map_err(|error| wrong(&error))?;
    // Only now is a file touched.
    let mut out: Box<dyn Write + Send> = match file_of(arguments.output.as_deref()) {
        Some(path) => Box::new(create(path)?),
        None => Box::new(io::stdout()),
    };
    if is_explained && format == OutputFormat::Table {
        explain(first.iter(), &mut out)?;
        return Ok(0);
    }
    let mut writer = RowWriter::of_arrow(format, &schema, out)?;
    let mut next = first;
    let mut count = 0;
    while let Some(batch) = next {
        count += batch.num_rows() as u64;
        writer.write(&batch)?;
        next = rows.try_next().await.map_err(|error| wrong(&error))?;
    }
    writer.finish()?;
    Ok(count)
}

/// Plans have several lines, which no column has room for.
fn explain<'a>(batches: impl Iterator<Item = &'a RecordBatch>, out: &mut impl Write) -> Result<(), Failure> {
    for batch in batches {
        let (kinds, plans) = (batch.column(0).as_string::<i32>(), batch.column(1).as_string::<i32>());
        for (kind, plan) in kinds.iter().zip(plans).filter_map(|(kind, plan)| Some((kind?, plan?))) {
            writeln!(out, "{kind}\n{plan}")?;
        }
    }
    Ok(())
}

fn text(query: &str) -> Result<String, Failure> {
    if query != "-" {
        return Ok(query.to_owned());
    }
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    Ok(text)
}
