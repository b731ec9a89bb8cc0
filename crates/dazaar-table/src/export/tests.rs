use std::sync::{Arc, Mutex};

use arrow::array::{
    BinaryArray, BooleanArray, Decimal128Array, Float64Array, Int64Array, StringArray,
    TimestampNanosecondArray,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::import::{Expect, FileFormat, RowReader};
use crate::schema::Kind;

/// What was written.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn columns() -> Vec<Column> {
    vec![
        Column::new("time", Kind::Timestamp),
        Column::new("symbol", Kind::Text),
        Column { unit: Some("USD".into()), ..Column::new("price", Kind::Decimal { scale: 2 }) },
        Column { description: Some("how much".into()), ..Column::new("size", Kind::Float) },
        Column::new("id", Kind::Int),
        Column::new("buy", Kind::Bool),
        Column::new("raw", Kind::Bytes),
    ]
}

fn schema() -> Schema {
    Schema::new(columns(), "time", &["symbol"], None).unwrap()
}

#[derive(Debug, Clone)]
struct Row {
    time: i64,
    symbol: Option<String>,
    price: Option<i64>,
    size: Option<f64>,
    id: Option<i64>,
    buy: Option<bool>,
    raw: Option<Vec<u8>>,
}

fn batch(rows: &[Row]) -> RecordBatch {
    let schema = schema().to_arrow();
    let decimal = Decimal128Array::from_iter(rows.iter().map(|row| row.price.map(i128::from)));
    let raw: Vec<Option<&[u8]>> = rows.iter().map(|row| row.raw.as_deref()).collect();
    let times: Vec<i64> = rows.iter().map(|row| row.time).collect();
    RecordBatch::try_new(
        schema.clone(),
        vec![
            Arc::new(TimestampNanosecondArray::from(times).with_timezone("UTC")),
            Arc::new(rows.iter().map(|row| row.symbol.clone()).collect::<StringArray>()),
            Arc::new(decimal.with_data_type(schema.field(2).data_type().clone())),
            Arc::new(rows.iter().map(|row| row.size).collect::<Float64Array>()),
            Arc::new(rows.iter().map(|row| row.id).collect::<Int64Array>()),
            Arc::new(rows.iter().map(|row| row.buy).collect::<BooleanArray>()),
            Arc::new(BinaryArray::from(raw)),
        ],
    )
    .unwrap()
}

fn two() -> RecordBatch {
    let first = Row {
        time: 1_767_605_400_000_000_000,
        symbol: Some("BTC, \"perp\"".into()),
        price: Some(-5),
        size: Some(1e300),
        id: Some(i64::MAX),
        buy: Some(true),
        raw: Some(vec![0, 255]),
    };
    let second = Row {
        time: 1_767_605_400_500_000_000,
        symbol: Some(String::new()),
        price: None,
        size: Some(f64::NAN),
        id: None,
        buy: None,
        raw: Some(Vec::new()),
    };
    batch(&[first, second])
}

fn written(format: OutputFormat, batches: &[RecordBatch]) -> Vec<u8> {
    let out = Written::default();
    let mut writer = RowWriter::new(format, &schema(), Box::new(out.clone())).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
        writer.flush().unwrap();
    }
    writer.finish().unwrap();
    std::mem::take(&mut *out.0.lock().unwrap())
}

fn text(format: OutputFormat, batches: &[RecordBatch]) -> String {
    String::from_utf8(written(format, batches)).unwrap()
}

#[test]
fn csv_is_written_like_this() {
    assert_eq!(
        text(OutputFormat::Csv, &[two()]),
        "time,symbol,price,size,id,buy,raw\n\
         2026-01-05T09:30:00Z,\"BTC, \"\"perp\"\"\",-0.05,1e300,9223372036854775807,true,00ff\n\
         2026-01-05T09:30:00.5Z,\"\",,NaN,,,\"\"\n"
    );
}

#[test]
fn json_lines_are_written_like_this() {
    assert_eq!(
        text(OutputFormat::JsonLines, &[two()]),
        concat!(
            r#"{"time":"2026-01-05T09:30:00Z","symbol":"BTC, \"perp\"","price":-0.05,"size":1e300,"id":9223372036854775807,"buy":true,"raw":"00ff"}"#,
            "\n",
            r#"{"time":"2026-01-05T09:30:00.5Z","symbol":"","price":null,"size":null,"id":null,"buy":null,"raw":""}"#,
            "\n"
        )
    );
}

#[test]
fn tables_are_written_like_this() {
    let columns = &columns()[..4];
    let out = Written::default();
    let mut writer =
        RowWriter::of_columns(OutputFormat::Table, columns, Some(0), Box::new(out.clone())).unwrap();
    let row = |symbol: &str, price| Row {
        time: 1_767_605_400_000_000_000,
        symbol: Some(symbol.into()),
        price: Some(price),
        size: None,
        id: None,
        buy: None,
        raw: None,
    };
    for rows in [vec![row("BTC", 10_000_050), row("\u{1b}[2J", -5)], vec![row("a longer one", 1)]] {
        writer.write(&batch(&rows).project(&[0, 1, 2, 3]).unwrap()).unwrap();
    }
    writer.finish().unwrap();
    assert_eq!(
        String::from_utf8(out.0.lock().unwrap().clone()).unwrap(),
        "time                  symbol  price [USD]  size\n\
         2026-01-05T09:30:00Z  BTC       100000.50\n\
         2026-01-05T09:30:00Z  \u{fffd}[2J          -0.05\n\
         2026-01-05T09:30:00Z  a longer one         0.01\n"
    );
}

#[test]
fn nothing_is_written_like_this() {
    let header = "time,symbol,price,size,id,buy,raw\n";
    assert_eq!(text(OutputFormat::Csv, &[]), header);
    assert_eq!(text(OutputFormat::JsonLines, &[]), "");
    assert_eq!(text(OutputFormat::Table, &[]), "time  symbol  price [USD]  size  id  buy  raw\n");
}

#[test]
fn what_was_not_announced_is_refused() {
    let mut writer = RowWriter::new(OutputFormat::Csv, &schema(), Box::new(Written::default())).unwrap();
    let error = writer.write(&two().project(&[0]).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "1 columns where 7 were announced");
    let error = writer.write(&two().project(&[0, 1, 3, 3, 4, 5, 6]).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "column `price` is Float64 and was announced as Decimal128(18, 2)");
}

#[test]
fn units_and_descriptions_survive_in_files() {
    for (to, from) in
        [(OutputFormat::Parquet, FileFormat::Parquet), (OutputFormat::Arrow, FileFormat::ArrowIpc)]
    {
        let expect = Expect { keys: vec!["symbol".into()], ..Expect::default() };
        let reader = RowReader::from_bytes(from, written(to, &[two()]), &expect).unwrap();
        assert_eq!(*reader.schema(), schema());
    }
}

fn read_back(from: FileFormat, bytes: Vec<u8>) -> Vec<RecordBatch> {
    let expect = Expect { schema: Some(schema()), ..Expect::default() };
    let mut reader = RowReader::from_bytes(from, bytes, &expect).unwrap();
    std::iter::from_fn(|| reader.read().unwrap()).collect()
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let digits = 999_999_999_999_999_999_i64;
    let row = (
        any::<i64>(),
        option::of(".{0,8}|[,\"\r\n ]{0,4}"),
        option::of(-digits..=digits),
        option::of(any::<f64>()),
        any::<Option<i64>>(),
        any::<Option<bool>>(),
        option::of(vec(any::<u8>(), 0..4)),
    );
    let row = row.prop_map(|(time, symbol, price, size, id, buy, raw)| Row {
        time,
        symbol,
        price,
        size: size.filter(|size| size.is_finite()),
        id,
        buy,
        raw,
    });
    vec(row, 1..20)
}

proptest! {
    #[test]
    fn what_was_written_reads_back(rows in rows()) {
        let batch = batch(&rows);
        for (to, from) in [
            (OutputFormat::Csv, FileFormat::Csv),
            (OutputFormat::JsonLines, FileFormat::JsonLines),
            (OutputFormat::Parquet, FileFormat::Parquet),
            (OutputFormat::Arrow, FileFormat::ArrowIpc),
        ] {
            let read = read_back(from, written(to, std::slice::from_ref(&batch)));
            prop_assert_eq!(read.as_slice(), std::slice::from_ref(&batch), "{}", from);
        }
    }
}
