//! A web server on loopback that answers what a test tells it to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// What the server does with a question.
pub(crate) enum Reply {
    /// Answers with status 200.
    Json(Value),
    /// Answers with this status.
    Status(u16, Value),
    /// Sends these bytes, and no more.
    Raw(Vec<u8>),
    /// Never answers.
    Hang,
}

type Script = dyn Fn(&str, &Value) -> Reply + Send + Sync;

/// A server whose answers can be changed while it runs.
pub(crate) struct Server {
    address: SocketAddr,
    script: Arc<Mutex<Arc<Script>>>,
}

impl Server {
    pub(crate) fn start(script: impl Fn(&str, &Value) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let script: Arc<Script> = Arc::new(script);
        let script = Arc::new(Mutex::new(script));
        let shared = Arc::clone(&script);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let script = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &script));
            }
        });
        Self { address, script }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on it answers so.
    pub(crate) fn answer(&self, script: impl Fn(&str, &Value) -> Reply + Send + Sync + 'static) {
        *self.script.lock().unwrap() = Arc::new(script);
    }
}

/// Answers one question of a connection, and closes it.
fn serve(stream: TcpStream, script: &Mutex<Arc<Script>>) {
    let Some((path, body)) = question(&stream) else { return };
    let script = Arc::clone(&script.lock().unwrap());
    let bytes = match script(&path, &body) {
        Reply::Json(json) => answer(200, &json),
        Reply::Status(status, json) => answer(status, &json),
        Reply::Raw(bytes) => bytes,
        Reply::Hang => {
            // Until the other side gives up.
            let _ = (&stream).read(&mut [0]);
            return;
        }
    };
    // The other side may have had enough.
    let _ = (&stream).write_all(&bytes);
}

fn answer(status: u16, json: &Value) -> Vec<u8> {
    let body = json.to_string();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head, body].concat().into_bytes()
}

fn question(stream: &TcpStream) -> Option<(String, Value)> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((path, serde_json::from_slice(&body).unwrap_or_default()))
}
