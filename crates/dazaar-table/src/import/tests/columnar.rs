use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use arrow::array::*;
use arrow::datatypes::{DataType, Field, Int32Type, Schema as ArrowSchema, TimeUnit};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};

use super::*;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
        .unwrap()
}

fn ipc_stream(batch: &RecordBatch) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::ZSTD)).unwrap();
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), &batch.schema(), options).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

fn ipc_file(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

fn parquet(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

/// In every form.
fn files(batch: &RecordBatch) -> [(FileFormat, Vec<u8>); 3] {
    [
        (FileFormat::ArrowIpc, ipc_stream(batch)),
        (FileFormat::ArrowIpc, ipc_file(batch)),
        (FileFormat::Parquet, parquet(batch)),
    ]
}

fn times() -> ArrayRef {
    Arc::new(
        TimestampMillisecondArray::from(vec![TIME / 1_000_000, TIME / 1_000_000 + 1]).with_timezone("+01:00"),
    )
}

#[test]
fn types_become_ours() {
    let batch = batch(vec![
        ("t", times()),
        ("u", Arc::new(UInt8Array::from(vec![Some(255), None]))),
        ("f", Arc::new(Float32Array::from(vec![0.5, 1.5]))),
        ("d", Arc::new(Decimal128Array::from(vec![150, -5]).with_precision_and_scale(9, 2).unwrap())),
        ("s", Arc::new(LargeStringArray::from(vec!["a", "b"]))),
        ("k", Arc::new(DictionaryArray::<Int32Type>::from_iter(["x", "y"]))),
        ("b", Arc::new(BooleanArray::from(vec![true, false]))),
        ("r", Arc::new(LargeBinaryArray::from_vec(vec![&b"\x01"[..], b""]))),
        ("day", Arc::new(Date32Array::from(vec![1, -1]))),
    ]);
    for (format, bytes) in files(&batch) {
        let mut reader = RowReader::from_bytes(format, bytes.clone(), &Expect::default()).unwrap();
        use Kind::*;
        let decimal = Decimal { scale: 2 };
        assert_eq!(kinds(&reader), [Timestamp, Int, Float, decimal, Text, Text, Bool, Bytes, Timestamp]);
        reader.read().unwrap().unwrap();
        assert!(reader.read().unwrap().is_none());
        assert_eq!((reader.rows(), reader.bytes()), (2, bytes.len() as u64));
        let (rows, error) = read(format, &bytes, &Expect::default());
        assert_eq!(error, None);
        let first =
            ["2026-01-05T09:30:00Z", "255", "0.5", "1.50", "a", "x", "true", "01", "1970-01-02T00:00:00Z"];
        let second =
            ["2026-01-05T09:30:00.001Z", "", "1.5", "-0.05", "b", "y", "false", "", "1969-12-31T00:00:00Z"];
        assert_eq!(rows, [first, second]);
    }
}

#[test]
fn numbers_and_text_can_be_times() {
    let seconds: ArrayRef = Arc::new(Int32Array::from(vec![1_767_605_400, 1_767_605_401]));
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![1_767_605_400.0, 1_767_605_401.0]));
    let text: ArrayRef = Arc::new(StringArray::from(vec!["2026-01-05T09:30:00Z", "2026-01-05T09:30:01Z"]));
    for array in [seconds, floats, text] {
        for (format, bytes) in files(&batch(vec![("n", array.clone()), ("Time", array.clone())])) {
            let (rows, error) = read(format, &bytes, &Expect::default());
            assert_eq!(error, None);
            assert_eq!([&rows[0][1], &rows[1][1]], ["2026-01-05T09:30:00Z", "2026-01-05T09:30:01Z"]);
        }
    }
}

#[test]
fn a_schema_says_how_columns_are_read() {
    let batch = batch(vec![
        ("nested", Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)]), None]))),
        ("price", Arc::new(Float64Array::from(vec![101.23, 5.0]))),
        ("time", times()),
        ("id", Arc::new(Int32Array::from(vec![7, 8]))),
    ]);
    let expect =
        said(&[("time", Kind::Timestamp), ("id", Kind::Text), ("price", Kind::Decimal { scale: 2 })]);
    for (format, bytes) in files(&batch) {
        let (rows, error) = read(format, &bytes, &expect);
        assert_eq!(error, None);
        assert_eq!(rows[0], ["2026-01-05T09:30:00Z", "7", "101.23"]);
    }
}

#[test]
fn long_batches_are_cut() {
    let times: Vec<i64> = (0..20_000).collect();
    let batch = batch(vec![("time", Arc::new(TimestampNanosecondArray::from(times)))]);
    for (format, bytes) in files(&batch) {
        assert_eq!(read(format, &bytes, &Expect::default()).0.len(), 20_000);
    }
}

#[test]
fn the_first_row_that_is_wrong_is_named() {
    let far = 10_000_000_000;
    for (column, message) in [
        (
            Arc::new(UInt64Array::from(vec![1, u64::MAX])) as ArrayRef,
            "row 2, column `x`: `18446744073709551615` is not a whole number of 64 bits",
        ),
        (
            Arc::new(TimestampSecondArray::from(vec![0, far]).with_timezone("Europe/Berlin")),
            "row 2, column `x`: `2286-11-20T17:46:40` is not a time between 1677 and 2262 such as 2026-01-05T09:30:00Z, or a number since 1970",
        ),
        (
            Arc::new(Date32Array::from(vec![0, 200_000])),
            "row 2, column `x`: `2517-08-01` is not a time between 1677 and 2262 such as 2026-01-05T09:30:00Z, or a number since 1970",
        ),
    ] {
        for (format, bytes) in files(&batch(vec![("time", times()), ("x", column.clone())])) {
            let (rows, error) = read(format, &bytes, &Expect::default());
            assert_eq!((rows.len(), error.as_deref()), (1, Some(message)), "{format}");
        }
    }
    let missing: ArrayRef = Arc::new(Int64Array::from(vec![Some(TIME), None]));
    for (format, bytes) in files(&batch(vec![("time", missing.clone())])) {
        let (rows, error) = read(format, &bytes, &Expect::default());
        let message = "row 2, column `time`: the time of the row is missing";
        assert_eq!((rows.len(), error.as_deref()), (1, Some(message)), "{format}");
    }
}

#[test]
fn what_cannot_be_stored_is_named() {
    let nested: ArrayRef =
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)]), None]));
    let wide: ArrayRef = Arc::new(Decimal128Array::from(vec![1, 2]).with_precision_and_scale(38, 9).unwrap());
    let clock: ArrayRef = Arc::new(Time64MicrosecondArray::from(vec![1, 2]));
    for (column, message) in [
        (nested, "nested values cannot be stored: make it columns of its own, or text"),
        (
            wide,
            "column `x` is of type Decimal128(38, 9); decimals have at most 18 digits: store it as decimal(18, n) or as text",
        ),
        (clock, "store it as a whole number, or as text"),
    ] {
        for (format, bytes) in files(&batch(vec![("time", times()), ("x", column.clone())])) {
            let error = error(format, &bytes, &Expect::default());
            assert!(error.starts_with("column `x` is of type ") && error.ends_with(message), "{error}");
        }
    }
    let expect = said(&[("time", Kind::Timestamp), ("y", Kind::Int)]);
    for (format, bytes) in files(&batch(vec![("time", times())])) {
        assert_eq!(error(format, &bytes, &expect), "the file has no column `y`; it has `time`");
    }
}

#[test]
fn what_is_cut_off_is_noticed() {
    let batch = batch(vec![("time", times())]);
    for (format, bytes) in files(&batch) {
        let unnoticed =
            (0..bytes.len()).filter(|&end| read(format, &bytes[..end], &Expect::default()).1.is_none());
        // A stream may end after any message: the schema, the batch.
        let stream = format == FileFormat::ArrowIpc && !bytes.starts_with(b"ARROW1");
        assert_eq!(unnoticed.count(), if stream { 2 } else { 0 });
    }
    assert_eq!(
        error(FileFormat::ArrowIpc, b"", &Expect::default()),
        "after row 0: the Arrow IPC is damaged or ends early: it has no schema"
    );
    assert_eq!(
        error(FileFormat::ArrowIpc, b"FEA1....", &Expect::default()),
        "after row 0: the Arrow IPC is damaged or ends early: it is Feather of version 1; write version 2"
    );
    let file = ipc_file(&batch);
    assert_eq!(
        error(FileFormat::ArrowIpc, &file[..file.len() - 1], &Expect::default()),
        "after row 2: the Arrow IPC is damaged or ends early: its footer is missing"
    );
    let stream = ipc_stream(&batch);
    assert_eq!(
        error(FileFormat::ArrowIpc, &[&stream[..], b"xxxxxxxx"].concat(), &Expect::default()),
        "after row 2: the Arrow IPC is damaged or ends early: it goes on after its end"
    );
    assert_eq!(
        error(FileFormat::Parquet, b"PAR1", &Expect::default()),
        "after row 0: the Parquet is damaged or ends early: EOF: Parquet file too small. Size is 4 but need 8"
    );
    let input = Box::new(Cursor::new(parquet(&batch)));
    let error = RowReader::from_stream(FileFormat::Parquet, input, &Expect::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Parquet is read from a file, not from a stream: its index stands at the end"
    );
}

#[test]
fn a_file_without_rows_has_none() {
    let zone = DataType::Timestamp(TimeUnit::Nanosecond, None);
    let schema = Arc::new(ArrowSchema::new(vec![Field::new("time", zone, false)]));
    for (format, bytes) in files(&RecordBatch::new_empty(schema)) {
        assert_eq!(read(format, &bytes, &Expect::default()), (vec![], None), "{format}");
    }
}

#[test]
fn files_are_read_from_disk() {
    use std::io::{Seek, Write};
    let batch = batch(vec![("time", times())]);
    let csv = (FileFormat::Csv, b"time\n2026-01-05\n2026-01-06\n".to_vec());
    for (format, bytes) in files(&batch).into_iter().chain([csv]) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        file.rewind().unwrap();
        let (rows, error) = all(RowReader::from_file(format, file, &Expect::default()));
        assert_eq!((rows.len(), error), (2, None), "{format}");
    }
}

proptest! {
    #[test]
    fn no_damage_panics(at: prop::sample::Index, byte: u8, more: prop::sample::Index) {
        let batch = batch(vec![("time", times()), ("s", Arc::new(StringArray::from(vec!["a", "b"])) as ArrayRef)]);
        for (format, mut bytes) in files(&batch) {
            for at in [at, more] {
                let at = at.index(bytes.len());
                bytes[at] = byte;
                read(format, &bytes, &Expect::default());
            }
        }
    }
}
