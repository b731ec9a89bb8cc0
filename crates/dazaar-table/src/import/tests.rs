use std::io::{self, Read};

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{Int64Type, TimestampNanosecondType};
use arrow::util::display::array_value_to_string;
use proptest::prelude::*;

use super::*;
use crate::schema::{Column, Kind};
use crate::times::Rfc3339;

mod columnar;
mod text;

/// 2026-01-05T09:30:00Z.
const TIME: i64 = 1_767_605_400_000_000_000;

/// Gives its bytes in pieces of these sizes, over and over.
struct Pieces {
    bytes: Vec<u8>,
    at: usize,
    sizes: Vec<usize>,
    nth: usize,
}

impl Read for Pieces {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        unreachable!("the reader asks for buffers")
    }
}

impl BufRead for Pieces {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let size = self.sizes[self.nth % self.sizes.len()];
        Ok(&self.bytes[self.at..(self.at + size).min(self.bytes.len())])
    }

    fn consume(&mut self, bytes: usize) {
        self.at += bytes;
        self.nth += 1;
    }
}

/// All rows as text, and the error at the end if there is one.
fn all(reader: Result<RowReader, ImportError>) -> (Vec<Vec<String>>, Option<String>) {
    let mut rows = Vec::new();
    let mut reader = match reader {
        Ok(reader) => reader,
        Err(error) => return (rows, Some(error.to_string())),
    };
    loop {
        match reader.read() {
            Ok(None) => return (rows, None),
            Err(error) => {
                assert!(reader.read().unwrap().is_none());
                return (rows, Some(error.to_string()));
            }
            Ok(Some(batch)) => {
                assert_eq!(batch.schema(), reader.schema().to_arrow());
                assert!((1..=limits::BATCH_ROWS).contains(&batch.num_rows()));
                for row in 0..batch.num_rows() {
                    let cell = |column: &ArrayRef| match column.as_primitive_opt::<TimestampNanosecondType>()
                    {
                        Some(times) => Rfc3339(times.value(row)).to_string(),
                        None => array_value_to_string(column, row).unwrap(),
                    };
                    rows.push(batch.columns().iter().map(cell).collect());
                }
            }
        }
    }
}

fn read(format: FileFormat, bytes: &[u8], expect: &Expect) -> (Vec<Vec<String>>, Option<String>) {
    all(RowReader::from_bytes(format, bytes.to_vec(), expect))
}

fn error(format: FileFormat, bytes: &[u8], expect: &Expect) -> String {
    read(format, bytes, expect).1.expect("an error")
}

fn kinds(reader: &RowReader) -> Vec<Kind> {
    reader.schema().columns().iter().map(|column| column.kind).collect()
}

/// What the user says who gives these columns.
fn said(columns: &[(&str, Kind)]) -> Expect {
    let columns: Vec<Column> = columns.iter().map(|(name, kind)| Column::new(*name, *kind)).collect();
    let none: [&str; 0] = [];
    Expect { schema: Some(Schema::new(columns, "time", &none, None).unwrap()), ..Expect::default() }
}

#[test]
fn endings_tell_formats() {
    for (name, format) in [
        ("a.csv", Some(FileFormat::Csv)),
        ("a.b.CSV", Some(FileFormat::Csv)),
        ("a.jsonl", Some(FileFormat::JsonLines)),
        ("a.ndjson", Some(FileFormat::JsonLines)),
        ("a.parquet", Some(FileFormat::Parquet)),
        ("a.arrow", Some(FileFormat::ArrowIpc)),
        ("a.feather", Some(FileFormat::ArrowIpc)),
        ("a.ipc", Some(FileFormat::ArrowIpc)),
        ("a.txt", None),
        ("csv", None),
    ] {
        assert_eq!(FileFormat::of_name(name), format, "{name}");
    }
}
