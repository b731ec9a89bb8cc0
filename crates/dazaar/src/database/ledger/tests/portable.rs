//! The statements of the ledger in PostgreSQL: whatever SQLite answered, it answers.
//!
//! What random books and their reports asked of SQLite is asked once more, of a new SQLite and of PostgreSQL side by side. The
//! dialects differ in types of columns, in the form of blobs, in `STRICT`, and in how a transaction begins.

use std::cell::RefCell;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use postgres::types::Type;
use postgres::{Client, NoTls, SimpleQueryMessage};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::model::{self, Step};
use super::*;
use crate::database::MIGRATIONS;

/// Where Debian has the server, which is on nobody's path.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Random books that are kept.
const BOOKS: usize = 16;

/// How long a server may take to be there.
const START: Duration = Duration::from_secs(60);

thread_local! {
    static SEEN: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Keeps a statement that SQLite was asked, with its values.
pub(super) fn record(statement: &str) {
    SEEN.with_borrow_mut(|seen| seen.iter_mut().for_each(|seen| seen.push(statement.to_owned())));
}

/// What SQLite was asked meanwhile.
fn recorded(body: impl FnOnce()) -> Vec<String> {
    SEEN.set(Some(Vec::new()));
    body();
    SEEN.take().unwrap()
}

/// What is asked of one database: rows as texts, or how many were changed; or that it failed.
type Answer = Result<Vec<Vec<Option<String>>>, String>;

#[test]
fn postgresql_answers_what_sqlite_answers() {
    let server = Server::start();
    let mut runner = TestRunner::deterministic();
    let mut asked = 0;
    for book in 0..BOOKS {
        let steps = model::steps().new_tree(&mut runner).unwrap().current();
        let mut statements = recorded(|| keep(&steps));
        statements.retain(|statement| is_portable(statement));
        let (sqlite, mut postgres) = (new_sqlite(), server.database(&format!("book{book}")));
        for statement in &statements {
            let (ours, theirs) = (ask_sqlite(&sqlite, statement), ask_postgres(&mut postgres, statement));
            match (ours, theirs) {
                (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{statement}"),
                // Nobody has the same voucher twice.
                (Err(ours), Err(theirs)) if ours.contains("UNIQUE") && theirs.contains("23505") => {}
                (ours, theirs) => panic!("{statement}\nSQLite: {ours:?}\nPostgreSQL: {theirs:?}"),
            }
        }
        asked += statements.len();
    }
    assert!(asked > 10 * BOOKS, "{asked} statements");
}

/// Keeps books, and reads everything that can be read of them.
fn keep(steps: &[Step]) {
    let (mut books, mut model) = (Books::new(), model::Model::new());
    for step in steps {
        // Without a copy of the disk nothing is lost in a power cut.
        model::perform(step, &mut books, &mut model, &mut None);
    }
    let database = &books.database;
    rows::pay_for_all_kinds(&books);
    database.ledger(i64::MIN, i64::MAX).unwrap();
    database.ledger_totals().unwrap();
    database.vouchers(&FEED).unwrap();
    database.cursor("chain").unwrap();
    database.apply("chain", &[], Some(b"here"), 9).unwrap();
    database.open_orders(&FEED).unwrap();
    database.order(&[1; 16]).unwrap();
    database.order_payments(&[1; 16]).unwrap();
    database.credit(&FEED, &ANNA, 9).unwrap();
    database.refunds_waiting("purse").unwrap();
    for (nth, buyer) in [ANNA, BERT].iter().enumerate() {
        database.put_unordered((&FEED, buyer, "old"), "", 1, 9 + nth as i64).unwrap();
    }
    database.book_unordered(&Order { id: [99; 16], ..order(99, &sats()) }, "old", 9).unwrap();
    database.see_unordered((&FEED, &BERT, "old"), 100_000).unwrap();
    database.unordered((&FEED, &BERT, "old")).unwrap();
    database.unordered_buyers((&FEED, "old"), false, 0).unwrap();
    database.open_order_at(&FEED, &ANNA, "old").unwrap();
}

/// Whether a statement is the ledger's: pragmas and counters of changes are SQLite's own.
fn is_portable(statement: &str) -> bool {
    !["PRAGMA", "SELECT total_changes", "--"].iter().any(|start| statement.starts_with(start))
}

fn new_sqlite() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    MIGRATIONS.iter().for_each(|step| connection.execute_batch(step).unwrap());
    connection
}

fn ask_sqlite(connection: &Connection, statement: &str) -> Answer {
    let ask = || {
        let mut prepared = connection.prepare(statement)?;
        let columns = prepared.column_count();
        if columns == 0 {
            let changed = prepared.execute([])?;
            return Ok(vec![vec![Some(changed.to_string())]]);
        }
        let read =
            |row: &rusqlite::Row<'_>| (0..columns).map(|nth| Ok(sqlite_text(row.get_ref(nth)?))).collect();
        prepared.query_map([], read)?.collect::<rusqlite::Result<Vec<_>>>()
    };
    let is_change = ["INSERT", "UPDATE", "DELETE"].iter().any(|verb| statement.starts_with(verb));
    let rows = ask().map_err(|error| error.to_string())?;
    Ok(if is_change || statement.starts_with("SELECT") { in_order(statement, rows) } else { Vec::new() })
}

fn sqlite_text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Some(format!("\\x{}", hex::encode(bytes))),
    }
}

fn ask_postgres(client: &mut Client, statement: &str) -> Answer {
    let sql = translated(statement);
    let is_select = sql.starts_with("SELECT") || sql.contains("RETURNING");
    let mut ask = || {
        let truths: Vec<bool> = match is_select {
            true => {
                client.prepare(&sql)?.columns().iter().map(|column| *column.type_() == Type::BOOL).collect()
            }
            false => Vec::new(),
        };
        let messages = client.simple_query(&sql)?;
        let texts = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|nth| match row.get(nth) {
                Some(text) if truths[nth] => Some(u8::from(text == "t").to_string()),
                text => text.map(str::to_owned),
            })),
            _ => None,
        });
        let rows: Vec<Vec<_>> = texts.map(Iterator::collect).collect();
        let changed = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::CommandComplete(changed) => Some(*changed),
            _ => None,
        });
        Ok(if is_select { rows } else { vec![vec![changed.map(|changed| changed.to_string())]] })
    };
    let rows = ask().map_err(|error: postgres::Error| format!("{error:?}"))?;
    let is_told = ["SELECT", "INSERT", "UPDATE", "DELETE"].iter().any(|verb| statement.starts_with(verb));
    Ok(if is_told { in_order(statement, rows) } else { Vec::new() })
}

/// Rows that were asked for in no order may come in any.
fn in_order(statement: &str, mut rows: Vec<Vec<Option<String>>>) -> Vec<Vec<Option<String>>> {
    if !statement.contains("ORDER BY") {
        rows.sort();
    }
    rows
}

/// A statement in the dialect of PostgreSQL.
fn translated(statement: &str) -> String {
    let mut words = String::new();
    let mut rest = statement;
    // Blobs: x'00ff' is a string of bits there.
    while let Some(at) = rest.find("x'").or_else(|| rest.find("X'")) {
        let is_blob = !rest[..at].ends_with(|before: char| before.is_ascii_alphanumeric() || before == '\'');
        let (before, blob) = rest.split_at(at + 2);
        if !is_blob {
            words.push_str(before);
            rest = blob;
            continue;
        }
        let (digits, after) = blob.split_once('\'').unwrap();
        words.push_str(&rest[..at]);
        words.push_str(&format!("'\\x{digits}'::bytea"));
        rest = after;
    }
    words.push_str(rest);
    for (theirs, ours) in [
        ("BEGIN IMMEDIATE", "BEGIN"),
        ("zeroblob(0)", "''::bytea"),
        ("BEGIN DEFERRED", "BEGIN"),
        (") STRICT", ")"),
        (" BLOB", " BYTEA"),
        (" INTEGER", " BIGINT"),
    ] {
        words = words.replace(theirs, ours);
    }
    words
}

/// A server of its own, which nobody else reaches.
struct Server {
    folder: TempDir,
    process: Child,
}

impl Server {
    fn start() -> Self {
        let bin = programs().expect("PostgreSQL is installed: cargo xtask setup");
        let folder = TempDir::new().unwrap();
        let is_root = rustix::process::geteuid().is_root();
        // The server refuses to be root.
        let program = |name: &str| {
            let mut command = Command::new(if is_root { "runuser".into() } else { bin.join(name) });
            if is_root {
                command.args(["-u", "postgres", "--"]).arg(bin.join(name));
            }
            command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null());
            command
        };
        if is_root {
            let owned = Command::new("chown").arg("postgres").arg(folder.path()).status().unwrap();
            assert!(owned.success());
        }
        let data = folder.path().join("data");
        let made = program("initdb")
            .arg("--pgdata")
            .arg(&data)
            .args(["--username", "ledger", "--auth", "trust", "--encoding", "UTF8", "--no-sync"])
            .status()
            .unwrap();
        assert!(made.success());
        let process = program("postgres")
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(folder.path())
            .args(["-c", "listen_addresses=", "-c", "fsync=off"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { folder, process }
    }

    fn connect(&self, database: &str) -> Result<Client, postgres::Error> {
        let mut config = postgres::Config::new();
        config.host_path(self.folder.path()).user("ledger").dbname(database);
        config.connect(NoTls)
    }

    /// A new database with the tables of the ledger.
    fn database(&self, name: &str) -> Client {
        let started = std::time::Instant::now();
        let mut first = loop {
            match self.connect("postgres") {
                Ok(client) => break client,
                Err(error) => assert!(started.elapsed() < START, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        first.batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
        let mut client = self.connect(name).unwrap();
        for step in MIGRATIONS {
            client.batch_execute(&translated(step)).unwrap();
        }
        // SQLite numbers rows by itself.
        for (table, column) in [("account", "id"), ("entry", "seq")] {
            let next = format!("SELECT coalesce(max({column}), 0) + 1 FROM {table}");
            client
                .batch_execute(&format!(
                    "CREATE FUNCTION next_{table}() RETURNS BIGINT LANGUAGE SQL AS '{next}';
                    ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT next_{table}();"
                ))
                .unwrap();
        }
        client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The server itself is asked to end, not who started it under another name.
        let pid = std::fs::read_to_string(self.folder.path().join("data/postmaster.pid")).unwrap_or_default();
        if let Some(pid) = pid.lines().next() {
            let _ = Command::new("kill").args(["-INT", pid]).status();
        }
        let _ = self.process.wait();
    }
}

/// Where the programs are: on the path, or those of the newest version that Debian has installed.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has_server = |bin: &PathBuf| bin.join("postgres").exists();
    std::env::split_paths(&path).find(has_server).or_else(|| {
        let versions = std::fs::read_dir(DEBIAN).ok()?.filter_map(Result::ok);
        versions.map(|version| version.path().join("bin")).filter(has_server).max()
    })
}
