//! Drives seen through HTTP: directories as pages, or as JSON for who asks for that, and files with ranges and types. Nothing is
//! written.
//!
//! What a drive holds may be a stranger's. So no file is run as a page of this site, and while it is served to this machine alone,
//! nobody gets it by another name: a page of the web must not read it through the browser of who serves it.

mod crowd;
mod file;
mod guard;
mod page;

use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use dazaar::drive::{DriveAccessError, Shown};
use dazaar::maps::hyperdrive::{DriveError, DrivePath, Kind, Reach};
use dazaar::maps::hypertrie::TrieError;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What is not part of a name in a path of a URL.
const NOT_IN_PATHS: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// Serves a drive to everybody who connects (256 at once, 32 of one host), in the version that is the newest in `shown`, until `listener` fails.
///
/// # Errors
/// That of the listener.
pub async fn serve(listener: TcpListener, shown: watch::Receiver<Shown>) -> std::io::Result<()> {
    let address = listener.local_addr()?;
    axum::serve(crowd::Crowd::new(listener), router(address, shown)).await
}

/// Answers for a drive that is served at `address`.
pub fn router(address: SocketAddr, shown: watch::Receiver<Shown>) -> Router {
    Router::new().fallback(answer).with_state((address, shown))
}

async fn answer(
    State((address, shown)): State<(SocketAddr, watch::Receiver<Shown>)>,
    request: Request,
) -> Response {
    let (request, _) = request.into_parts();
    if !guard::is_meant(address, &request.headers) {
        return (StatusCode::MISDIRECTED_REQUEST, "this is another site\n").into_response();
    }
    if !matches!(request.method, Method::GET | Method::HEAD) {
        let allowed = [(header::ALLOW, "GET, HEAD")];
        return (StatusCode::METHOD_NOT_ALLOWED, allowed, "nothing can be changed here\n").into_response();
    }
    let shown = shown.borrow().clone();
    let response = match percent_decode_str(request.uri.path()).decode_utf8() {
        Ok(path) => look_up(&shown, &path, &request).await.unwrap_or_else(|error| refuse(&error)),
        Err(_) => (StatusCode::BAD_REQUEST, "the path is not UTF-8\n").into_response(),
    };
    guard::with_headers(response)
}

/// A file, or the page of a directory.
async fn look_up(shown: &Shown, path: &str, request: &Parts) -> Result<Response, DriveAccessError> {
    let Shown { drive, version } = shown;
    let wanted = DrivePath::new(path);
    let entry = drive.stat(*version, &wanted).await?;
    if !entry.is_mount && entry.stat.kind() != Kind::Directory {
        return file::respond(shown, &wanted, &entry, request).await;
    }
    if !path.ends_with('/') {
        // What a page links to is beside it, so its own name ends as that of a directory does. Relative, so that it leads nowhere else.
        let name = wanted.as_str().rsplit('/').next().unwrap_or_default();
        return Ok(Redirect::permanent(&format!("./{}/", encode(name))).into_response());
    }
    let entries = drive.list(*version, &wanted, Reach::Directory).await?;
    Ok(page::respond(&wanted, &entries, &request.headers))
}

/// A time as HTTP writes it; none for no time, and for those of years that it cannot write.
fn http_date(ms: u64) -> Option<String> {
    const YEAR_10000_MS: u64 = 253_402_300_800_000;
    let time = (1..YEAR_10000_MS).contains(&ms).then(|| UNIX_EPOCH + Duration::from_millis(ms));
    time.map(httpdate::fmt_http_date)
}

/// A name as it is written in a URL.
fn encode(name: &str) -> String {
    utf8_percent_encode(name, NOT_IN_PATHS).to_string()
}

fn refuse(error: &DriveAccessError) -> Response {
    let status = match error {
        DriveAccessError::Within { source, .. } => return refuse(source),
        DriveAccessError::Drive(DriveError::NotFound { .. } | DriveError::NotADirectory { .. }) => {
            return (StatusCode::NOT_FOUND, "there is nothing of this name\n").into_response();
        }
        // It may come: the drive is somebody else's, and only a part of it is here.
        DriveAccessError::Missing { .. }
        | DriveAccessError::NotHere { .. }
        | DriveAccessError::Empty
        | DriveAccessError::Drive(DriveError::Trie(TrieError::Missing { .. })) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (status, format!("{error}\n")).into_response()
}
