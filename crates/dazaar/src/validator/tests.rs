use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use serde_json::json;

use super::*;

const QUESTION: Question = Question {
    seller: IdentityKey([1; 32]),
    buyer: IdentityKey([2; 32]),
    feed: FeedKey([3; 32]),
    served_ms: 40,
    served_bytes: 0,
    served_rows: Vec::new(),
    served_ranges: Vec::new(),
};

async fn run(script: &str) -> Verdict {
    let command = ["sh", "-c", script].map(str::to_owned).to_vec();
    command::Command::new(command).validate(QUESTION).await
}

fn refuse(reason: &str) -> Verdict {
    Verdict::Refuse { reason: reason.to_owned() }
}

#[tokio::test]
async fn a_command_admits_by_its_exit_code() {
    assert_eq!(run("exit 0").await, Verdict::Admit { info: None });
    assert_eq!(run(r#"echo '{"type":"x"}'"#).await, Verdict::Admit { info: Some(json!({ "type": "x" })) });
    assert_eq!(run("echo not paid; echo really; exit 1").await, refuse("not paid"));
    assert_eq!(run(r#"echo '{"reason":"not paid"}'; exit 3"#).await, refuse("not paid"));
    assert_eq!(run("exit 1").await, refuse("refused by the seller"));
}

#[tokio::test]
async fn a_command_is_told_who_asks() {
    let script = r#"echo "$DAZAAR_SELLER $DAZAAR_BUYER $DAZAAR_FEED $DAZAAR_SERVED_MS"; exit 1"#;
    let told = format!("{} {} {} 40", "01".repeat(32), "02".repeat(32), "03".repeat(32));
    assert_eq!(run(script).await, refuse(&told));
}

#[tokio::test]
async fn a_command_that_cannot_run_refuses_without_saying_why() {
    let missing = command::Command::new(vec!["/no/such/program".to_owned()]);
    assert_eq!(missing.validate(QUESTION).await, undecided());
    assert_eq!(command::Command::new(Vec::new()).validate(QUESTION).await, undecided());
}

/// Answers one request on a free port; returns the URL and what was asked.
fn serve(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/check", listener.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut request, mut chunk) = (String::new(), [0; 1024]);
        while !request.ends_with('}') {
            let read = stream.read(&mut chunk).unwrap();
            request.push_str(std::str::from_utf8(&chunk[..read]).unwrap());
        }
        stream.write_all(answer.as_bytes()).unwrap();
        request
    });
    (url, asked)
}

#[tokio::test]
async fn a_web_service_admits_with_status_200() {
    let (url, asked) =
        serve("HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\n{\"type\":\"x\"}");
    assert_eq!(
        http::Http::new(url).validate(QUESTION).await,
        Verdict::Admit { info: Some(json!({ "type": "x" })) }
    );
    let request = asked.join().unwrap();
    assert!(request.starts_with("POST /check "), "{request}");
    assert!(request.contains(&"02".repeat(32)), "{request}");
}

#[tokio::test]
async fn a_web_service_refuses_with_any_other_status() {
    let (url, asked) =
        serve("HTTP/1.1 402 Payment Required\r\nContent-Length: 8\r\nConnection: close\r\n\r\nnot paid");
    assert_eq!(http::Http::new(url).validate(QUESTION).await, refuse("not paid"));
    asked.join().unwrap();
}

#[tokio::test]
async fn a_web_service_that_is_gone_refuses_without_saying_why() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(http::Http::new(url).validate(QUESTION).await, undecided());
}

/// Never answers.
#[derive(Debug)]
struct Silent;

impl Validator for Silent {
    fn validate(&self, _: Question) -> Answer<'_> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_question_that_charges_nothing_is_not_waited_for() {
    let mut asked = Asked::default();
    asked.settle().await;
    asked.ask(Arc::new(Silent), Question { served_ms: 0, ..QUESTION });
    asked.settle().await;
}

#[tokio::test]
async fn what_cannot_be_charged_is_charged_later() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("market.db");
    let database = Arc::new(Database::open(&path).unwrap());
    let Question { buyer, feed, .. } = QUESTION;
    let books = rusqlite::Connection::open(&path).unwrap();
    let sql = "INSERT INTO listing (feed, name, folder, card, unsigned_terms, admission, created_ms)
        VALUES (?1, 'flights', '/feeds/1', '{}', 0, '{\"type\":\"granted\"}', 5)";
    books.execute(sql, [feed.as_bytes()]).unwrap();
    database.grant("one", &feed, &buyer, Some(1000), 0).unwrap();
    let granted = granted::Granted::new(Arc::clone(&database), None);
    books.execute_batch("ALTER TABLE account RENAME TO broken").unwrap();
    for _ in 0..2 {
        assert_eq!(granted.validate(QUESTION).await, undecided());
    }
    books.execute_batch("ALTER TABLE broken RENAME TO account").unwrap();
    for left_ms in [880, 840] {
        let info = Some(granted::info(crate::database::Credit::Time { left_ms }));
        assert_eq!(granted.validate(QUESTION).await, Verdict::Admit { info });
    }
}
