use super::*;

const TRADES: &str = "\
time,symbol,price,size,buy,id
2026-01-05T09:30:00Z,BTC,101.5,1,true,9007199254740993
2026-01-05 09:30:00.25,,100,2,FALSE,2
2026-01-05,\"a \"\"b\"\",\nc\",,3,,
";

#[test]
fn columns_of_csv_are_learnt() {
    let expect = Expect { keys: vec!["symbol".into()], lateness: Some(5), ..Expect::default() };
    let mut reader = RowReader::from_bytes(FileFormat::Csv, TRADES.into(), &expect).unwrap();
    assert_eq!(kinds(&reader), [Kind::Timestamp, Kind::Text, Kind::Float, Kind::Int, Kind::Bool, Kind::Int]);
    assert_eq!((reader.schema().time(), reader.schema().keys()), (0, &[1][..]));
    assert_eq!(reader.schema().lateness(), Some(5));
    let batch = reader.read().unwrap().unwrap();
    assert_eq!(
        batch.column(0).as_primitive::<TimestampNanosecondType>().values(),
        &[TIME, TIME + 250_000_000, TIME - 34_200_000_000_000]
    );
    assert_eq!(
        batch.column(1).as_string::<i32>().iter().collect::<Vec<_>>(),
        [Some("BTC"), None, Some("a \"b\",\nc")]
    );
    let ids: Vec<_> = batch.column(5).as_primitive::<Int64Type>().iter().collect();
    assert_eq!(ids, [Some(9_007_199_254_740_993), Some(2), None]);
    assert_eq!((reader.rows(), reader.bytes()), (3, TRADES.len() as u64));
    assert!(reader.read().unwrap().is_none());
}

#[test]
fn what_csv_does_not_say_is_taken_kindly() {
    let csv = b"\xef\xbb\xbf\r\n time ,,x\r\n\r\n 1767605400 ,007, 5 \r\n1767605401,1,\"6\"";
    let (rows, error) = read(FileFormat::Csv, csv, &Expect::default());
    assert_eq!(error, None);
    assert_eq!(rows, [["2026-01-05T09:30:00Z", "007", "5"], ["2026-01-05T09:30:01Z", "1", "6"]]);
    let reader = RowReader::from_bytes(FileFormat::Csv, csv.to_vec(), &Expect::default()).unwrap();
    assert_eq!(reader.schema().columns()[1].name, "column2");
}

#[test]
fn columns_of_json_are_learnt() {
    let json = concat!(
        r#"{"ts":1767605400000,"price":"101.5","n":9007199254740993}"#,
        "\n\n",
        r#"{"n":1.5e3,"ts":1767605400001,"big":9223372036854775808,"flag":true,"s":"a\u0041"}"#
    );
    let reader = RowReader::from_bytes(FileFormat::JsonLines, json.into(), &Expect::default()).unwrap();
    assert_eq!(
        kinds(&reader),
        [Kind::Timestamp, Kind::Text, Kind::Float, Kind::Text, Kind::Bool, Kind::Text]
    );
    let (rows, error) = read(FileFormat::JsonLines, json.as_bytes(), &Expect::default());
    assert_eq!(error, None);
    assert_eq!(rows[1], ["2026-01-05T09:30:00.001Z", "", "1500.0", "9223372036854775808", "true", "aA"]);
}

#[test]
fn a_schema_says_how_text_is_read() {
    let expect = said(&[
        ("id", Kind::Int),
        ("price", Kind::Decimal { scale: 2 }),
        ("time", Kind::Timestamp),
        ("raw", Kind::Bytes),
    ]);
    let csv = b"time,left out,id,raw,price\n2026-01-05,x,5.0,00fF,1e2\n";
    let json = br#"{"time":"2026-01-05","other":{},"id":"5","raw":"00ff","price":"100.00"}"#;
    let expected = ["5", "100.00", "2026-01-05T00:00:00Z", "00ff"];
    for (format, bytes) in [(FileFormat::Csv, &csv[..]), (FileFormat::JsonLines, &json[..])] {
        assert_eq!(read(format, bytes, &expect), (vec![expected.map(str::to_owned).to_vec()], None));
    }
}

#[test]
fn the_time_is_found() {
    for (csv, time) in [
        ("a,b\n1,2026-01-05\n", "b"),
        ("a,Date\n1,1767605400\n", "Date"),
        ("event_time,x\n1767605400000,1\n", "event_time"),
        ("n,TS\n1767605400,1767605400.5\n", "TS"),
        ("date,at\n20260105,2026-01-05\n", "at"),
    ] {
        let reader = RowReader::from_bytes(FileFormat::Csv, csv.into(), &Expect::default()).unwrap();
        assert_eq!(reader.schema().columns()[reader.schema().time()].name, time, "{csv}");
    }
    let named = Expect { time: Some("n".into()), ..Expect::default() };
    let reader =
        RowReader::from_bytes(FileFormat::Csv, "n,at\n1767605400,2026-01-05\n".into(), &named).unwrap();
    assert_eq!(reader.schema().time(), 0);
    let counted = Expect { epoch: Some(Epoch::Seconds), ..Expect::default() };
    let (rows, _) = read(FileFormat::Csv, b"time\n1\n2.5\n", &counted);
    assert_eq!(rows, [["1970-01-01T00:00:01Z"], ["1970-01-01T00:00:02.5Z"]]);
}

#[test]
fn what_is_no_table_of_times_is_refused() {
    let none = Expect::default();
    let time = |name: &str| Expect { time: Some(name.into()), ..Expect::default() };
    for (csv, expect, message) in [
        ("", &none, "nothing is in it, not even a header"),
        ("time\n", &none, "no rows to learn the columns from; say with --schema which there are"),
        ("a,b\n1,2\n", &none, "none of the columns `a`, `b` is a time; name it with --time"),
        ("time\n20260105\n", &none, "none of the columns `time` is a time; name it with --time"),
        (
            "time\n1767605400\n1767605400000\n",
            &none,
            "none of the columns `time` is a time; name it with --time",
        ),
        ("a\n2026-01-05\n", &time("b"), "the file has no column `b`; it has `a`"),
        (
            "a\nx\n",
            &time("a"),
            "column `a` is no time: `x` is no time such as 2026-01-05T09:30:00Z, nor a number since 1970 of the magnitude of those before",
        ),
        ("a,a\n2026-01-05,1\n", &none, "two columns are called `a`"),
        ("a\n2026-01-05\n", &said(&[("time", Kind::Timestamp)]), "the file has no column `time`; it has `a`"),
    ] {
        assert_eq!(error(FileFormat::Csv, csv.as_bytes(), expect), message, "{csv}");
    }
    for (json, message) in [
        ("", "no rows to learn the columns from; say with --schema which there are"),
        ("[1]", "row 1 (line 1), byte 1: not a JSON object: invalid type: sequence, expected an object"),
        (
            r#"{"a":[1]}"#,
            "row 1 (line 1), column `a`: a value is an object or array; only text, numbers, true, false and null can be stored",
        ),
    ] {
        assert_eq!(error(FileFormat::JsonLines, json.as_bytes(), &none), message, "{json}");
    }
}

#[test]
fn the_first_row_that_is_wrong_is_named() {
    let expect = said(&[
        ("time", Kind::Timestamp),
        ("n", Kind::Int),
        ("x", Kind::Float),
        ("d", Kind::Decimal { scale: 2 }),
        ("b", Kind::Bool),
        ("raw", Kind::Bytes),
        ("s", Kind::Text),
    ]);
    let long = "9".repeat(100);
    for (row, message) in [
        (
            "x,,,,,,",
            "row 2 (line 4), column `time`: `x` is not a time between 1677 and 2262 such as 2026-01-05T09:30:00Z",
        ),
        (
            "1767605400,,,,,,",
            "row 2 (line 4), column `time`: `1767605400` is not a time between 1677 and 2262 such as 2026-01-05T09:30:00Z",
        ),
        (",,,,,,", "row 2 (line 4), column `time`: the time of the row is missing"),
        ("2026-01-05,1.5,,,,,", "row 2 (line 4), column `n`: `1.5` is not a whole number of 64 bits"),
        (
            &format!("2026-01-05,{long},,,,,"),
            &format!("row 2 (line 4), column `n`: `{}…` is not a whole number of 64 bits", &long[..48]),
        ),
        ("2026-01-05,,a\tb,,,,", "row 2 (line 4), column `x`: `a\u{fffd}b` is not a number"),
        (
            "2026-01-05,,,1.005,,,",
            "row 2 (line 4), column `d`: `1.005` is not a number of at most 18 digits, 2 of them after the point",
        ),
        ("2026-01-05,,,,yes,,", "row 2 (line 4), column `b`: `yes` is not true or false"),
        ("2026-01-05,,,,,0g,", "row 2 (line 4), column `raw`: `0g` is not bytes in hex"),
        ("2026-01-05,1", "row 2 (line 4): the header has 7 fields, this row has 2"),
        ("2026-01-05,,,,,,,", "row 2 (line 4): the header has 7 fields, this row has 8"),
        ("2026-01-05,,,,,,\"never", "row 2 (line 4): a quoted field is never closed"),
        (
            "2026-01-05,,,,,,\"a\"b",
            "row 2 (line 4), field 7: after a closing quote comes neither a comma nor the end of the line",
        ),
    ] {
        let csv = format!("time,n,x,d,b,raw,s\n2026-01-05,1,1,1,true,00,\"a\nb\"\n{row}\n");
        let (rows, error) = read(FileFormat::Csv, csv.as_bytes(), &expect);
        assert_eq!((rows.len(), error.as_deref()), (1, Some(message)));
    }
    let csv = b"time,n,x,d,b,raw,s\n2026-01-05,,,,,,\xff\n";
    assert_eq!(error(FileFormat::Csv, csv, &expect), "row 1 (line 2), byte 17: not UTF-8");
    assert_eq!(error(FileFormat::Csv, b"time\xff\n", &expect), "header (line 1), byte 5: not UTF-8");
}

#[test]
fn the_first_object_that_is_wrong_is_named() {
    for (line, message) in [
        (
            r#"{"time":1767605400000}"#,
            "row 2 (line 3), column `time`: `1767605400000` is not the seconds since 1970",
        ),
        (
            r#"{"time":"2026-01-05"}"#,
            "row 2 (line 3), column `time`: `2026-01-05` is not the seconds since 1970",
        ),
        ("{}", "row 2 (line 3), column `time`: the time of the row is missing"),
        (
            r#"{"time":1767605400,"m":1}"#,
            "row 2 (line 3): the field `m` is in none of the first rows; say with --schema which columns there are",
        ),
        (r#"{"time":0,"time":0}"#, "row 2 (line 3): the field `time` is there twice"),
        (
            r#"{"time":0,"n":{}}"#,
            "row 2 (line 3), column `n`: a value is an object or array; only text, numbers, true, false and null can be stored",
        ),
        (r#"{"time":0,"n":"x"}"#, "row 2 (line 3), column `n`: `x` is not a whole number of 64 bits"),
        (r#"{"time":0,"n":01}"#, "row 2 (line 3), byte 16: not a JSON object: invalid number"),
        (r#"{"time":0"#, "row 2 (line 3), byte 9: not a JSON object: EOF while parsing an object"),
        ("5", "row 2 (line 3), byte 1: not a JSON object: invalid type: integer `5`, expected an object"),
        ("{} {}", "row 2 (line 3), byte 4: not a JSON object: trailing characters"),
    ] {
        let first = "{\"time\":1767605400,\"n\":1}\n\n";
        // Of a stream, only the first piece is learnt from.
        let bytes = format!("{first}{line}\n").into_bytes();
        let input = Pieces { bytes, at: 0, sizes: vec![first.len()], nth: 0 };
        let (rows, error) =
            all(RowReader::from_stream(FileFormat::JsonLines, Box::new(input), &Expect::default()));
        assert_eq!((rows.len(), error.as_deref()), (1, Some(message)), "{line}");
    }
}

#[test]
fn a_row_is_given_before_the_next_is_there() {
    struct Blocks(Cursor<&'static [u8]>);
    impl Read for Blocks {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => panic!("it would wait for more"),
                bytes => Ok(bytes),
            }
        }
    }
    for (format, text) in [
        (FileFormat::Csv, &b"time,n\n2026-01-05,1\n2026-01-06,2\n2026"[..]),
        (FileFormat::JsonLines, b"{\"time\":\"2026-01-05\"}\n{\"time\":\"2026-01-06\"}\n{\"ti"),
    ] {
        let input = BufReader::with_capacity(10, Blocks(Cursor::new(text)));
        let mut reader = RowReader::from_stream(format, Box::new(input), &Expect::default()).unwrap();
        while reader.rows() < 2 {
            assert_eq!(reader.read().unwrap().unwrap().num_rows(), 1);
        }
    }
}

#[test]
fn long_lines_are_not_kept() {
    struct Endless(&'static [u8], u64);
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let begin = std::mem::take(&mut self.0);
            buffer[..begin.len()].copy_from_slice(begin);
            buffer[begin.len()..].fill(b'x');
            self.1 += buffer.len() as u64;
            assert!(self.1 < 64 << 20, "it reads on");
            Ok(buffer.len())
        }
    }
    let schema = said(&[("time", Kind::Timestamp), ("s", Kind::Text)]);
    for (format, begin, expect, message) in [
        (
            FileFormat::Csv,
            &b"time,s\n2026-01-05,a\n2026-01-05,"[..],
            &Expect::default(),
            "row 2 (line 3): longer than 16777216 bytes",
        ),
        (FileFormat::Csv, b"time,s\n2026-01-05,\"", &schema, "row 1 (line 2): longer than 16777216 bytes"),
        (FileFormat::Csv, b"", &schema, "row 1: longer than 16777216 bytes"),
        (FileFormat::JsonLines, b"{", &schema, "row 1 (line 1): longer than 16777216 bytes"),
        (FileFormat::JsonLines, b"{", &Expect::default(), "row 1: longer than 16777216 bytes"),
    ] {
        let input = BufReader::new(Endless(begin, 0));
        let (_, error) = all(RowReader::from_stream(format, Box::new(input), expect));
        assert_eq!(error.as_deref(), Some(message));
    }
}

proptest! {
    #[test]
    fn the_pieces_of_the_input_do_not_matter(
        csv in "time,s,n\r?\n(2026-01-0[1-9],(a|\"b\"\"\r?\n,\"|é|\"\"|),-?[0-9]{0,3}x?\r?\n){0,5}.{0,9}",
        sizes in proptest::collection::vec(1..9_usize, 1..5),
    ) {
        let expect = said(&[("time", Kind::Timestamp), ("s", Kind::Text), ("n", Kind::Int)]);
        let input = Pieces { bytes: csv.clone().into_bytes(), at: 0, sizes, nth: 0 };
        let pieces = all(RowReader::from_stream(FileFormat::Csv, Box::new(input), &expect));
        prop_assert_eq!(pieces, read(FileFormat::Csv, csv.as_bytes(), &expect));
    }

    #[test]
    fn the_pieces_of_lines_do_not_matter(
        json in "(\\{\"time\":\"2026-01-0[1-9]\"(,\"n\":[0-9]{0,2})?\\}\r?\n){0,5}.{0,9}",
        sizes in proptest::collection::vec(1..9_usize, 1..5),
    ) {
        let expect = said(&[("time", Kind::Timestamp), ("n", Kind::Int)]);
        let input = Pieces { bytes: json.clone().into_bytes(), at: 0, sizes, nth: 0 };
        let pieces = all(RowReader::from_stream(FileFormat::JsonLines, Box::new(input), &expect));
        prop_assert_eq!(pieces, read(FileFormat::JsonLines, json.as_bytes(), &expect));
    }

    #[test]
    fn no_text_panics(
        bytes in proptest::collection::vec(any::<u8>(), 0..99),
        csv in "time(,[ab\"]{0,3}){0,3}\r?\n([-0-9.,\"\r\naTZ:]{0,40}\n){0,5}",
        json in "\\{?\"time\":[-0-9.\"e,:{}\\[\\]a\\\\u]{0,40}\\}?\n?",
    ) {
        for expect in [&Expect::default(), &said(&[("time", Kind::Timestamp), ("a", Kind::Float)])] {
            for bytes in [&bytes[..], csv.as_bytes(), json.as_bytes()] {
                read(FileFormat::Csv, bytes, expect);
                read(FileFormat::JsonLines, bytes, expect);
            }
        }
    }
}
