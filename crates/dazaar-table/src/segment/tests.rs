use arrow::array::{ArrayRef, BooleanArray, Float64Array, StringArray, TimestampNanosecondArray};
use proptest::prelude::*;

use super::*;
use crate::limits::{COLUMNS_MAX, SEGMENT_ROWS};
use crate::schema::{Column, Kind};
use crate::writer::TableWriter;

fn schema() -> Schema {
    let columns = vec![
        Column::new("time", Kind::Timestamp),
        Column::new("symbol", Kind::Text),
        Column::new("price", Kind::Float),
    ];
    Schema::new(columns, "time", &["symbol"], None).unwrap()
}

fn rows(times: &[i64]) -> RecordBatch {
    let symbols = (0..times.len()).map(|row| (row % 3 != 1).then_some("ACME"));
    let prices = (0..times.len()).map(|row| row as f64 / 4.0);
    RecordBatch::try_new(
        schema().to_arrow(),
        vec![
            Arc::new(TimestampNanosecondArray::from(times.to_vec()).with_timezone("UTC")),
            Arc::new(symbols.collect::<StringArray>()),
            Arc::new(Float64Array::from_iter_values(prices)),
        ],
    )
    .unwrap()
}

fn head(times: &[i64]) -> SegmentHead {
    let (earliest, latest) = (*times.iter().min().unwrap(), *times.iter().max().unwrap());
    SegmentHead { is_sealed: true, first_row: 300, rows: times.len() as u64, earliest, latest, index: 7 }
}

proptest! {
    #[test]
    fn a_segment_comes_back(times in prop::collection::vec(i64::MIN / 2..i64::MAX / 2, 1..200), is_sealed: bool) {
        let head = SegmentHead { is_sealed, ..head(&times) };
        let rows = rows(&times);
        let block = encode(&schema(), &head, &rows);
        prop_assert_eq!(decode_head(&block).unwrap(), head);
        prop_assert_eq!(decode(&schema(), &block, &[0, 1, 2]).unwrap(), (head, rows.clone()));
        prop_assert_eq!(decode(&schema(), &block, &[2, 0]).unwrap().1, rows.project(&[2, 0]).unwrap());
        prop_assert_eq!(decode(&schema(), &block, &[]).unwrap().1.num_rows(), times.len());
    }

    #[test]
    fn damage_is_an_error_or_another_segment(
        times in prop::collection::vec(0_i64..1_000_000, 1..200),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut block = encode(&schema(), &head(&times), &rows(&times));
        for (place, byte) in damage {
            let place = place.index(block.len());
            block[place] = byte;
        }
        if let Ok((head, rows)) = decode(&schema(), &block, &[0, 1, 2]) {
            prop_assert_eq!(rows.num_rows() as u64, head.rows);
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(block: Vec<u8>, sealed: bool) {
        let block = [&[if sealed { SEALED } else { LIVE }][..], &block].concat();
        let _ = decode(&schema(), &block, &[0, 1, 2]);
    }
}

#[test]
fn a_known_segment() {
    let times = [1_767_605_400_000_000_000, 1_767_605_401_000_000_000];
    let block = encode(&schema(), &head(&times), &rows(&times));
    assert_eq!(
        hex::encode(block),
        concat!(
            "01",
            "ac02",
            "02",
            "80c0ffa0e0efe58731",
            "8094ebdc03",
            "07",
            "12",
            "00",
            "00",
            "00f00f02bfcb8718",
            "00baaa3dbfcb8718",
            "0f",
            "01",
            "0001",
            "00",
            "00",
            "04000000",
            "04",
            "00",
            "41434d45",
            "12",
            "00",
            "00",
            "0000000000000000",
            "000000000000d03f",
        )
    );
}

#[test]
fn times_that_the_head_denies_are_refused() {
    let times = [5, 9, 7];
    for denied in [SegmentHead { latest: 8, ..head(&times) }, SegmentHead { earliest: 4, ..head(&times) }] {
        let block = encode(&schema(), &denied, &rows(&times));
        assert_eq!(decode(&schema(), &block, &[0]).unwrap_err(), BlockError::Times);
        assert!(decode(&schema(), &block, &[1]).is_ok(), "the times were not looked at");
    }
}

#[test]
fn too_many_rows_are_refused_before_anything_is_read() {
    let mut block = vec![SEALED, 0];
    varint::encode(SEGMENT_ROWS_MAX as u64 + 1, &mut block);
    let refused = BlockError::Value { part: "the number of rows", value: SEGMENT_ROWS_MAX as u64 + 1 };
    assert_eq!(decode_head(&block), Err(refused));
    assert!(decode_head(&[SEALED, 0, 0, 0, 0, 0]).is_err());
    let mut block = vec![SEALED];
    varint::encode(ROWS_MAX, &mut block);
    block.extend([1, 0, 0, 0]);
    assert!(decode_head(&block).is_err());
}

#[test]
fn what_a_writer_puts_into_a_segment_can_be_read() {
    let flags = (0..COLUMNS_MAX - 2).map(|nth| Column::new(format!("flag {nth}"), Kind::Bool));
    let columns = [Column::new("time", Kind::Timestamp), Column::new("symbol", Kind::Text)];
    let none: [&str; 0] = [];
    let schema = Schema::new(columns.into_iter().chain(flags).collect(), "time", &none, None).unwrap();
    let rows = SEGMENT_ROWS;
    let times = TimestampNanosecondArray::from_iter_values(0..rows as i64).with_timezone("UTC");
    let mut values: Vec<ArrayRef> =
        vec![Arc::new(times), Arc::new(StringArray::from_iter_values((0..rows).map(|row| row.to_string())))];
    values.resize(COLUMNS_MAX, Arc::new(BooleanArray::from(vec![true; rows])));
    let mut writer = TableWriter::new(schema.clone());
    writer.push(&RecordBatch::try_new(schema.to_arrow(), values).unwrap()).unwrap();
    writer.finish();
    for block in writer.take_blocks().iter().filter(|block| block[0] == SEALED) {
        let all: Vec<usize> = (0..COLUMNS_MAX).collect();
        assert!(decode(&schema, block, &all).unwrap().1.num_rows() > 0);
    }
}
