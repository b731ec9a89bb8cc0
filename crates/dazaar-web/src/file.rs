//! A file: whole or a part of it, unless who asks has it.

use std::ops::Range;

use axum::body::Body;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use dazaar::drive::{DriveAccessError, FileReader, Shown};
use dazaar::maps::hyperdrive::{DrivePath, Entry};
use futures_util::stream;
use http_range_header::parse_range_header;

use super::http_date;

pub(crate) async fn respond(
    Shown { drive, version }: &Shown,
    path: &DrivePath,
    entry: &Entry,
    request: &Parts,
) -> Result<Response, DriveAccessError> {
    let stat = &entry.stat;
    let tag = format!("\"{:x}-{:x}-{:x}\"", entry.seq.unwrap_or(0), stat.size, stat.mtime_ms);
    let mut about = vec![
        (header::ETAG, tag.clone()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        // It may be another one in the next version.
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::CONTENT_TYPE, content_type(path)),
    ];
    about.extend(http_date(stat.mtime_ms).map(|modified| (header::LAST_MODIFIED, modified)));
    if names(&request.headers, header::IF_NONE_MATCH, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, told(about)).into_response());
    }
    let is_same =
        !request.headers.contains_key(header::IF_RANGE) || names(&request.headers, header::IF_RANGE, &tag);
    let wanted = request.headers.get(header::RANGE).filter(|_| is_same);
    let wanted = wanted.and_then(|range| range.to_str().ok());
    let (status, range) = match wanted.map_or(Ok(None), |wanted| part_of(wanted, stat.size)) {
        Ok(None) => (StatusCode::OK, 0..stat.size),
        Ok(Some(range)) => {
            let part = format!("bytes {}-{}/{}", range.start, range.end - 1, stat.size);
            about.push((header::CONTENT_RANGE, part));
            (StatusCode::PARTIAL_CONTENT, range)
        }
        Err(Unsatisfiable) => {
            let whole = (header::CONTENT_RANGE, format!("bytes */{}", stat.size));
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, told(vec![whole])).into_response());
        }
    };
    // What cannot be read is found before anything is promised.
    let reader = drive.read(*version, path, range).await?;
    about.push((header::CONTENT_LENGTH, reader.left().to_string()));
    let body = match request.method {
        Method::HEAD => Body::empty(),
        _ => Body::from_stream(bytes(reader)),
    };
    Ok((status, told(about), body).into_response())
}

/// What is said of a file, as headers.
fn told(about: Vec<(HeaderName, String)>) -> HeaderMap {
    about.into_iter().filter_map(|(name, text)| Some((name, HeaderValue::try_from(text).ok()?))).collect()
}

/// A range beyond the end.
struct Unsatisfiable;

/// The bytes that are asked for; none if that is the whole file, or more parts than one, of which the whole is as good an answer.
fn part_of(wanted: &str, size: u64) -> Result<Option<Range<u64>>, Unsatisfiable> {
    let Ok(ranges) = parse_range_header(wanted) else { return Ok(None) };
    match ranges.validate(size).as_deref() {
        Ok([range]) => Ok(Some(*range.start()..*range.end() + 1)),
        Ok(_) => Ok(None),
        Err(_) => Err(Unsatisfiable),
    }
}

/// Whether a header names the tag.
fn names(headers: &HeaderMap, header: HeaderName, tag: &str) -> bool {
    let given = headers.get(header).and_then(|given| given.to_str().ok()).unwrap_or_default();
    given
        .split(',')
        .map(|given| given.trim().trim_start_matches("W/"))
        .any(|given| given == tag || given == "*")
}

/// What is in a file, by its name. Text is UTF-8, as nearly all of it is.
fn content_type(path: &DrivePath) -> String {
    let guess = mime_guess::from_path(path.as_str()).first_or_octet_stream();
    match guess.type_() == mime_guess::mime::TEXT {
        true => format!("{guess}; charset=utf-8"),
        false => guess.to_string(),
    }
}

/// The bytes, block by block, as the other side takes them.
fn bytes(reader: FileReader) -> impl stream::Stream<Item = Result<axum::body::Bytes, DriveAccessError>> {
    stream::unfold(reader, |mut reader| async move {
        let next = reader.next().await.transpose()?;
        if let Err(error) = &next {
            tracing::warn!(%error, "a file ends early");
        }
        Some((next, reader))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_one_range_within_the_file() {
        let part = |wanted| part_of(wanted, 10).map_err(|_| ());
        assert_eq!(part("bytes=2-4"), Ok(Some(2..5)));
        assert_eq!(part("bytes=2-"), Ok(Some(2..10)));
        assert_eq!(part("bytes=-3"), Ok(Some(7..10)));
        for whole in ["bytes=1-2,4-5", "lines=1-2", "bytes=", "bytes=x-y"] {
            assert_eq!(part(whole), Ok(None), "{whole}");
        }
        for beyond in ["bytes=10-12", "bytes=99-", "bytes=99999999999999999999-"] {
            assert_eq!(part(beyond), Err(()), "{beyond}");
        }
        assert_eq!(part_of("bytes=0-0", 0).map_err(|_| ()), Err(()));
    }

    #[test]
    fn types_are_told_by_names() {
        let typed = |path| content_type(&DrivePath::new(path));
        assert_eq!(typed("/a/b.html"), "text/html; charset=utf-8");
        assert_eq!(typed("/a.csv"), "text/csv; charset=utf-8");
        assert_eq!(typed("/a.png"), "image/png");
        assert_eq!(typed("/a"), "application/octet-stream");
    }
}
