//! A real drive, a real server, a real client.

use std::io::Read as _;
use std::sync::Arc;

use dazaar::drive::{Drive, Shown};
use dazaar::maps::hyperdrive::{DrivePath, Stat};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// A drive that is served, until it is dropped.
struct Site {
    _folder: TempDir,
    drive: Arc<Drive>,
    shown: watch::Sender<Shown>,
    url: String,
    runtime: tokio::runtime::Runtime,
}

/// What came back.
struct Answer {
    status: u16,
    headers: ureq::http::HeaderMap,
    body: Vec<u8>,
}

impl Site {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let drive = runtime.block_on(async {
            let drive = Drive::create(&folder.path().join("drive")).await.expect("a drive");
            for (path, content) in files {
                write(&drive, path, content).await;
            }
            Arc::new(drive)
        });
        let (shown, watched) = watch::channel(Shown { version: drive.version(), drive: Arc::clone(&drive) });
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        runtime.spawn(dazaar_web::serve(listener, watched));
        Self { _folder: folder, drive, shown, url, runtime }
    }

    fn get(&self, path: &str) -> Answer {
        self.ask(path, &[])
    }

    fn ask(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let agent = ureq::Agent::new_with_config(
            ureq::Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .timeout_global(Some(std::time::Duration::from_secs(60)))
                .build(),
        );
        let request = agent.get(format!("{}{path}", self.url));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let response = request.call().expect("an answer");
        let (parts, body) = response.into_parts();
        let mut bytes = Vec::new();
        body.into_reader().read_to_end(&mut bytes).expect("a whole body");
        Answer { status: parts.status.as_u16(), headers: parts.headers, body: bytes }
    }
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

async fn write(drive: &Drive, path: &str, content: &[u8]) {
    let stat = Stat { mtime_ms: 1_600_000_000_000, ..Stat::file(0o644) };
    drive.write_file(&DrivePath::new(path), &mut &*content, stat).await.expect("a file");
}

fn bytes(size: usize) -> Vec<u8> {
    (0..size).map(|nth| nth.wrapping_mul(7) as u8).collect()
}

#[test]
fn files_come_whole_and_in_parts() {
    let big = bytes(300_000);
    let site = Site::new(&[("/dir/big.bin", &big), ("/none", b"")]);
    let whole = site.get("/dir/big.bin");
    assert_eq!((whole.status, &whole.body), (200, &big));
    assert_eq!(whole.header("content-length"), "300000");
    assert_eq!(whole.header("content-type"), "application/octet-stream");
    assert_eq!(whole.header("last-modified"), "Sun, 13 Sep 2020 12:26:40 GMT");
    assert_eq!(whole.header("x-content-type-options"), "nosniff");
    assert!(whole.header("content-security-policy").starts_with("sandbox"));
    assert_eq!(whole.header("cross-origin-resource-policy"), "same-origin");

    let part = site.ask("/dir/big.bin", &[("range", "bytes=70000-70009")]);
    assert_eq!((part.status, part.body.as_slice()), (206, &big[70_000..70_010]));
    assert_eq!(part.header("content-range"), "bytes 70000-70009/300000");
    let beyond = site.ask("/dir/big.bin", &[("range", "bytes=300000-")]);
    assert_eq!((beyond.status, beyond.header("content-range")), (416, "bytes */300000"));

    let tag = whole.header("etag");
    assert_eq!(site.ask("/dir/big.bin", &[("if-none-match", tag)]).status, 304);
    let other = [("range", "bytes=1-2"), ("if-range", "\"other\"")];
    assert_eq!(site.ask("/dir/big.bin", &other).status, 200);
    assert_eq!(site.ask("/dir/big.bin", &[("range", "bytes=1-2"), ("if-range", tag)]).status, 206);
    let none = site.get("/none");
    assert_eq!((none.status, none.body.len()), (200, 0));
}

#[test]
fn directories_are_pages_and_json() {
    let site = Site::new(&[("/a b/<i>.txt", b"text"), ("/top.csv", b"1,2\n")]);
    let page = site.get("/");
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.text().contains("href=\"./a%20b/\""), "{}", page.text());
    let moved = site.get("/a%20b");
    assert_eq!((moved.status, moved.header("location")), (308, "./a%20b/"));
    let inner = site.get("/a%20b/");
    assert!(!inner.text().contains("<i>"), "{}", inner.text());
    assert_eq!(site.get("/a%20b/%3Ci%3E.txt").body, b"text");
    let list = site.ask("/", &[("accept", "application/json")]);
    let list: serde_json::Value = serde_json::from_slice(&list.body).expect("JSON");
    assert_eq!(list[0]["name"], "a b");
    assert_eq!((&list[1]["kind"], &list[1]["size"]), (&"file".into(), &4.into()));
}

#[test]
fn what_is_not_meant_is_refused() {
    let site = Site::new(&[("/a", b"secret")]);
    assert_eq!(site.ask("/a", &[("host", "evil.example")]).status, 421);
    for nothing in ["/b", "/a/b", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd"] {
        assert_eq!(site.get(nothing).status, 404, "{nothing}");
    }
    assert_eq!(site.get("/%ff").status, 400);
    let agent =
        ureq::Agent::new_with_config(ureq::Agent::config_builder().http_status_as_error(false).build());
    let posted = agent.post(format!("{}/a", site.url)).send("other").expect("an answer");
    assert_eq!(posted.status().as_u16(), 405);
}

#[test]
fn a_newer_version_is_shown_once_there_is_one() {
    let site = Site::new(&[("/a", b"first")]);
    site.runtime.block_on(write(&site.drive, "/a", b"second"));
    assert_eq!(site.get("/a").body, b"first", "the version that is shown");
    site.shown.send_replace(Shown { version: site.drive.version(), drive: Arc::clone(&site.drive) });
    assert_eq!(site.get("/a").body, b"second");
}
