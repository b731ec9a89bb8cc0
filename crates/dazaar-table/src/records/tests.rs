use proptest::prelude::*;

use super::*;

/// What reading `input` gives: the records' texts, or `line N: fault` for each bad row.
fn read_all(format: Format, input: &[u8]) -> Vec<Result<String, String>> {
    let mut reader = RecordReader::new(input, format);
    let mut rows = Vec::new();
    loop {
        match reader.read() {
            Ok(Some(record)) => rows.push(Ok(String::from_utf8(record.bytes).unwrap())),
            Ok(None) => return rows,
            Err(error) => rows.push(Err(error.to_string())),
        }
    }
}

fn ok(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

fn bad(text: &str) -> Result<String, String> {
    Err(text.to_owned())
}

#[test]
fn csv_records_keep_their_bytes() {
    let input = b"time,price\r\n1,2\n\"a\nb\",\"say \"\"hi\"\"\"\n3,4";
    assert_eq!(
        read_all(Format::Csv, input),
        [ok("time,price\r\n"), ok("1,2\n"), ok("\"a\nb\",\"say \"\"hi\"\"\"\n"), ok("3,4")]
    );
}

#[test]
fn bad_csv_rows_name_their_line_and_reading_goes_on() {
    let input = b"a,b\n1,2\n3\n\n\"x\ny\",4,5\n6,7\n\xff,8\n9,\"open\n";
    assert_eq!(
        read_all(Format::Csv, input),
        [
            ok("a,b\n"),
            ok("1,2\n"),
            bad("line 3: the header has 2 fields, this row has 1"),
            bad("line 4: the row is empty"),
            bad("line 5: the header has 2 fields, this row has 3"),
            ok("6,7\n"),
            bad("line 8: not UTF-8 at byte 1"),
            bad("line 9: a quoted field is never closed"),
        ]
    );
}

#[test]
fn a_lone_carriage_return_is_no_line_ending() {
    assert_eq!(
        read_all(Format::Csv, b"a,b\r1,2\r\n"),
        [bad("line 1: a carriage return outside quotes at byte 4")]
    );
}

#[test]
fn a_last_row_may_end_in_a_closed_quote() {
    assert_eq!(read_all(Format::Csv, b"a,\"b\""), [ok("a,\"b\"")]);
    assert_eq!(read_all(Format::Csv, b"a,\"b"), [bad("line 1: a quoted field is never closed")]);
}

#[test]
fn rows_with_many_and_long_fields_are_counted() {
    let wide = format!("{}\n", vec!["x".repeat(3000); 200].join(","));
    let narrow = format!("{}\n", vec!["x"; 199].join(","));
    assert_eq!(
        read_all(Format::Csv, format!("{wide}{narrow}").as_bytes()),
        [Ok(wide), bad("line 2: the header has 200 fields, this row has 199")]
    );
}

#[test]
fn json_lines_are_checked_one_by_one() {
    let input = b"{\"t\":1}\n{\"t\":}\n[1,2]\n\n{\"t\":2} x\n\"\xff\"\n{\"t\":3}";
    assert_eq!(
        read_all(Format::JsonLines, input),
        [
            ok("{\"t\":1}\n"),
            bad("line 2: not JSON at byte 6: expected value"),
            ok("[1,2]\n"),
            bad("line 4: the row is empty"),
            bad("line 5: not JSON at byte 9: trailing characters"),
            bad("line 6: not UTF-8 at byte 2"),
            ok("{\"t\":3}"),
        ]
    );
}

#[test]
fn any_line_is_a_row_of_lines() {
    let input = b"free\n\n\"text, {\nend";
    assert_eq!(read_all(Format::Lines, input), [ok("free\n"), ok("\n"), ok("\"text, {\n"), ok("end")]);
}

#[test]
fn json_that_ends_too_soon_is_wrong_at_its_end() {
    let rows = read_all(Format::JsonLines, b"{\"a\":1\n");
    assert_eq!(rows, [bad("line 1: not JSON at byte 6: EOF while parsing an object")]);
}

#[test]
fn deep_json_needs_no_stack() {
    let rows = read_all(Format::JsonLines, "[".repeat(1_000_000).as_bytes());
    assert_eq!(rows, [bad("line 1: not JSON at byte 1000000: EOF while parsing a list")]);
}

#[test]
fn a_row_longer_than_a_block_is_passed_over() {
    let long = "x".repeat(ROW_BYTES_MAX + 1);
    let input = format!("a\n{long}\nb\n");
    let too_long = format!("line 2: the row is longer than {ROW_BYTES_MAX} bytes");
    assert_eq!(read_all(Format::Csv, input.as_bytes()), [ok("a\n"), Err(too_long), ok("b\n")]);
}

proptest! {
    #[test]
    fn good_rows_joined_are_the_input(rows in prop::collection::vec(("[a-z\" \n,]{0,9}", "[0-9]{1,9}"), 1..50)) {
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let input: String = rows.iter().map(|(a, b)| format!("{},{b}\n", quoted(a))).collect();
        let read = read_all(Format::Csv, input.as_bytes());
        prop_assert_eq!(read.len(), rows.len());
        prop_assert_eq!(read.into_iter().collect::<Result<String, _>>().unwrap(), input);
    }

    #[test]
    fn any_bytes_end(input in prop::collection::vec(any::<u8>(), 0..2000)) {
        read_all(Format::Csv, &input);
        read_all(Format::JsonLines, &input);
        let mut lines = RecordReader::new(&input[..], Format::Lines);
        let rows: Vec<u8> = std::iter::from_fn(|| lines.read().unwrap()).flat_map(|row| row.bytes).collect();
        prop_assert_eq!(rows, input);
    }
}
