//! What a browser must not do with a stranger's files, and whom they are for.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;

/// No script, no request to anywhere, and no origin of its own.
const POLICY: &str = "sandbox allow-downloads; default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// Whether a request is for this site. One that is served to this machine alone has the names of this machine: a page elsewhere, whose name
/// was made to mean this address, is refused.
pub(crate) fn is_meant(address: SocketAddr, headers: &HeaderMap) -> bool {
    if !address.ip().to_canonical().is_loopback() {
        return true;
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.strip_suffix(&format!(":{}", address.port())).unwrap_or(host);
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The same response, told how far it may be trusted.
pub(crate) fn with_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    // No page of another site shows or runs what is here.
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    );
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(address: &str, host: &str) -> bool {
        let host = HeaderValue::from_str(host).unwrap();
        is_meant(address.parse().unwrap(), &HeaderMap::from_iter([(header::HOST, host)]))
    }

    #[test]
    fn a_site_for_this_machine_has_its_names() {
        for host in ["localhost:80", "LOCALHOST", "127.0.0.1:80", "[::1]:80", "127.9.9.9"] {
            assert!(meant("127.0.0.1:80", host), "{host}");
        }
        for host in ["evil.example:80", "127.0.0.1.evil.example", "10.0.0.1:80", ""] {
            assert!(!meant("127.0.0.1:80", host), "{host}");
        }
        assert!(!is_meant("[::1]:80".parse().unwrap(), &HeaderMap::new()));
        assert!(meant("10.0.0.1:80", "files.example"));
    }
}
