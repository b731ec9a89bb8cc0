use std::convert::Infallible;
use std::sync::Arc;

use arrow::array::{Int64Array, StringArray, TimestampNanosecondArray};
use proptest::prelude::*;

use super::*;
use crate::index::{INDEX, Index};
use crate::read::{Query, Rows, RowsEvent, locate};
use crate::schema::{Column, Kind};

const SECOND: i64 = 1_000_000_000;

fn schema(lateness: Option<i64>) -> Schema {
    let columns = vec![
        Column::new("time", Kind::Timestamp),
        Column::new("symbol", Kind::Text),
        Column::new("size", Kind::Int),
    ];
    Schema::new(columns, "time", &["symbol"], lateness).unwrap()
}

fn rows(range: std::ops::Range<u64>) -> RecordBatch {
    let times = range.clone().map(|row| row as i64 * SECOND);
    let symbols = range.clone().map(|row| ["BTC", "ETH"][row as usize % 2]);
    RecordBatch::try_new(
        schema(None).to_arrow(),
        vec![
            Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC")),
            Arc::new(StringArray::from_iter_values(symbols)),
            Arc::new(Int64Array::from_iter_values(range.map(|row| row as i64))),
        ],
    )
    .unwrap()
}

/// All rows in order, each once, as somebody reads them who takes every block.
fn read(blocks: &[Vec<u8>]) -> RecordBatch {
    let schema = header::decode(&blocks[0]).unwrap();
    let mut next = 0;
    let mut parts = Vec::new();
    for block in blocks[1..].iter().filter(|block| block[0] != INDEX) {
        let (head, rows) = segment::decode(&schema, block, &[0, 1, 2]).unwrap();
        assert!(head.first_row <= next, "a gap before row {}", head.first_row);
        if head.end_row() > next {
            let skipped = (next - head.first_row) as usize;
            parts.push(rows.slice(skipped, rows.num_rows() - skipped));
            next = head.end_row();
        }
    }
    concat_batches(&schema.to_arrow(), &parts).unwrap()
}

/// All rows that the last index block leads to.
fn indexed(blocks: &[Vec<u8>]) -> u64 {
    let index = Index::decode(blocks.last().unwrap()).unwrap();
    for entry in index.levels[0].iter() {
        let block = &blocks[entry.block as usize];
        let head = segment::decode_head(block).unwrap();
        assert!(head.is_sealed);
        let said = (entry.first_row, entry.rows, entry.earliest, entry.latest, entry.bytes);
        assert_eq!(said, (head.first_row, head.rows, head.earliest, head.latest, block.len() as u64));
    }
    index.end_row()
}

fn resumed(blocks: &[Vec<u8>]) -> TableWriter {
    TableWriter::resume(blocks.len() as u64, |block| Ok::<_, Infallible>(blocks.get(block as usize))).unwrap()
}

#[derive(Debug, Clone)]
enum Step {
    Push(u64),
    Flush,
    Finish,
    Resume,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1_u64..30).prop_map(Step::Push),
        1 => (1_u64..20_000).prop_map(Step::Push),
        3 => Just(Step::Flush),
        1 => Just(Step::Finish),
        1 => Just(Step::Resume),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_row_is_there_once_whatever_happens(steps in steps()) {
        let mut writer = TableWriter::new(schema(None));
        let mut blocks = writer.take_blocks();
        let mut pushed = 0;
        for step in steps {
            match step {
                Step::Push(count) => {
                    writer.push(&rows(pushed..pushed + count)).unwrap();
                    pushed += count;
                }
                Step::Flush => writer.flush(),
                Step::Finish => writer.finish(),
                Step::Resume => {
                    writer.flush();
                    blocks.extend(writer.take_blocks());
                    writer = resumed(&blocks);
                }
            }
            blocks.extend(writer.take_blocks());
            prop_assert_eq!(writer.rows(), pushed);
        }
        writer.finish();
        blocks.extend(writer.take_blocks());
        if pushed > 0 {
            prop_assert_eq!(read(&blocks), rows(0..pushed));
            prop_assert_eq!(indexed(&blocks), pushed);
        }
        prop_assert!(!writer.has_waiting_rows());
    }
}

#[test]
fn rows_leave_at_once_and_come_again_sealed() {
    let mut writer = TableWriter::new(schema(None));
    for row in 0..600 {
        writer.push(&rows(row..row + 1)).unwrap();
        writer.flush();
    }
    writer.finish();
    let blocks = writer.take_blocks();
    let sealed = blocks.iter().filter(|block| block[0] == segment::SEALED).count();
    let live = blocks.iter().filter(|block| block[0] == segment::LIVE).count();
    assert_eq!((live, sealed), (599, 2));
    let largest = blocks.iter().filter(|block| block[0] == segment::LIVE).map(Vec::len).max();
    assert!(largest < Some(80), "{largest:?} bytes for one row");
}

#[test]
fn rows_that_are_wrong_are_refused_whole() {
    let mut writer = TableWriter::new(schema(Some(5 * SECOND)));
    writer.push(&rows(0..10)).unwrap();
    let late = WriteError::Late { row: 10, time: 3 * SECOND, latest: 9 * SECOND, lateness: 5 * SECOND };
    assert_eq!(late.to_string(), "row 11 is 6 s before the latest one, and rows may be late by 5 s");
    assert_eq!(writer.push(&rows(3..12)), Err(late));
    assert_eq!(writer.rows(), 10);
    assert_eq!(writer.push(&rows(4..12)), Ok(()));
    assert_eq!(writer.push(&rows(0..1).project(&[0, 1]).unwrap()), Err(WriteError::Columns));
}

#[test]
fn large_rows_share_no_segment() {
    let column = |text: &str| vec![Column::new("t", Kind::Timestamp), Column::new(text, Kind::Text)];
    let none: [&str; 0] = [];
    let schema = Schema::new(column("text"), "t", &none, None).unwrap();
    let rows = |sizes: &[usize]| {
        let text = sizes.iter().map(|&size| "x".repeat(size));
        let times = TimestampNanosecondArray::from_iter_values((0..sizes.len()).map(|row| row as i64));
        RecordBatch::try_new(
            schema.to_arrow(),
            vec![Arc::new(times.with_timezone("UTC")), Arc::new(StringArray::from_iter_values(text))],
        )
        .unwrap()
    };
    let mut writer = TableWriter::new(schema.clone());
    let too_large = WriteError::TooLarge { row: 1, max: ROW_BYTES_MAX };
    assert_eq!(writer.push(&rows(&[5, MAX_BLOCK_BYTES, 5])), Err(too_large));
    writer.push(&rows(&[3_000_000, 3_000_000, 3_000_000, 6_000_000])).unwrap();
    writer.finish();
    let blocks = writer.take_blocks();
    let counts: Vec<u64> =
        blocks[1..blocks.len() - 1].iter().map(|block| segment::decode_head(block).unwrap().rows).collect();
    assert_eq!(counts, [1, 1, 1, 1]);
}

#[test]
fn a_table_that_is_damaged_is_not_continued() {
    let mut writer = TableWriter::new(schema(None));
    writer.push(&rows(0..100)).unwrap();
    writer.flush();
    let mut blocks = writer.take_blocks();
    let resume = |blocks: &[Vec<u8>]| {
        let read =
            |block: u64| Ok::<_, Infallible>(blocks.get(block as usize).filter(|block| !block.is_empty()));
        TableWriter::resume(blocks.len() as u64, read).unwrap_err().to_string()
    };
    blocks.push(blocks[1].clone());
    assert_eq!(resume(&blocks), "block 2 begins with row 0, and row 100 comes next");
    blocks[2] = vec![INDEX, 9];
    assert_eq!(resume(&blocks), "block 2: the number of levels is 9, which cannot be");
    blocks[1].clear();
    blocks.truncate(2);
    assert_eq!(resume(&blocks), "block 1 of the table is not here");
    blocks[0] = b"time\n".to_vec();
    assert_eq!(resume(&blocks), "the feed is no table: it does not begin with a header");
}

#[test]
fn rows_that_are_known_are_left_out() {
    let mut writer = TableWriter::new(schema(None));
    writer.push(&rows(0..10_000)).unwrap();
    writer.finish();
    writer.push(&rows(10_000..10_500)).unwrap();
    writer.flush();
    let mut blocks = writer.take_blocks();
    let left_out = |blocks: &[Vec<u8>], pieces: &[RecordBatch]| {
        let read =
            |block: u64| Ok::<_, Infallible>(blocks.get(block as usize).filter(|block| !block.is_empty()));
        let mut known = KnownRows::new(blocks.len() as u64, writer.rows(), read).unwrap();
        let mut left = 0;
        for piece in pieces {
            match known.leave_out(piece, read) {
                Ok(rows) => left += rows.num_rows(),
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(left)
    };
    let pieces: Vec<_> = (0..12).map(|nth| rows(nth * 1000..nth * 1000 + 1000)).collect();
    assert_eq!(left_out(&blocks, &pieces), Ok(1500));
    let other = [rows(0..9000), rows(9001..9500)];
    let differs = "row 9001 differs from what was published: a feed cannot be changed, only continued";
    assert_eq!(left_out(&blocks, &other), Err(differs.to_owned()));
    blocks[1].clear();
    assert_eq!(
        left_out(&blocks, &[rows(5..8197), rows(8192..12_000)]),
        Ok(1500),
        "cleared rows are taken as given"
    );
}

#[test]
fn a_table_whose_past_was_cleared_with_the_index_goes_on() {
    let mut writer = TableWriter::new(schema(None));
    for row in 0..2000 {
        writer.push(&rows(row..row + 1)).unwrap();
        writer.flush();
    }
    let blocks = writer.take_blocks();
    let newest = blocks.iter().rposition(|block| block[0] == INDEX).unwrap();
    for first in [newest, newest + 1, newest + 2, newest + 100, blocks.len() - 3, blocks.len() - 1] {
        let mut blocks = blocks.clone();
        let read = |blocks: &[Vec<u8>], block: u64| {
            let is_here = block == 0 || block >= first as u64;
            Ok::<_, Infallible>(blocks.get(block as usize).filter(|_| is_here).cloned())
        };
        let mut writer = TableWriter::resume(blocks.len() as u64, |block| read(&blocks, block)).unwrap();
        assert_eq!(writer.rows(), 2000, "from block {first} on");
        writer.push(&rows(2000..5000)).unwrap();
        writer.finish();
        blocks.extend(writer.take_blocks());
        let read = |block| read(&blocks, block);
        let mut found = Rows::new(locate(blocks.len() as u64, Query::default(), read).unwrap());
        let mut numbers = Vec::new();
        while let Some(event) = found.read_next(read).unwrap() {
            if let RowsEvent::Rows(rows) = event {
                numbers
                    .extend_from_slice(rows.column(2).as_primitive::<arrow::datatypes::Int64Type>().values());
            }
        }
        let from = numbers[0];
        assert!(from < 2000, "{from}");
        assert_eq!(numbers, (from..5000).collect::<Vec<_>>(), "from block {first} on");
    }
}
