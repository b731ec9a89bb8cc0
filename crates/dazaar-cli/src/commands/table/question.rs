//! What is asked of a table.

use std::fs::File;
use std::io::IsTerminal as _;
use std::path::Path;

use clap::{Args, ValueEnum};
use dazaar_table::export::OutputFormat;
use dazaar_table::import::FileFormat;
use dazaar_table::read::Query;
use dazaar_table::times::{Rfc3339, parse_moment, parse_span};

use crate::failure::{Failure, Kind};
use crate::output::Output;

/// Between which times.
#[derive(Debug, Args)]
pub(crate) struct Times {
    /// From this time on: 2026-03-01, 2026-03-01T09:30:00Z, "2h ago"
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<i64>,

    /// Before this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<i64>,
}

impl Times {
    /// As they stand in a message: JavaScript's numbers have no room for nanoseconds.
    pub(crate) fn as_text(&self) -> (Option<String>, Option<String>) {
        let text = |time: Option<i64>| time.map(|time| Rfc3339(time).to_string());
        (text(self.from), text(self.to))
    }
}

/// Which rows of a table, and how they are written.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rows of a table")]
pub(crate) struct Question {
    #[command(flatten)]
    times: Times,

    /// Only these columns, in this order: time,price
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    columns: Vec<String>,

    /// Only rows of which this is true: 'price>=100'; may be repeated
    #[arg(long = "where", value_name = "CONDITION")]
    conditions: Vec<String>,

    /// Only rows with this value of the first key column; may be repeated
    #[arg(long = "symbol", value_name = "VALUE", value_delimiter = ',')]
    symbols: Vec<String>,

    /// No more rows than so many
    #[arg(long, value_name = "ROWS")]
    limit: Option<u64>,

    /// Only the last so many rows, and of those the ones that are asked for
    #[arg(long, value_name = "ROWS")]
    pub(crate) last: Option<u64>,

    /// How rows are written [default: by the name of the file; a table in a terminal, else csv]
    #[arg(long, value_enum)]
    format: Option<RowsFormat>,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowsFormat {
    /// Aligned columns, to look at
    Table,
    /// Comma separated values with a header
    Csv,
    /// One JSON object a line
    Jsonl,
    /// A Parquet file
    Parquet,
    /// An Arrow IPC stream
    Arrow,
}

impl From<RowsFormat> for OutputFormat {
    fn from(format: RowsFormat) -> Self {
        match format {
            RowsFormat::Table => Self::Table,
            RowsFormat::Csv => Self::Csv,
            RowsFormat::Jsonl => Self::JsonLines,
            RowsFormat::Parquet => Self::Parquet,
            RowsFormat::Arrow => Self::Arrow,
        }
    }
}

impl Question {
    /// The question.
    pub(crate) fn query(&self) -> Query {
        Query {
            from: self.times.from,
            to: self.times.to,
            from_row: 0,
            to_row: None,
            last: self.last,
            limit: self.limit,
            columns: self.columns.clone(),
            symbols: self.symbols.clone(),
            conditions: self.conditions.clone(),
        }
    }

    /// How the rows are written to `file`, or to standard output.
    pub(crate) fn format(&self, file: Option<&Path>) -> Result<OutputFormat, Failure> {
        output_format(self.format, file)
    }
}

/// How rows are written to `file`, or to standard output, if somebody asks for this format.
pub(crate) fn output_format(asked: Option<RowsFormat>, file: Option<&Path>) -> Result<OutputFormat, Failure> {
    if let Some(format) = asked {
        return Ok(format.into());
    }
    let Some(file) = file else {
        let is_terminal = std::io::stdout().is_terminal();
        return Ok(if is_terminal { OutputFormat::Table } else { OutputFormat::Csv });
    };
    format_of(file).ok_or_else(|| {
        Failure::new(Kind::Usage, format!("{}: the name does not say how to write rows", file.display()))
            .hint("add --format csv, jsonl, parquet or arrow")
    })
}

/// A file for rows.
pub(crate) fn create(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|error| Failure::input(format!("{}: {error}", path.display())))
}

/// Rows go to standard output, so that nothing else may.
pub(crate) fn reserve_for_rows(output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        return Err(Failure::new(Kind::Usage, "--json and rows would both write to standard output")
            .hint("write the rows to a file with -o, or leave out --json and add --format jsonl"));
    }
    output.reserve_for_data();
    Ok(())
}

/// How rows are written to a file of this name, if it says so.
pub(crate) fn format_of(file: &Path) -> Option<OutputFormat> {
    FileFormat::of_name(&file.to_string_lossy()).map(|format| match format {
        FileFormat::Csv => OutputFormat::Csv,
        FileFormat::JsonLines => OutputFormat::JsonLines,
        FileFormat::Parquet => OutputFormat::Parquet,
        FileFormat::ArrowIpc => OutputFormat::Arrow,
    })
}

/// A time as people type it.
pub(crate) fn moment(text: &str) -> Result<i64, String> {
    let now_ns = dazaar::now_ms().saturating_mul(1_000_000);
    parse_moment(text, now_ns).map_err(|error| error.to_string())
}

/// A span of time as people type it, in nanoseconds.
pub(crate) fn span(text: &str) -> Result<i64, String> {
    parse_span(text).map_err(|error| error.to_string())
}

/// Where a path of `-` means standard output.
pub(crate) fn file_of(path: Option<&Path>) -> Option<&Path> {
    path.filter(|path| *path != Path::new("-"))
}
