//! A relay of one's own: it passes on what endpoints that cannot reach each other say, and tells each from where it sees it. What
//! passes is encrypted.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use iroh_relay::server::{CertConfig, QuicConfig, RelayConfig, Server, ServerConfig, TlsConfig};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The UDP port at which endpoints ask a relay from where they are seen.
const QUIC_PORT: u16 = 7842;

/// How a relay runs.
#[derive(Debug)]
pub struct RelaySettings {
    /// The TCP address to listen on.
    pub listen: SocketAddr,
    /// With TLS it does all that a relay does, on UDP port 7842 too (or on any, if `listen` leaves the port open). Without, something
    /// before it has to speak TLS, and endpoints are not told from where they are seen, so no holes are punched with its help.
    pub tls: Option<RelayTls>,
}

/// TLS of a relay.
#[derive(Debug)]
pub struct RelayTls {
    /// File with its certificates (PEM), its own first.
    pub certificates: PathBuf,
    /// File with the key of its certificate (PEM).
    pub key: PathBuf,
}

/// A running relay; ends when dropped.
#[derive(Debug)]
pub struct Relay(Server);

impl Relay {
    /// Begins.
    ///
    /// # Errors
    /// A file cannot be read or used, or an address cannot be listened on.
    pub async fn start(settings: RelaySettings) -> Result<Self, RelayError> {
        let mut relay = RelayConfig::new(settings.listen);
        let mut config = ServerConfig::default();
        if let Some(tls) = settings.tls {
            let server_config = server_config(&tls)?;
            relay.tls = Some(TlsConfig::new(settings.listen, CertConfig::Manual { server_config }));
            // What is there besides serves a check of ours that is off.
            relay.http_bind_addr = (Ipv4Addr::LOCALHOST, 0).into();
            let port = if settings.listen.port() == 0 { 0 } else { QUIC_PORT };
            config.quic = Some(QuicConfig::new((settings.listen.ip(), port)));
        }
        config.relay = Some(relay);
        let server = Server::spawn(config).await;
        server.map(Self).map_err(|error| RelayError::Listen(format!("{error:#}")))
    }

    /// The TCP address at which it is reached.
    pub fn bound(&self) -> Option<SocketAddr> {
        self.0.https_addr().or_else(|| self.0.http_addr())
    }

    /// Waits until it ends, which it does not by itself.
    pub async fn ended(&mut self) -> RelayError {
        let why = match self.0.join().await {
            Ok(Ok(())) => "it has ended".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        RelayError::Ended(why)
    }
}

fn server_config(tls: &RelayTls) -> Result<rustls::ServerConfig, RelayError> {
    let wrong = |path: &PathBuf, problem: String| RelayError::File { path: path.clone(), problem };
    let certificates = CertificateDer::pem_file_iter(&tls.certificates).and_then(Iterator::collect);
    let certificates: Vec<_> = certificates
        .map_err(|error: rustls::pki_types::pem::Error| wrong(&tls.certificates, error.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| wrong(&tls.key, error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, key))
        .map_err(|error| wrong(&tls.certificates, error.to_string()))
}

/// Why there is no relay.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelayError {
    /// A file that cannot be used.
    #[error("{}: {problem}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// An address that cannot be listened on.
    #[error("cannot listen: {0}")]
    Listen(String),
    /// It has ended.
    #[error("the relay has ended: {0}")]
    Ended(String),
}
