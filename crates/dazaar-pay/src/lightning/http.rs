//! Talks HTTP to a wallet: with its key in a header, for a limited time, and hearing a limited answer.

use std::borrow::Cow;
use std::io::{BufRead as _, BufReader, Read as _};
use std::time::Duration;

use dazaar::payment::PaymentError;
use dazaar_market::display_text;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ureq::http::StatusCode;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use crate::Secret;

/// How long a wallet may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a wallet may take to pay. It is told to give up earlier, if it can be told.
const PATIENCE_TO_PAY: Duration = Duration::from_secs(90);

/// How long a wallet is told to try, where it can be told.
pub(super) const TRY_TO_PAY_SECS: u64 = 60;

/// Bytes of an answer. The longest is of a payment that tried many ways.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;

/// Where a wallet is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// How its addresses begin: `https://`, a host, and what comes before the calls. `http://` on this machine only, as keys would be read on
    /// the way.
    pub url: String,
    /// The certificates to trust instead of the public ones, as PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// Whether `http://` is allowed to other machines: in a network that nobody else listens to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plain_http: bool,
}

/// A wallet's service, and the connections to it.
#[derive(Debug, Clone)]
pub(super) struct Service {
    /// What it is, for people.
    name: &'static str,
    agent: ureq::Agent,
    url: String,
    header: &'static str,
    key: Secret,
    /// What is not shown if the service repeats it: the key, or the password that it is made of.
    hidden: Secret,
}

/// What is asked of a service.
pub(super) struct Call {
    method: &'static str,
    path: String,
    body: Body,
    patience: Duration,
    /// Whether the answer is a stream, of which the first line is wanted.
    is_stream: bool,
}

enum Body {
    Nothing,
    Json(Value),
    Form(Vec<(&'static str, String)>),
}

/// An answer, whatever it says.
pub(super) struct Reply {
    pub(super) status: u16,
    body: Vec<u8>,
}

impl Call {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self { method: "GET", path: path.into(), body: Body::Nothing, patience: PATIENCE, is_stream: false }
    }

    pub(super) fn post_json(path: &str, body: Value) -> Self {
        Self { method: "POST", body: Body::Json(body), ..Self::get(path) }
    }

    pub(super) fn post_form(path: &str, fields: Vec<(&'static str, String)>) -> Self {
        Self { method: "POST", body: Body::Form(fields), ..Self::get(path) }
    }

    /// The answer may take as long as a payment.
    pub(super) fn pays(self) -> Self {
        Self { patience: PATIENCE_TO_PAY, ..self }
    }

    /// The answer is a stream, one value a line, and may go on for long. The first says enough.
    pub(super) fn streams(self) -> Self {
        Self { is_stream: true, ..self }
    }
}

impl Reply {
    /// What it says; null if it is not JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether it is text that begins so.
    pub(super) fn begins_with(&self, text: &str) -> bool {
        self.body.starts_with(text.as_bytes())
    }
}

impl Service {
    /// The service `name`, which finds `key` in the header `header`.
    pub(super) fn new(
        name: &'static str,
        endpoint: &Endpoint,
        header: &'static str,
        key: Secret,
    ) -> Result<Self, PaymentError> {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .max_redirects(0)
            .tls_config(tls(endpoint.certificate.as_deref())?);
        let url = endpoint.url.trim().trim_end_matches('/').to_owned();
        verify(&url, endpoint.plain_http)?;
        let hidden = key.clone();
        Ok(Self { name, agent: config.build().into(), url, header, key, hidden })
    }

    /// The same, whose key is made of this secret.
    pub(super) fn made_of(self, hidden: Secret) -> Self {
        Self { hidden, ..self }
    }

    /// Makes a call, and returns the answer's fields if it succeeds.
    pub(super) async fn ask<T: DeserializeOwned>(&self, call: Call) -> Result<T, PaymentError> {
        self.expect(&self.send(call).await?)
    }

    /// Makes a call, and returns whatever comes.
    pub(super) async fn send(&self, call: Call) -> Result<Reply, PaymentError> {
        let service = self.clone();
        match tokio::task::spawn_blocking(move || service.send_blocking(call)).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) => Err(self.unavailable(&error.to_string())),
            Err(_) => Err(self.unavailable("the call was given up")),
        }
    }

    fn send_blocking(&self, call: Call) -> Result<Reply, ureq::Error> {
        let request = ureq::http::Request::builder()
            .method(call.method)
            .uri(format!("{}/{}", self.url, call.path))
            .header(self.header, self.key.reveal());
        let request = match call.body {
            Body::Nothing => request.body(Vec::new()),
            Body::Json(json) => {
                request.header("content-type", "application/json").body(json.to_string().into())
            }
            Body::Form(fields) => {
                request.header("content-type", "application/x-www-form-urlencoded").body(form(&fields).into())
            }
        }?;
        let request = self.agent.configure_request(request).timeout_global(Some(call.patience)).build();
        let response = self.agent.run(request)?;
        let status = response.status().as_u16();
        let mut reader = BufReader::new(response.into_body().into_reader().take(ANSWER_BYTES_MAX + 1));
        let mut body = Vec::new();
        if call.is_stream {
            reader.read_until(b'\n', &mut body)?;
        } else {
            reader.read_to_end(&mut body)?;
        }
        if body.len() as u64 > ANSWER_BYTES_MAX {
            return Err(ureq::Error::BodyExceedsLimit(ANSWER_BYTES_MAX));
        }
        Ok(Reply { status, body })
    }

    /// The answer's fields, if the call succeeded.
    pub(super) fn expect<T: DeserializeOwned>(&self, reply: &Reply) -> Result<T, PaymentError> {
        if !StatusCode::from_u16(reply.status).is_ok_and(|status| status.is_success()) {
            return Err(self.failure(reply));
        }
        serde_json::from_slice(&reply.body)
            .map_err(|_| self.unavailable("the answer is not what it should be"))
    }

    /// What a failed call means: refused only if the service understood, and will say the same again.
    pub(super) fn failure(&self, reply: &Reply) -> PaymentError {
        let reason = self.reason(reply);
        match reply.status {
            401 | 403 => PaymentError::refused(format!("{}: the key may not do this: {reason}", self.name)),
            408 | 409 | 425 | 429 => self.unavailable(&reason),
            // A proxy says so, too, while the service behind it is away: in another form.
            404 if !reply.json().is_object() => {
                self.unavailable(&format!("something else answers there: {reason}"))
            }
            400..=499 => PaymentError::refused(format!("{}: {reason}", self.name)),
            status => self.unavailable(&format!("status {status}: {reason}")),
        }
    }

    /// Why, as the service says. A service that repeats our key does not make us show it.
    pub(super) fn reason(&self, reply: &Reply) -> String {
        let text = String::from_utf8_lossy(&reply.body);
        let fields = reply.json();
        let fields = fields.get("error").filter(|error| error.is_object()).unwrap_or(&fields);
        let said = ["detail", "message", "error"].iter().find_map(|name| fields.get(name)?.as_str());
        let line = said.or_else(|| text.lines().next()).unwrap_or_default().trim();
        let line = if line.is_empty() { "no reason was given" } else { line };
        display_text(&line.replace(self.hidden.reveal(), "(secret)"))
    }

    /// Trying again may help.
    pub(super) fn unavailable(&self, reason: &str) -> PaymentError {
        PaymentError::unavailable(format!("{} at {}: {reason}", self.name, self.url))
    }
}

/// Keys are not sent in the clear.
/// An address whose calls nobody else reads.
pub(crate) fn verify(url: &str, plain_http: bool) -> Result<(), PaymentError> {
    let wrong = |reason: &str| Err(PaymentError::refused(format!("the wallet's address {reason}")));
    let uri: ureq::http::Uri = match url.parse() {
        Ok(uri) => uri,
        Err(_) => return wrong("is no address like https://host:port"),
    };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return wrong("must begin with https://, or with http:// on this machine");
    };
    if authority.as_str().contains('@') || uri.query().is_some() {
        return wrong("must not have a name, password or query in it");
    }
    let host = authority.host().trim_matches(['[', ']']);
    let is_here =
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    match scheme {
        "https" => Ok(()),
        "http" if is_here || plain_http => Ok(()),
        "http" => {
            wrong("must begin with https://: over http:// others could read the key (`plain_http` allows it)")
        }
        _ => wrong("must begin with https://, or with http:// on this machine"),
    }
}

fn tls(certificates: Option<&str>) -> Result<TlsConfig, PaymentError> {
    let Some(pem) = certificates else { return Ok(TlsConfig::builder().build()) };
    let roots: Vec<_> = parse_pem(pem.as_bytes())
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if roots.is_empty() {
        return Err(PaymentError::refused("the wallet's certificate is no certificate in PEM"));
    }
    Ok(TlsConfig::builder().root_certs(RootCerts::new_with_certs(&roots)).build())
}

/// Fields as forms send them.
fn form(fields: &[(&str, String)]) -> String {
    let fields = fields.iter().map(|(name, value)| format!("{name}={}", escape(value)));
    fields.collect::<Vec<_>>().join("&")
}

fn escape(text: &str) -> String {
    let escaped = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
            Cow::Owned(char::from(byte).to_string())
        }
        b' ' => Cow::Borrowed("+"),
        byte => Cow::Owned(format!("%{byte:02X}")),
    });
    escaped.collect()
}

/// 32 bytes in hex; none if it is something else.
pub(super) fn hash_of(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests;
