//! What works between here and a relay, for people who want to know why something does not.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use iroh::{Endpoint, SecretKey, Watcher as _};
use iroh_relay::client::ClientBuilder;
use tokio::time::timeout;

use crate::authorities::Authorities;
use crate::endpoint::{bind, builder, relay};
use crate::error::IrohError;

/// How long reaching the relay may take.
const REACH_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the relay's UDP port may take: iroh itself gives up sooner.
const UDP_TIMEOUT: Duration = Duration::from_secs(8);

/// Nothing is received.
const RECEIVE_WINDOW: u32 = 64 * 1024;

/// What there is to know of a relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayReport {
    /// How long it took to be let in, or why we were not.
    pub reached: Result<Duration, String>,
    /// From where its UDP port sees us; none if that is silent, or was not asked because the relay was not reached. Without it no hole
    /// can be punched.
    pub seen: Option<SocketAddr>,
}

/// Looks whether a relay (a URL) lets us in, and whether UDP gets there and back. `authorities` may vouch for it.
///
/// # Errors
/// [`IrohError::Relay`], [`IrohError::Bind`].
pub async fn examine_relay(url: &str, authorities: &Authorities) -> Result<RelayReport, IrohError> {
    let config = relay(url)?;
    let relays = [config.clone()].into_iter().collect();
    let endpoint = bind(builder(SecretKey::generate(), relays, authorities, RECEIVE_WINDOW), None).await?;
    let report = match reach(&endpoint, config.url).await {
        Err(problem) => RelayReport { reached: Err(problem), seen: None },
        Ok(time) => RelayReport { reached: Ok(time), seen: seen(&endpoint).await },
    };
    endpoint.close().await;
    Ok(report)
}

/// Logs in, as endpoints do.
async fn reach(endpoint: &Endpoint, url: iroh::RelayUrl) -> Result<Duration, String> {
    let names = endpoint.dns_resolver().map_err(|error| error.to_string())?.clone();
    let tls = endpoint.tls_config().clone();
    let client = ClientBuilder::new(url, SecretKey::generate(), names).tls_client_config(tls);
    let began = Instant::now();
    match timeout(REACH_TIMEOUT, client.connect()).await {
        Ok(Ok(_)) => Ok(began.elapsed()),
        Ok(Err(error)) => Err(format!("{error:#}")),
        Err(_) => Err("no answer in time".to_owned()),
    }
}

/// From where the relay's UDP port sees the endpoint.
async fn seen(endpoint: &Endpoint) -> Option<SocketAddr> {
    let mut reports = endpoint.net_report();
    let report = timeout(UDP_TIMEOUT, reports.initialized()).await.ok()?;
    report.global_v4.map(SocketAddr::V4).or_else(|| report.global_v6.map(SocketAddr::V6))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tokio::net::TcpListener;

    use super::*;
    use crate::relay::{Relay, RelaySettings, RelayTls};

    #[tokio::test(flavor = "multi_thread")]
    async fn nobody_and_somebody_else_are_told_from_a_relay() {
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let report = examine_relay(&format!("http://{nobody}"), &Authorities::default()).await.unwrap();
        assert!(report.reached.as_ref().is_err_and(|why| why.contains("refused")), "{report:?}");

        let relay = Relay::start(RelaySettings { listen: "127.0.0.1:0".parse().unwrap(), tls: None }).await;
        let relay = relay.unwrap();
        let url = format!("http://{}", relay.bound().unwrap());
        let report = examine_relay(&url, &Authorities::default()).await.unwrap();
        // Without TLS it has no UDP port.
        assert!(report.reached.is_ok() && report.seen.is_none(), "{report:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_certificate_that_nobody_vouches_for_is_named() {
        let file = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
        let tls = RelayTls { certificates: file("relay-certificate.pem"), key: file("relay-key.pem") };
        let listen = "127.0.0.1:0".parse().unwrap();
        let relay = Relay::start(RelaySettings { listen, tls: Some(tls) }).await.unwrap();
        let url = format!("https://{}", relay.bound().unwrap());
        let report = examine_relay(&url, &Authorities::default()).await.unwrap();
        assert!(report.reached.as_ref().is_err_and(|why| why.contains("certificate")), "{report:?}");
    }
}
