//! `dazaar sql`, against a seller that is another process. A program without the engine says so.

use crate::support::Scene;

#[cfg(not(feature = "sql"))]
#[test]
fn a_program_without_sql_says_how_to_get_it() {
    let scene = Scene::new();
    let mut process = scene.dazaar("buyer", &["sql", "select 1"]);
    process.fail_with(2);
    assert!(process.complaints().contains("--features sql"), "{process}");
}

#[cfg(feature = "sql")]
mod with_engine {
    use super::*;

    const HEADER: &str = "time,symbol,price\n";

    fn rows(range: std::ops::Range<u64>) -> String {
        let row = |nth: u64| {
            let (hour, minute, second) = (nth / 3600, nth / 60 % 60, nth % 60);
            format!(
                "2026-01-01T{hour:02}:{minute:02}:{second:02}Z,{},{nth}\n",
                ["BTC", "ETH"][nth as usize % 2]
            )
        };
        range.map(row).collect()
    }

    #[test]
    fn a_question_is_answered_from_the_seller_and_written_to_any_file() {
        let scene = Scene::new();
        let data = scene.file("trades.csv", HEADER.to_owned() + &rows(0..80_000));
        let (_seller, place) = scene.sell(&data, &["--blocks", "table", "--key", "symbol", "--admit-all"]);
        let named = format!("trades=dazaar:{}?at={}", place.seller, place.address);
        let ask = |question: &str, to: &str| {
            let to = scene.text_path(to);
            let mut process = scene.dazaar("buyer", &["sql", "--table", &named, question, "-o", &to]);
            process.succeed();
            process.last("answered").clone()
        };
        let question =
            "select * from trades where time >= '2026-01-01T10:00:00Z' and time < '2026-01-01T10:00:03Z'";
        let answered = ask(question, "answer.csv");
        assert_eq!(scene.read("answer.csv"), HEADER.to_owned() + &rows(36_000..36_003));
        assert_eq!(answered["rows"], 3);
        assert!(answered["downloaded"].as_u64().is_some_and(|bytes| bytes > 0), "{answered}");
        // Once more, and nothing is downloaded any more.
        assert_eq!(ask(question, "again.csv")["downloaded"], 0);
        ask("select symbol, max(price) as top from trades group by symbol order by symbol", "top.jsonl");
        assert_eq!(
            scene.read("top.jsonl"),
            "{\"symbol\":\"BTC\",\"top\":79998}\n{\"symbol\":\"ETH\",\"top\":79999}\n"
        );
        ask(
            "select * from candles('trades', '1h') where symbol = 'BTC' and time < '2026-01-01T02:00:00Z' order by time",
            "candles.csv",
        );
        assert_eq!(
            scene.read("candles.csv"),
            "time,symbol,open,high,low,close,rows\n\
             2026-01-01T00:00:00Z,BTC,0,3598,0,3598,1800\n2026-01-01T01:00:00Z,BTC,3600,7198,3600,7198,1800\n"
        );
        for to in ["all.parquet", "all.arrow"] {
            ask(
                "select cast(time as date) as day, price / 7.0 as part, count(*) as rows from trades group by 1, 2",
                to,
            );
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_exit_code() {
        let scene = Scene::new();
        for (question, code) in [
            ("select * from nothing", 3),
            ("selec 1", 3),
            ("drop table trades", 3),
            ("select * from candles('nothing', '1m')", 3),
        ] {
            scene.dazaar("buyer", &["sql", question, "-o", &scene.text_path("x.csv")]).fail_with(code);
        }
        let gone = format!("gone=dazaar:{}?at=127.0.0.1:1", "ab".repeat(32));
        let words = [
            "sql",
            "--table",
            &gone,
            "--timeout",
            "1",
            "select * from gone",
            "-o",
            &scene.text_path("x.csv"),
        ];
        scene.dazaar("buyer", &words).fail_with(5);
        scene.dazaar("buyer", &["sql", "--table", "gone", "select 1"]).fail_with(2);
        assert!(!scene.path("x.csv").exists());
    }
}
