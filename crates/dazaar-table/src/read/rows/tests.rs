use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Int64Array, StringArray, TimestampNanosecondArray};
use proptest::prelude::*;

use super::*;
use crate::index::Index;
use crate::read::{Locator, Query};
use crate::schema::{Column, Kind};
use crate::writer::TableWriter;

const SYMBOLS: [&str; 3] = ["BTC", "ETH", "SOL"];

/// A row: time, symbol, number.
type Row = (i64, usize, i64);

fn schema(lateness: Option<i64>) -> Schema {
    let columns = vec![
        Column::new("time", Kind::Timestamp),
        Column::new("symbol", Kind::Text),
        Column::new("number", Kind::Int),
    ];
    Schema::new(columns, "time", &["symbol"], lateness).unwrap()
}

fn batch(rows: &[Row]) -> RecordBatch {
    let times = TimestampNanosecondArray::from_iter_values(rows.iter().map(|row| row.0));
    RecordBatch::try_new(
        schema(None).to_arrow(),
        vec![
            Arc::new(times.with_timezone("UTC")),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| SYMBOLS[row.1]))),
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.2))),
        ],
    )
    .unwrap()
}

/// What was read, and what it took.
#[derive(Debug, Default)]
struct Answer {
    numbers: Vec<i64>,
    gone: Vec<Range<u64>>,
    rounds: usize,
    fetched: BTreeSet<u64>,
    next_row: u64,
}

/// Reads a table from its blocks; those in `cleared` are gone.
fn read(blocks: &[Vec<u8>], cleared: &BTreeSet<u64>, query: Query) -> Result<Answer, ReadError> {
    let query = Query { columns: vec!["number".to_owned()], ..query };
    let mut answer = Answer::default();
    let block = |number: u64| Some(blocks[number as usize].as_slice()).filter(|_| !cleared.contains(&number));
    let mut locator = Locator::new(blocks.len() as u64, query);
    loop {
        let wanted = locator.wanted();
        if wanted.is_empty() {
            break;
        }
        answer.rounds += 1;
        for number in wanted {
            answer.fetched.insert(number);
            locator.handle_block(number, block(number))?;
        }
    }
    let plan = locator.into_plan().unwrap();
    answer.gone.clone_from(&plan.gone);
    let mut rows = Rows::new(plan);
    while let Some(number) = rows.wanted() {
        answer.fetched.insert(number);
        match rows.handle_block(block(number))? {
            RowsEvent::Rows(rows) => {
                let numbers = rows.column(0).as_primitive::<arrow::datatypes::Int64Type>();
                answer.numbers.extend(numbers.values());
            }
            RowsEvent::Gone(rows) => answer.gone.push(rows),
            RowsEvent::Nothing => {}
        }
    }
    answer.next_row = rows.next_row();
    Ok(answer)
}

/// A feed of rows in pieces, after each of which they are flushed; finished at the end if wanted.
fn feed(rows: &[Row], piece: usize, is_finished: bool) -> Vec<Vec<u8>> {
    let mut writer = TableWriter::new(schema(None));
    for piece in rows.chunks(piece) {
        writer.push(&batch(piece)).unwrap();
        writer.flush();
    }
    if is_finished {
        writer.finish();
    }
    writer.take_blocks()
}

fn seconds(count: usize) -> Vec<Row> {
    (0..count).map(|row| (row as i64 * 1_000_000_000, row % 3, row as i64)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_question_gets_the_rows_that_going_through_all_gives(
        rows in prop::collection::vec((0_i64..1000, 0..SYMBOLS.len(), any::<i64>()), 1..3000),
        piece in 1_usize..2000,
        is_finished: bool,
        from in prop::option::of(0_i64..1000),
        to in prop::option::of(0_i64..1000),
        from_row in prop_oneof![Just(0_u64), 0..3000_u64],
        to_row in prop::option::of(0_u64..3000),
        limit in prop::option::of(0_u64..100),
        last in prop::option::of(0_u64..3000),
        symbol in prop::option::of(0..SYMBOLS.len()),
        least in prop::option::of(any::<i64>()),
    ) {
        let query = Query {
            from,
            to,
            from_row,
            to_row,
            limit,
            last,
            symbols: symbol.iter().map(|&nth| SYMBOLS[nth].to_owned()).collect(),
            conditions: least.iter().map(|least| format!("number>={least}")).collect(),
            columns: Vec::new(),
        };
        let wanted = (0..).zip(&rows).filter(|(row, (time, name, number))| {
            *row >= from_row
                && to_row.is_none_or(|to_row| *row < to_row)
                && last.is_none_or(|last| *row >= (rows.len() as u64).saturating_sub(last))
                && from.is_none_or(|from| from <= *time)
                && to.is_none_or(|to| *time < to)
                && symbol.is_none_or(|symbol| symbol == *name)
                && least.is_none_or(|least| least <= *number)
        });
        let expected: Vec<i64> =
            wanted.map(|(_, row)| row.2).take(limit.unwrap_or(u64::MAX) as usize).collect();
        let blocks = feed(&rows, piece, is_finished);
        let answer = read(&blocks, &BTreeSet::new(), query).unwrap();
        prop_assert_eq!(answer.numbers, expected);
        prop_assert_eq!(answer.gone, []);
    }

    #[test]
    fn blocks_of_a_liar_never_panic(
        blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..5),
        first in 0_u8..4,
    ) {
        let mut all = vec![crate::header::encode(&schema(None))];
        all.extend(blocks.into_iter().map(|block| [vec![first], block].concat()));
        let _ = read(&all, &BTreeSet::new(), Query::default());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_quote_counts_the_rows_that_would_come(
        times in prop::collection::vec(0_i64..1000, 1..2000),
        piece in 1_usize..2000,
        is_finished: bool,
        from in prop::option::of(0_i64..1000),
        to in prop::option::of(0_i64..1000),
    ) {
        let rows: Vec<Row> = times.iter().map(|&time| (time, 0, 7)).collect();
        let blocks = feed(&rows, piece, is_finished);
        let read = |number: u64| Ok::<_, std::convert::Infallible>(blocks.get(number as usize));
        let quote = crate::read::quote(blocks.len() as u64, from, to, read).unwrap();
        let is_wanted = |time: &&i64| from.is_none_or(|from| from <= **time) && to.is_none_or(|to| **time < to);
        let wanted = times.iter().filter(is_wanted).count() as u64;
        prop_assert_eq!(quote.rows, wanted);
        prop_assert!(wanted == 0 || quote.bytes > 0);
    }
}

#[test]
fn a_range_takes_its_segments_and_few_others() {
    let blocks = feed(&seconds(1_000_000), 5000, true);
    let day = 86_400_000_000_000;
    let query = Query { from: Some(3 * day), to: Some(4 * day), ..Query::default() };
    let answer = read(&blocks, &BTreeSet::new(), query).unwrap();
    assert_eq!(answer.numbers.len(), 86_400);
    assert!(answer.rounds <= 3, "{} rounds", answer.rounds);
    let bytes = |is_data: fn(u8) -> bool| -> usize {
        let fetched = answer.fetched.iter().map(|&number| &blocks[number as usize]);
        fetched.filter(|block| is_data(block[0])).map(Vec::len).sum()
    };
    let (data, others) = (bytes(|kind| kind == segment::SEALED), bytes(|kind| kind != segment::SEALED));
    assert!(others * 20 < data, "{others} bytes of index for {data} bytes of data");
}

#[test]
fn what_was_cleared_is_told_and_the_rest_is_read() {
    let blocks = feed(&seconds(600_000), 5000, true);
    let cleared: BTreeSet<u64> = (1..40).collect();
    let answer = read(&blocks, &cleared, Query { from: Some(0), ..Query::default() }).unwrap();
    let gone: u64 = answer.gone.iter().map(|rows| rows.end - rows.start).sum();
    assert!(gone > 0);
    assert_eq!(answer.numbers, (gone as i64..600_000).collect::<Vec<_>>());
    let later = Query { from: Some(500_000_000_000_000), ..Query::default() };
    assert_eq!(read(&blocks, &cleared, later).unwrap().gone, []);
}

#[test]
fn many_small_segments_are_indexed_too() {
    let blocks = feed(&seconds(20_000), 1, false);
    let newest = blocks.iter().rposition(|block| block[0] == INDEX).unwrap();
    assert!(blocks.len() - newest < 1600, "{} blocks, the newest index is {newest}", blocks.len());
    let query = Query { from: Some(5_000_000_000_000), to: Some(5_001_000_000_000), ..Query::default() };
    assert_eq!(read(&blocks, &BTreeSet::new(), query).unwrap().numbers, [5000]);
}

#[test]
fn a_feed_whose_index_is_missing_is_not_gone_through() {
    let mut blocks = feed(&seconds(1), 1, false);
    let last = blocks.pop().unwrap();
    blocks.extend((0..5000).map(|_| last.clone()));
    let error = read(&blocks, &BTreeSet::new(), Query::default()).unwrap_err();
    assert!(matches!(error, ReadError::Unindexed { blocks: 5000 }), "{error}");
}

#[test]
fn rows_that_come_later_follow_without_a_gap() {
    let rows = seconds(3000);
    let mut writer = TableWriter::new(schema(None));
    writer.push(&batch(&rows[..1500])).unwrap();
    writer.flush();
    let mut blocks = writer.take_blocks();
    let mut locator = Locator::new(blocks.len() as u64, Query::default());
    while let Some(&number) = locator.wanted().first() {
        locator.handle_block(number, Some(&blocks[number as usize])).unwrap();
    }
    let mut reader = Rows::new(locator.into_plan().unwrap());
    let mut times = Vec::new();
    for row in 1500..3001 {
        while let Some(number) = reader.wanted() {
            if let RowsEvent::Rows(rows) = reader.handle_block(Some(&blocks[number as usize])).unwrap() {
                times.extend(
                    rows.column(0).as_primitive::<TimestampNanosecondType>().values().iter().copied(),
                );
            }
        }
        if row < 3000 {
            writer.push(&batch(&rows[row..=row])).unwrap();
            writer.flush();
            blocks.extend(writer.take_blocks());
            reader.extend(blocks.len() as u64);
        }
    }
    assert_eq!(times, rows.iter().map(|row| row.0).collect::<Vec<_>>());
    assert_eq!(reader.next_row(), 3000);
}

#[test]
fn an_index_that_lies_is_found_out() {
    let mut blocks = feed(&seconds(30_000), 5000, true);
    let place = blocks.iter().position(|block| block[0] == segment::SEALED).unwrap();
    let (head, rows) = segment::decode(&schema(None), &blocks[place], &[0, 1, 2]).unwrap();
    let times: Vec<i64> = (0..rows.num_rows() as i64).map(|row| row * 7).collect();
    let times = TimestampNanosecondArray::from(times).with_timezone("UTC");
    let other = RecordBatch::try_new(
        rows.schema(),
        vec![Arc::new(times), Arc::clone(rows.column(1)), Arc::clone(rows.column(2))],
    )
    .unwrap();
    let (earliest, latest) = segment::times(&schema(None), &other).unwrap();
    blocks[place] = segment::encode(&schema(None), &SegmentHead { earliest, latest, ..head }, &other);
    let error = read(&blocks, &BTreeSet::new(), Query::default()).unwrap_err();
    assert!(matches!(error, ReadError::Contradiction { block } if block == place as u64), "{error}");
    let untouched = Query { from: Some(20_000_000_000_000), ..Query::default() };
    assert_eq!(read(&blocks, &BTreeSet::new(), untouched).unwrap().numbers.len(), 10_000);
}

/// A header and four sealed segments of a row each, blocks 1 to 4, with their entries.
fn four_segments() -> (Vec<Vec<u8>>, Vec<Entry>) {
    let mut blocks = vec![crate::header::encode(&schema(None))];
    let mut entries = Vec::new();
    for (nth, row) in (0..).zip(seconds(4)) {
        let (earliest, latest) = (row.0, row.0);
        let head = SegmentHead { is_sealed: true, first_row: nth, rows: 1, earliest, latest, index: 0 };
        let block = segment::encode(&schema(None), &head, &batch(&[row]));
        let bytes = block.len() as u64;
        let keys = BTreeSet::new();
        entries.push(Entry { block: nth + 1, first_row: nth, rows: 1, earliest, latest, bytes, keys });
        blocks.push(block);
    }
    (blocks, entries)
}

#[test]
fn an_index_block_may_be_named_on_several_levels() {
    let (mut blocks, segments) = four_segments();
    let (first, second) = segments.split_at(2);
    blocks.push(Index { levels: vec![first.to_vec()] }.encode());
    let upper = vec![Entry::over(5, first).unwrap()];
    blocks.push(Index { levels: vec![second.to_vec(), upper.clone()] }.encode());
    let levels = [Vec::new(), vec![Entry::over(6, second).unwrap()], vec![Entry::over(6, &upper).unwrap()]];
    blocks.push(Index { levels: levels.to_vec() }.encode());
    assert_eq!(read(&blocks, &BTreeSet::new(), Query::default()).unwrap().numbers, [0, 1, 2, 3]);
}

#[test]
fn an_index_block_does_not_stand_for_other_rows_too() {
    let (mut blocks, segments) = four_segments();
    let (first, second) = segments.split_at(2);
    blocks.push(Index { levels: vec![second.to_vec()] }.encode());
    let twice = [first, second].map(|list| Entry::over(5, list).unwrap());
    blocks.push(Index { levels: vec![Vec::new(), twice.to_vec()] }.encode());
    let error = read(&blocks, &BTreeSet::new(), Query::default()).unwrap_err();
    assert!(matches!(error, ReadError::Contradiction { block: 5 }), "{error}");
}
