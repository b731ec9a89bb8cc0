//! A directory: a page for a person, JSON for a program.

use std::fmt::Write as _;

use axum::Json;
use axum::http::header::{self, HeaderMap};
use axum::response::{Html, IntoResponse as _, Response};
use dazaar::cards::extension::printable;
use dazaar::maps::hyperdrive::{DrivePath, Entry, Kind};
use serde_json::{Value, json};

use super::{encode, http_date};

const STYLE: &str = "body{font:15px/1.6 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222;background:#fff}\
table{border-collapse:collapse;width:100%}td,th{padding:.2em .6em;text-align:left;border-bottom:1px solid #ddd}\
td:nth-child(n+2){white-space:nowrap;text-align:right;font-variant-numeric:tabular-nums}th:nth-child(n+2){text-align:right}\
a{color:#0645ad;text-decoration:none;overflow-wrap:anywhere}a:hover{text-decoration:underline}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}td,th{border-color:#333}a{color:#8ab4f8}}";

pub(crate) fn respond(directory: &DrivePath, entries: &[Entry], headers: &HeaderMap) -> Response {
    let accepted =
        headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok()).unwrap_or_default();
    let vary = [(header::VARY, "accept"), (header::CACHE_CONTROL, "no-cache")];
    if accepted.contains("application/json") {
        return (vary, Json(entries.iter().map(described).collect::<Vec<_>>())).into_response();
    }
    (vary, Html(page(directory, entries))).into_response()
}

fn described(entry: &Entry) -> Value {
    let kind = match entry.stat.kind() {
        _ if is_directory(entry) => "directory",
        Kind::Symlink => "link",
        Kind::File => "file",
        _ => "other",
    };
    json!({ "name": name_of(entry), "kind": kind, "size": entry.stat.size, "modified_ms": entry.stat.mtime_ms })
}

fn page(directory: &DrivePath, entries: &[Entry]) -> String {
    let title = escape(&format!("/{}", directory.as_str()));
    let mut html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style><h1>{title}</h1><table><tr><th>Name<th>Size<th>Changed"
    );
    if !directory.is_root() {
        html.push_str("<tr><td><a href=\"../\">../</a><td><td>");
    }
    // Directories first, as people expect.
    let (directories, files): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| is_directory(entry));
    for entry in directories.into_iter().chain(files) {
        let (slash, size) = match is_directory(entry) {
            true => ("/", String::new()),
            false => ("", entry.stat.size.to_string()),
        };
        let (name, link) = (escape(name_of(entry)), encode(name_of(entry)));
        let modified = http_date(entry.stat.mtime_ms).unwrap_or_default();
        // Behind `./` a colon in a name makes no scheme of it.
        let written =
            write!(html, "<tr><td><a href=\"./{link}{slash}\">{name}{slash}</a><td>{size}<td>{modified}");
        debug_assert!(written.is_ok(), "text takes all that is written");
    }
    html.push_str("</table>");
    html
}

fn is_directory(entry: &Entry) -> bool {
    entry.is_mount || entry.stat.is_directory()
}

fn name_of(entry: &Entry) -> &str {
    entry.path.rsplit('/').next().unwrap_or_default()
}

/// A stranger's text between tags.
fn escape(text: &str) -> String {
    printable(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use dazaar::maps::hyperdrive::Stat;

    use super::*;

    fn entry(path: &str, stat: Stat) -> Entry {
        Entry { path: path.to_owned(), stat, is_mount: false, seq: Some(1) }
    }

    #[test]
    fn names_are_no_markup_and_links_lead_to_what_is_beside_the_page() {
        let entries = [
            entry("d/<img src=x>", Stat::file(0o644)),
            entry("d/javascript:alert(1)", Stat::file(0o644)),
            entry("d/50% #1?", Stat::file(0o644)),
            entry("d/sub", Stat::directory(0o755)),
        ];
        let html = page(&DrivePath::new("/d"), &entries);
        assert!(!html.contains("<img"), "{html}");
        for link in ["./%3Cimg%20src=x%3E", "./javascript:alert(1)", "./50%25%20%231%3F", "./sub/", "../"] {
            assert!(html.contains(&format!("href=\"{link}\"")), "{link}: {html}");
        }
        assert!(html.find("sub/").unwrap() < html.find("50%").unwrap(), "directories first");
    }
}
