use datafusion::logical_expr::{ScalarUDF, col, lit};
use dazaar_table::{Column, Kind};

use super::*;
use crate::bucket::Bucket;

const HOUR_NS: i64 = DAY_NS / 24;

fn schema() -> Schema {
    let columns = vec![
        Column::new("time", Kind::Timestamp),
        Column::new("symbol", Kind::Text),
        Column::new("price", Kind::Float),
    ];
    Schema::new(columns, "time", &["symbol"], None).unwrap()
}

fn at(time: i64) -> Expr {
    lit(ScalarValue::TimestampNanosecond(Some(time), Some("UTC".into())))
}

fn bucket(span: &str) -> Expr {
    ScalarUDF::from(Bucket::default()).call(vec![lit(span), col("time")])
}

fn times(filter: Expr) -> Option<(Option<i64>, Option<i64>, bool)> {
    match meaning(&filter, &schema())? {
        Meaning::Times { from, to } => Some((from, to, true)),
        Meaning::AmongTimes { from, to } => Some((from, to, false)),
        Meaning::Keys(_) => None,
    }
}

#[test]
fn comparisons_with_the_time_are_ranges() {
    assert_eq!(times(col("time").gt_eq(at(5))), Some((Some(5), None, true)));
    assert_eq!(times(col("time").gt(at(5))), Some((Some(6), None, true)));
    assert_eq!(times(col("time").lt(at(5))), Some((None, Some(5), true)));
    assert_eq!(times(col("time").lt_eq(at(5))), Some((None, Some(6), true)));
    assert_eq!(times(col("time").eq(at(5))), Some((Some(5), Some(6), true)));
    assert_eq!(times(at(5).lt_eq(col("time"))), Some((Some(5), None, true)));
    assert_eq!(times(col("time").not_eq(at(5))), None);
    assert_eq!(times(col("price").gt_eq(lit(5.0))), None);
    // Later than any time: no range has that, so the engine decides.
    assert_eq!(times(col("time").gt(at(i64::MAX))), None);
    assert_eq!(times(col("time").lt_eq(at(i64::MAX))), Some((None, None, true)));
}

#[test]
fn a_span_lies_between_its_beginning_and_its_end() {
    assert_eq!(times(bucket("1h").gt_eq(at(5))), Some((Some(5), None, false)));
    assert_eq!(times(bucket("1h").lt(at(5))), Some((None, Some(5 + HOUR_NS), false)));
    assert_eq!(times(bucket("1h").eq(at(0))), Some((Some(0), Some(1 + HOUR_NS), false)));
    assert_eq!(times(bucket("no span").gt_eq(at(5))), Some((Some(5), None, false)));
    assert_eq!(times(bucket("no span").lt(at(5))), Some((None, None, false)));
}

#[test]
fn values_of_the_key_are_a_list() {
    let keys = |filter: Expr| match meaning(&filter, &schema()) {
        Some(Meaning::Keys(keys)) => keys,
        _ => Vec::new(),
    };
    assert_eq!(keys(col("symbol").eq(lit("a"))), ["a"]);
    assert_eq!(keys(col("symbol").in_list(vec![lit("a"), lit("b")], false)), ["a", "b"]);
    assert_eq!(keys(col("symbol").eq(lit("a")).or(col("symbol").eq(lit("b")))), ["a", "b"]);
    assert!(keys(col("symbol").in_list(vec![lit("a")], true)).is_empty());
    assert!(keys(col("symbol").eq(lit("a")).or(col("price").eq(lit(1.0)))).is_empty());
    assert!(keys(col("symbol").gt(lit("a"))).is_empty());
}

#[test]
fn conditions_meet_in_one_question() {
    let filters = [
        col("time").gt_eq(at(5)),
        col("time").gt_eq(at(7)),
        col("time").lt(at(50)),
        col("time").lt(at(40)),
        col("symbol").in_list(vec![lit("a"), lit("b")], false),
        col("symbol").in_list(vec![lit("b"), lit("c")], false),
    ];
    let asked = query(&filters, &schema());
    assert_eq!((asked.from, asked.to, asked.symbols), (Some(7), Some(40), vec!["b".to_owned()]));
    let none = query(&[col("symbol").eq(lit("a")), col("symbol").eq(lit("b"))], &schema());
    assert_eq!((none.from, none.to), (Some(i64::MAX), Some(i64::MAX)));
}
