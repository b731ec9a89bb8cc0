//! Questions to tables on the disk and at sellers, over real connections.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use arrow::datatypes::{Float64Type, Int64Type, TimestampNanosecondType};
use dazaar::database::Admission;
use dazaar::log::Durability;
use dazaar::{Market, Offer, Seller, SellerOptions, now_ms};
use dazaar_data::{OpenError, Settings, TableError, TablePublisher, Tables, answer_all};
use dazaar_sql::{DataFusionError, Sql, cause};
use dazaar_table::{Column, Kind, Schema};
use futures_util::TryStreamExt as _;
use tempfile::TempDir;
use tokio::net::TcpListener;

const SECOND: i64 = 1_000_000_000;

/// 2026-03-01.
const START: i64 = 1_772_323_200 * SECOND;

/// Rows of a table, one a second.
const ROWS: i64 = 100_000;

fn schema() -> Schema {
    let columns = vec![
        Column::new("time", Kind::Timestamp),
        Column::new("symbol", Kind::Text),
        Column::new("price", Kind::Float),
        Column::new("size", Kind::Float),
    ];
    Schema::new(columns, "time", &["symbol"], None).unwrap()
}

/// A price that goes up and down.
fn price(row: i64) -> f64 {
    (row * 7919 % 1000) as f64 / 10.0
}

fn rows(range: std::ops::Range<i64>) -> RecordBatch {
    let symbols =
        StringArray::from_iter_values(range.clone().map(|row| ["BTC", "ETH"][(row / 10_000 % 2) as usize]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(
            TimestampNanosecondArray::from_iter_values(range.clone().map(|row| START + row * SECOND))
                .with_timezone("UTC"),
        ),
        Arc::new(symbols),
        Arc::new(Float64Array::from_iter_values(range.clone().map(price))),
        Arc::new(Float64Array::from_iter_values(range.map(|row| (row % 5) as f64))),
    ];
    RecordBatch::try_new(schema().to_arrow(), columns).unwrap()
}

fn market(dir: &Path) -> Arc<Market> {
    Arc::new(Market::create(dir, None, None).unwrap())
}

/// Publishes the table, lists it for everybody, serves it, and returns the link.
async fn sold(market: &Arc<Market>, name: &str) -> String {
    let log = market.own_feed(name).unwrap();
    let mut publisher = TablePublisher::begin(&log, Durability::Os, schema()).unwrap();
    for start in (0..ROWS).step_by(8192) {
        publisher.push(&rows(start..(start + 8192).min(ROWS))).unwrap();
    }
    publisher.finish().unwrap();
    let offer = Offer::new(log.key(), name, market.feed_folder(&log.key()), Admission::Everybody);
    let listing = market.list(offer, now_ms()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string().parse().unwrap();
    let seller = Seller::new(Arc::clone(market), listing, SellerOptions::default()).unwrap();
    let link = market.link(seller.listing(), vec![address]).to_string();
    tokio::spawn(answer_all(seller.clone()));
    tokio::spawn(async move { seller.serve(listener).await });
    link
}

/// A session of a buyer who knows these sellers by name.
fn session(dir: &TempDir, names: &[(&str, &str)]) -> Sql {
    let names: BTreeMap<_, _> =
        names.iter().map(|&(name, link)| (name.to_owned(), link.to_owned())).collect();
    let tables = Tables::new(market(dir.path()), Settings { names, ..Settings::default() });
    Sql::new(tables, 1 << 30).unwrap()
}

async fn ask(sql: &Sql, text: &str) -> Vec<RecordBatch> {
    sql.query(text).await.unwrap().try_collect().await.unwrap()
}

async fn wrong(sql: &Sql, text: &str) -> DataFusionError {
    match sql.query(text).await {
        Err(error) => error,
        Ok(rows) => rows.try_collect::<Vec<_>>().await.unwrap_err(),
    }
}

fn floats(batches: &[RecordBatch], column: usize) -> Vec<f64> {
    batches
        .iter()
        .flat_map(|batch| batch.column(column).as_primitive::<Float64Type>().values().to_vec())
        .collect()
}

fn times(batches: &[RecordBatch], column: usize) -> Vec<i64> {
    let values = |batch: &RecordBatch| {
        batch.column(column).as_primitive::<TimestampNanosecondType>().values().to_vec()
    };
    batches.iter().flat_map(values).collect()
}

fn count(batches: &[RecordBatch]) -> i64 {
    batches[0].column(0).as_primitive::<Int64Type>().value(0)
}

async fn explained(sql: &Sql, text: &str) -> String {
    let batches = ask(sql, &format!("explain {text}")).await;
    let plans: Vec<_> =
        batches.iter().flat_map(|batch| batch.column(1).as_string::<i32>().iter().flatten()).collect();
    plans.join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_question_does_not_need_is_not_downloaded() {
    let (selling, buying) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let seller = market(selling.path());
    let link = sold(&seller, "btcusd").await;
    let all = {
        let sql = session(&buying, &[("btc", &link)]);
        let found = ask(&sql, "select count(*), sum(price) from btc").await;
        assert_eq!(count(&found), ROWS);
        let expected: f64 = (0..ROWS).map(price).sum();
        assert!((floats(&found, 1)[0] - expected).abs() < 1e-3);
        sql.downloaded()
    };
    for (text, rows, share) in [
        ("select * from btc where time >= '2026-03-01 10:00:00' and time < '2026-03-01 10:01:00'", 60, 0.15),
        (
            "select price from btc where time between '2026-03-01 10:00:00' and '2026-03-01 10:01:00'",
            61,
            0.15,
        ),
        ("select * from btc limit 5", 5, 0.15),
        ("select time from btc where symbol = 'BTC' and time < timestamp '2026-03-01 01:00:00'", 3600, 0.15),
        ("select time from btc where symbol in ('nothing')", 0, 0.05),
        ("select * from btc where time > now()", 0, 0.05),
        (
            "select * from candles('btc', '1m') where time >= '2026-03-01 10:00:00' and time < '2026-03-01 10:05:00'",
            5,
            0.15,
        ),
    ] {
        let buying = TempDir::new().unwrap();
        let sql = session(&buying, &[("btc", &link)]);
        let found = ask(&sql, text).await;
        let total: usize = found.iter().map(RecordBatch::num_rows).sum();
        assert_eq!(total, rows, "{text}");
        let downloaded = sql.downloaded();
        assert!((downloaded as f64) < all as f64 * share, "{text}: {downloaded} of {all} bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_shows_what_reaches_the_seller() {
    let (selling, buying) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let link = sold(&market(selling.path()), "btcusd").await;
    let sql = session(&buying, &[("btc", &link)]);
    let plan = explained(&sql, "select price from btc where time >= '2026-03-02' and price > 5").await;
    assert!(
        plan.contains("FeedScan: table=btc, columns=[price], from=2026-03-02T00:00:00Z, segments=3"),
        "{plan}"
    );
    let plan = explained(&sql, "select time from btc where symbol = 'BTC' limit 7").await;
    assert!(plan.contains("columns=[time], by key, limit=7, segments="), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_come_in_the_order_of_the_table() {
    let (selling, buying) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let link = sold(&market(selling.path()), "btcusd").await;
    let sql = session(&buying, &[("btc", &link)]);
    let found = times(&ask(&sql, "select time from btc where price > 50").await, 0);
    let expected: Vec<i64> =
        (0..ROWS).filter(|&row| price(row) > 50.0).map(|row| START + row * SECOND).collect();
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn candles_are_what_the_rows_say() {
    let (selling, buying) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let link = sold(&market(selling.path()), "btcusd").await;
    let sql = session(&buying, &[("btc", &link)]);
    let found = ask(
        &sql,
        "select time, open, high, low, close, volume from candles('btc', '1h') where symbol = 'BTC' order by time",
    )
    .await;
    let hours: Vec<i64> = times(&found, 0);
    let btc: Vec<i64> = (0..ROWS).filter(|row| row / 10_000 % 2 == 0).collect();
    let mut expected_hours: Vec<i64> = btc.iter().map(|row| row / 3600).collect();
    expected_hours.dedup();
    assert_eq!(hours, expected_hours.iter().map(|hour| START + hour * 3600 * SECOND).collect::<Vec<_>>());
    for (nth, hour) in expected_hours.iter().enumerate() {
        let of_hour: Vec<i64> = btc.iter().copied().filter(|row| row / 3600 == *hour).collect();
        let prices: Vec<f64> = of_hour.iter().map(|&row| price(row)).collect();
        let volume: f64 = of_hour.iter().map(|row| (row % 5) as f64).sum();
        let high = prices.iter().copied().fold(f64::MIN, f64::max);
        let low = prices.iter().copied().fold(f64::MAX, f64::min);
        let candle: Vec<f64> = (1..6).map(|column| floats(&found, column)[nth]).collect();
        assert_eq!(candle, [prices[0], high, low, prices[prices.len() - 1], volume], "hour {hour}");
    }
    let error = wrong(&sql, "select * from candles('btc', 'moon')").await;
    assert!(error.to_string().contains("`moon` is no span of time"), "{error}");
    let error = wrong(&sql, "select * from candles('btc', '1h', 'symbol')").await;
    assert!(error.to_string().contains("no column `symbol` with numbers"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_trades_of_one_moment_the_first_opens_and_the_last_closes() {
    let (selling, buying) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let seller = market(selling.path());
    let log = seller.own_feed("moments").unwrap();
    let mut publisher = TablePublisher::begin(&log, Durability::Os, schema()).unwrap();
    let prices = [None, Some(3.0), Some(1.0), Some(2.0), None, Some(7.0)];
    let seconds = [0, 0, 0, 59, 59, 60];
    let columns: Vec<ArrayRef> = vec![
        Arc::new(
            TimestampNanosecondArray::from_iter_values(seconds.map(|second| START + second * SECOND))
                .with_timezone("UTC"),
        ),
        Arc::new(StringArray::from(vec!["BTC"; 6])),
        Arc::new(Float64Array::from(prices.to_vec())),
        Arc::new(Float64Array::from(vec![1.0; 6])),
    ];
    publisher.push(&RecordBatch::try_new(schema().to_arrow(), columns).unwrap()).unwrap();
    publisher.finish().unwrap();
    let folder = seller.feed_folder(&log.key());
    let sql = session(&buying, &[("t", &folder.to_string_lossy())]);
    let found = ask(&sql, "select open, high, low, close from candles('t', '1m') order by time").await;
    let columns: Vec<Vec<f64>> = (0..4).map(|column| floats(&found, column)).collect();
    assert_eq!(columns, [vec![3.0, 7.0], vec![3.0, 7.0], vec![1.0, 7.0], vec![2.0, 7.0]]);
    let found =
        ask(&sql, "select first(price, time), last(price, time) from t where time < '2026-03-01 00:00:01'")
            .await;
    assert_eq!((floats(&found, 0), floats(&found, 1)), (vec![3.0], vec![1.0]));
    assert_eq!(count(&ask(&sql, "select count(*) from generate_series(1, 5)").await), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_gone_are_left_out_and_told() {
    let (selling, buying) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let seller = market(selling.path());
    let link = sold(&seller, "btcusd").await;
    // The first two segments.
    seller.own_feed("btcusd").unwrap().clear_before(3).unwrap();
    let sql = session(&buying, &[("btc", &link)]);
    assert_eq!(count(&ask(&sql, "select count(price) from btc").await), ROWS - 2 * 8192);
    assert_eq!(sql.gone().iter().map(|(_, rows)| rows.end - rows.start).sum::<u64>(), 2 * 8192);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_different_sellers_are_joined() {
    let (one, other, buying) = (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let (first, second) = (sold(&market(one.path()), "a").await, sold(&market(other.path()), "b").await);
    let sql = session(&buying, &[("a", &first), ("b", &second)]);
    let found = ask(
        &sql,
        "select count(*) from a join b on a.time = b.time where a.time < '2026-03-01 00:01:00' and a.price = b.price",
    )
    .await;
    assert_eq!(count(&found), 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_here_is_read_without_the_seller() {
    let (selling, buying) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let seller = market(selling.path());
    let link = sold(&seller, "btcusd").await;
    let sql = session(&buying, &[("btc", &link)]);
    ask(&sql, "select sum(price) from btc").await;
    sql.flush().await.unwrap();
    drop(sql);
    let tables = Tables::new(Arc::new(Market::open(buying.path(), None).unwrap()), Settings::default());
    let sql = Sql::new(tables, 1 << 30).unwrap();
    let found = ask(&sql, "select count(price) from btcusd where time >= '2026-03-02'").await;
    assert_eq!(count(&found), ROWS - 86_400);
    assert_eq!(sql.downloaded(), 0);
    // And the seller reads a listing of their own by its name.
    let own = Sql::new(Tables::new(seller, Settings::default()), 1 << 30).unwrap();
    assert_eq!(count(&ask(&own, "select count(price) from btcusd").await), ROWS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_reads_and_does_nothing_else() {
    let (selling, buying) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let seller = market(selling.path());
    sold(&seller, "x").await;
    let folder = seller.feed_folder(&seller.own_feed("x").unwrap().key());
    let sql = session(&buying, &[("x", &folder.to_string_lossy())]);
    let file = buying.path().join("out.csv");
    for text in [
        "create table x as select 1".to_owned(),
        format!("copy (select 1) to '{}'", file.display()),
        "set datafusion.execution.batch_size = 1".to_owned(),
        format!("create external table x stored as csv location '{}'", file.display()),
        "drop table x".to_owned(),
        "insert into x select * from x".to_owned(),
        "select 1; select 2".to_owned(),
        "not sql".to_owned(),
    ] {
        let error = wrong(&sql, &text).await.strip_backtrace();
        let reasons = ["not supported", "not sql", "single SQL statement", "Expected"];
        assert!(reasons.iter().any(|reason| error.contains(reason)), "{text}: {error}");
    }
    assert!(!file.exists());
    let error = wrong(&sql, "select * from nowhere").await;
    assert!(matches!(cause::<OpenError>(&error), Some(OpenError::Find(_))), "{error}");
    let error = wrong(&sql, &format!("select * from \"{}\"", file.display())).await;
    assert!(cause::<OpenError>(&error).is_some(), "{error}");
    assert_eq!(count(&ask(&sql, "select count(*) from (values (1), (2)) as t(x)").await), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seller_who_is_gone_is_an_error() {
    let buying = TempDir::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let link = format!("dazaar:{}?at={address}", "ab".repeat(32));
    let names = BTreeMap::from([("gone".to_owned(), link)]);
    let patience = Some(std::time::Duration::from_millis(300));
    let settings = Settings { names, patience, ..Settings::default() };
    let sql = Sql::new(Tables::new(market(buying.path()), settings), 1 << 30).unwrap();
    let error = wrong(&sql, "select * from gone").await;
    let cause = cause::<OpenError>(&error);
    assert!(matches!(cause, Some(OpenError::Table(TableError::Seller(_)))), "{error}");
}
