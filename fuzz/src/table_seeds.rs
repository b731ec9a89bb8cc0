//! Seeds of the targets about tables: honest blocks and files of a small table.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use dazaar_table::export::{OutputFormat, RowWriter};
use dazaar_table::import::{Expect, FileFormat, RowReader};
use dazaar_table::{Schema, TableWriter};

const SCHEMA: &str = r#"{"time":"time","keys":["symbol"],"fields":[{"name":"time","type":"timestamp"},{"name":"symbol","type":"text"},{"name":"price","type":"decimal","scale":2},{"name":"size","type":"float"},{"name":"number","type":"int"},{"name":"buy","type":"bool"},{"name":"hash","type":"bytes"}]}"#;

/// Types of the columns after the time, as `table_segment` reads them: text, decimal, float, int, bool, bytes.
const KINDS: [u8; 7] = [6, 4, 17, 2, 1, 5, 6];

/// The seeds of a target; none if it is not about tables.
pub(crate) fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "import_csv" => vec![csv(12).into_bytes(), b"time,x\r\n1767605400,\"a\nb\"\r\n".to_vec()],
        "import_ipc" => vec![file(OutputFormat::Arrow)],
        "import_json" => vec![file(OutputFormat::JsonLines), b"{\"t\":\"2026-01-05\",\"x\":null}\n".to_vec()],
        "import_parquet" => vec![file(OutputFormat::Parquet)],
        "moment" => {
            ["2026-01-05T09:30:00.5+01:00", "2h ago", "1 month ago", "2026-03", "1767605400", "1d 12h"]
                .map(|text| [&1_767_605_400_000_000_000_i64.to_be_bytes(), text.as_bytes()].concat())
                .to_vec()
        }
        "table_header" => vec![feed(&[]).swap_remove(0)],
        "table_index" => vec![feed(&[40]).pop().unwrap_or_default(), many_keys()],
        "table_read" => {
            let queries: [[u8; 2]; 4] = [[0, 0], [1 + 2, 30], [8 + 16, 9], [32 + 64, 1]];
            queries.iter().map(|query| [&query[..], &laid_out(&feed(&[40, 3, 2]))].concat()).collect()
        }
        "table_resume" => vec![laid_out(&feed(&[40])), laid_out(&unfinished())],
        "table_segment" => {
            vec![[&KINDS, &feed(&[40])[1][..]].concat(), [&KINDS, &feed(&[3])[1][..]].concat()]
        }
        _ => Vec::new(),
    }
}

fn csv(rows: u64) -> String {
    let row = |nth: u64| {
        let symbol = ["BTC", "ETH", ""][nth as usize % 3];
        let price = if nth % 5 == 4 { String::new() } else { format!("{nth}.{:02}", nth % 7) };
        let buy = ["true", "false", ""][nth as usize % 3];
        format!("1970-01-01T00:00:{:02}Z,{symbol},{price},{nth}.5,{nth},{buy},{:02x}\n", nth % 60, nth % 9)
    };
    "time,symbol,price,size,number,buy,hash\n".to_owned() + &(0..rows).map(row).collect::<String>()
}

fn reader(text: String) -> RowReader {
    let schema: Schema = serde_json::from_str(SCHEMA).expect("a schema");
    let expect = Expect { schema: Some(schema), ..Expect::default() };
    RowReader::from_bytes(FileFormat::Csv, text.into_bytes(), &expect).expect("a CSV file")
}

fn push(writer: &mut TableWriter, rows: u64) {
    let rows = reader(csv(rows)).read().expect("rows").expect("some rows");
    writer.push(&rows).expect("rows of the table");
}

/// A table to which so many rows were added each time, and which was finished each time.
fn feed(counts: &[u64]) -> Vec<Vec<u8>> {
    let mut writer = TableWriter::new(reader(csv(1)).schema().clone());
    for count in counts {
        push(&mut writer, *count);
        writer.finish();
    }
    writer.take_blocks()
}

/// A table with live rows at its end.
fn unfinished() -> Vec<Vec<u8>> {
    let mut writer = TableWriter::new(reader(csv(1)).schema().clone());
    push(&mut writer, 20);
    writer.finish();
    for count in [1, 3] {
        push(&mut writer, count);
        writer.flush();
    }
    writer.take_blocks()
}

/// An index of several segments.
fn many_keys() -> Vec<u8> {
    feed(&[1; 12]).pop().unwrap_or_default()
}

fn laid_out(blocks: &[Vec<u8>]) -> Vec<u8> {
    let block = |block: &Vec<u8>| {
        let length = u16::try_from(block.len()).expect("a small block");
        [&length.to_be_bytes(), &block[..]].concat()
    };
    blocks.iter().flat_map(block).collect()
}

/// A file with the rows.
fn file(format: OutputFormat) -> Vec<u8> {
    let written = Written::default();
    let mut reader = reader(csv(40));
    let mut writer = RowWriter::new(format, reader.schema(), Box::new(written.clone())).expect("a writer");
    while let Some(rows) = reader.read().expect("rows") {
        writer.write(&rows).expect("memory takes rows");
    }
    writer.finish().expect("memory takes rows");
    written.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// What was written, while its writer has the other end.
#[derive(Debug, Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::schema_of;

    #[test]
    fn the_segments_are_segments_of_their_schema() {
        for seed in of("table_segment") {
            let schema = schema_of(&seed[1..KINDS.len()]);
            let all: Vec<usize> = (0..KINDS.len()).collect();
            dazaar_table::segment::decode(&schema, &seed[KINDS.len()..], &all).expect("an honest segment");
        }
    }
}
