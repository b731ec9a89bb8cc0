//! Tables: blocks of a seller who may write anything into them.

use std::convert::Infallible;
use std::io::sink;

use dazaar_table::export::{OutputFormat, RowWriter};
use dazaar_table::import::{Expect, FileFormat, RowReader};
use dazaar_table::index::Index;
use dazaar_table::read::{Locator, Query, Rows, RowsEvent};
use dazaar_table::times::{Rfc3339, parse_moment, parse_span, parse_time};
use dazaar_table::{Column, Kind, Schema, TableWriter, header, segment};

/// Columns of a schema that the input chooses.
const COLUMNS: usize = 8;

/// A header: what is read is written the same way.
pub fn table_header(data: &[u8]) {
    if let Ok(schema) = header::decode(data) {
        let again = header::decode(&header::encode(&schema)).expect("what we write we read");
        assert_eq!(again, schema);
    }
}

/// A segment of a table that has a time and so many columns as the first byte says, whose types are in the next ones. Whatever
/// is read can be written as text.
pub fn table_segment(data: &[u8]) {
    let Some((&count, rest)) = data.split_first() else { return };
    let Some((kinds, block)) = rest.split_at_checked(usize::from(count) % COLUMNS) else { return };
    let schema = schema_of(kinds);
    let all: Vec<usize> = (0..schema.columns().len()).collect();
    let head = segment::decode_head(block);
    let Ok((found, rows)) = segment::decode(&schema, block, &all) else { return };
    assert_eq!(head, Ok(found));
    assert_eq!(rows.num_rows() as u64, found.rows);
    for format in [OutputFormat::Csv, OutputFormat::JsonLines] {
        let mut writer =
            RowWriter::new(format, &schema, Box::new(sink())).expect("nothing fails to be written");
        writer.write(&rows).expect("rows of the schema");
    }
}

/// The time and columns of these types.
pub(crate) fn schema_of(kinds: &[u8]) -> Schema {
    let kind = |byte: &u8| match byte % 7 {
        0 => Kind::Timestamp,
        1 => Kind::Int,
        2 => Kind::Float,
        3 => Kind::Decimal { scale: byte / 7 % 19 },
        4 => Kind::Text,
        5 => Kind::Bool,
        _ => Kind::Bytes,
    };
    let others = kinds.iter().zip(0..).map(|(byte, nth)| Column::new(format!("c{nth}"), kind(byte)));
    let columns = [Column::new("time", Kind::Timestamp)].into_iter().chain(others).collect();
    let none: [&str; 0] = [];
    Schema::new(columns, "time", &none, None).expect("names that differ")
}

/// An index: rows follow each other.
pub fn table_index(data: &[u8]) {
    let Ok(index) = Index::decode(data) else { return };
    let entries: Vec<_> = index.levels.iter().rev().flatten().collect();
    assert!(entries.iter().all(|entry| entry.rows > 0 && entry.earliest <= entry.latest));
    assert!(entries.windows(2).all(|pair| pair[0].end_row() == pair[1].first_row));
    assert_eq!(index.end_row(), entries.last().map_or(0, |entry| entry.end_row()));
}

/// A question, and the blocks of a feed: each two bytes with its length, then so many bytes. Reading ends, and gives no row twice.
pub fn table_read(data: &[u8]) {
    let Some((&[asked, number], rest)) = data.split_first_chunk() else { return };
    let blocks = blocks(rest);
    let when = i64::from(number) * 1_000_000_000;
    let query = Query {
        from: (asked & 1 != 0).then_some(when),
        to: (asked & 2 != 0).then_some(when + 60_000_000_000),
        from_row: if asked & 4 != 0 { number.into() } else { 0 },
        last: (asked & 8 != 0).then_some(number.into()),
        limit: (asked & 16 != 0).then_some(number.into()),
        symbols: if asked & 32 != 0 { vec!["BTC".to_owned()] } else { Vec::new() },
        ..Query::default()
    };
    // A block whose bit is not there is gone.
    let block = |nth: u64| blocks.get(nth as usize).copied().filter(|_| asked & 64 == 0 || nth % 7 != 3);
    let mut locator = Locator::new(blocks.len() as u64, query);
    let mut rounds = 0;
    while !locator.wanted().is_empty() {
        rounds += 1;
        assert!(rounds < 12, "more rounds than an index has levels");
        for number in locator.wanted() {
            if locator.handle_block(number, block(number)).is_err() {
                return;
            }
        }
    }
    let mut rows = Rows::new(locator.into_plan().expect("nothing more is wanted"));
    let mut given = 0;
    while let Some(number) = rows.wanted() {
        let before = rows.next_row();
        match rows.handle_block(block(number)) {
            Ok(RowsEvent::Rows(batch)) => given += batch.num_rows() as u64,
            Ok(RowsEvent::Gone(_) | RowsEvent::Nothing) => {}
            Err(_) => return,
        }
        assert!(rows.next_row() >= before, "a row comes twice");
        assert!(given <= rows.next_row(), "more rows than there are");
    }
}

fn blocks(data: &[u8]) -> Vec<&[u8]> {
    let mut blocks = Vec::new();
    let mut rest = data;
    while let Some((length, after)) = rest.split_first_chunk() {
        let (block, after) = after.split_at(usize::from(u16::from_be_bytes(*length)).min(after.len()));
        blocks.push(block);
        rest = after;
    }
    blocks
}

/// The same blocks, as somebody goes on with them: what comes then can be read back, in the same way.
pub fn table_resume(data: &[u8]) {
    let mut blocks: Vec<Vec<u8>> = blocks(data).into_iter().map(<[u8]>::to_vec).collect();
    let resume = |blocks: &[Vec<u8>]| {
        let length = (blocks.len() as u64).max(1);
        TableWriter::resume(length, |nth| Ok::<_, Infallible>(blocks.get(nth as usize)))
    };
    let Ok(mut writer) = resume(&blocks) else { return };
    let expect = Expect { schema: Some(writer.schema().clone()), ..Expect::default() };
    let names: Vec<String> = writer.schema().columns().iter().map(|column| column.name.clone()).collect();
    let time = writer.schema().columns()[writer.schema().time()].name.clone();
    let row = names.iter().map(|name| (name.clone(), (*name == time).then_some("2200-01-01T00:00:00Z")));
    let row = serde_json::to_vec(&row.collect::<std::collections::BTreeMap<_, _>>()).expect("a row is JSON");
    let read =
        RowReader::from_bytes(FileFormat::JsonLines, row, &expect).and_then(|mut reader| reader.read());
    let Ok(Some(rows)) = read else { return };
    let before = writer.rows();
    if writer.push(&rows).is_err() {
        return;
    }
    writer.flush();
    blocks.extend(writer.take_blocks());
    assert_eq!(resume(&blocks).expect("what we wrote we go on with").rows(), before + 1);
    writer.finish();
    blocks.extend(writer.take_blocks());
    assert_eq!(resume(&blocks).expect("what we wrote we go on with").rows(), before + 1);
}

/// Rows of CSV.
pub fn import_csv(data: &[u8]) {
    import(FileFormat::Csv, data);
}

/// Rows of JSON lines.
pub fn import_json(data: &[u8]) {
    import(FileFormat::JsonLines, data);
}

/// Rows of a Parquet file.
pub fn import_parquet(data: &[u8]) {
    import(FileFormat::Parquet, data);
}

/// Rows of an Arrow IPC stream or file.
pub fn import_ipc(data: &[u8]) {
    import(FileFormat::ArrowIpc, data);
}

/// Whatever is read is rows of the schema, and fits into a table.
fn import(format: FileFormat, data: &[u8]) {
    let Ok(mut reader) = RowReader::from_bytes(format, data.to_vec(), &Expect::default()) else { return };
    let mut writer = TableWriter::new(reader.schema().clone());
    while let Ok(Some(rows)) = reader.read() {
        assert!(rows.num_rows() > 0);
        if writer.rows() < 100_000 {
            // A row may be too large.
            let _ = writer.push(&rows);
        }
    }
    assert!(matches!(reader.read(), Ok(None)), "something comes after the end");
}

/// Times as people write them, at any time; and a time that is shown is read again.
pub fn moment(data: &[u8]) {
    let Some((now, text)) = data.split_first_chunk() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let now = i64::from_be_bytes(*now);
    for time in [parse_moment(text, now), parse_time(text), Ok(now)].into_iter().flatten() {
        assert_eq!(parse_time(&Rfc3339(time).to_string()), Ok(time));
    }
    if let Ok(span) = parse_span(text) {
        assert!(span >= 0);
    }
}
