//! Dialling endpoints, and a new endpoint of our own should the old one be stuck.

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dazaar::cards::{Address, IrohAddress};
use dazaar::transport::{Connecting, Dialer};
use iroh::endpoint::Endpoint;
use iroh::{EndpointAddr, EndpointId, RelayConfig, RelayMap, SecretKey};
use tokio::net::lookup_host;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::ALPN;
use crate::authorities::Authorities;
use crate::endpoint::{InUse, bind, builder, relay};
use crate::error::IrohError;
use crate::stream::IrohStream;
use crate::window::NARROW;

/// How long reaching an endpoint may take: a relay has to be reached first.
const DIAL_TIMEOUT: Duration = Duration::from_secs(20);

/// How long the name of a host may take.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// Places of one endpoint that are tried.
const PLACES_MAX: usize = 16;

/// Relays of one endpoint that are asked.
const RELAYS_MAX: usize = 4;

/// Relays that an endpoint of ours stays in touch with.
const RELAYS_KEPT_MAX: usize = 8;

/// Failures in a row after which our endpoint is given up.
const FAILURES_MAX: u32 = 5;

/// Dials addresses of iroh. Binds a socket when it first does; what it has dialled ends with it.
#[derive(Debug)]
pub struct IrohDialer {
    relays: Vec<RelayConfig>,
    authorities: Authorities,
    own: Mutex<Own>,
}

/// Our endpoint. Its key is a new one each time: sellers know us by our identity, and others need not know us.
#[derive(Debug, Default)]
struct Own {
    endpoint: Option<(Endpoint, RelayMap)>,
    in_use: InUse,
    failures: u32,
}

impl IrohDialer {
    /// Dials with the help of these relays (URLs), and of those that addresses name. `authorities` may vouch for all of them.
    ///
    /// # Errors
    /// [`IrohError::Relay`].
    pub fn new(relays: &[String], authorities: Authorities) -> Result<Self, IrohError> {
        let relays = relays.iter().map(|url| relay(url)).collect::<Result<_, _>>()?;
        Ok(Self { relays, authorities, own: Mutex::default() })
    }

    /// Ends all connections, and tells the other sides.
    pub async fn close(&self) {
        let own = std::mem::take(&mut *self.own.lock().await);
        if let Some((endpoint, _)) = own.endpoint {
            endpoint.close().await;
        }
    }

    async fn dial_endpoint(&self, address: &IrohAddress) -> Result<IrohStream, IrohError> {
        let (endpoint, relays, in_use) = self.endpoint().await?;
        let dialling = async {
            let target = target(&endpoint, &relays, address).await?;
            let failed = |error: &dyn Display| IrohError::Connect(format!("{error:#}"));
            let connection = endpoint.connect(target, ALPN).await.map_err(|error| failed(&error))?;
            let stream = connection.open_bi().await.map_err(|error| failed(&error))?;
            Ok(IrohStream::new(connection, stream, in_use).with_window())
        };
        let dialled = timeout(DIAL_TIMEOUT, dialling).await.map_err(|_| IrohError::Silent).flatten();
        self.count(&endpoint, dialled.is_ok()).await;
        dialled
    }

    /// The present endpoint, or a new one.
    async fn endpoint(&self) -> Result<(Endpoint, RelayMap, InUse), IrohError> {
        let mut own = self.own.lock().await;
        if own.endpoint.is_none() {
            let relays: RelayMap = self.relays.iter().cloned().collect();
            let unbound = builder(SecretKey::generate(), relays.clone(), &self.authorities, NARROW);
            *own = Own { endpoint: Some((bind(unbound, None).await?, relays)), ..Own::default() };
        }
        let (endpoint, relays) = own.endpoint.clone().ok_or(IrohError::Silent)?;
        Ok((endpoint, relays, Arc::clone(&own.in_use)))
    }

    /// Whoever cannot be reached may be gone, or our endpoint may be stuck: it is given up unless somebody is connected through it.
    async fn count(&self, endpoint: &Endpoint, is_reached: bool) {
        let mut own = self.own.lock().await;
        if own.endpoint.as_ref().is_none_or(|(current, _)| current.id() != endpoint.id()) {
            return;
        }
        own.failures = if is_reached { 0 } else { own.failures.saturating_add(1) };
        let is_alone = Arc::strong_count(&own.in_use) == 1;
        if endpoint.is_closed() || (own.failures >= FAILURES_MAX && is_alone) {
            tracing::warn!(failures = own.failures, "dialling with a new endpoint of iroh");
            if let Some((old, _)) = std::mem::take(&mut *own).endpoint {
                tokio::spawn(async move { old.close().await });
            }
        }
    }
}

impl Dialer for IrohDialer {
    fn dials(&self, address: &Address) -> bool {
        address.iroh().is_some()
    }

    fn dial<'a>(&'a self, address: &'a Address) -> Connecting<'a> {
        Box::pin(async move {
            let endpoint = address.iroh().ok_or(IrohError::OtherAddress)?;
            Ok(Box::new(self.dial_endpoint(endpoint).await?) as _)
        })
    }
}

/// Whom to dial, and where they may be.
async fn target(
    endpoint: &Endpoint,
    known: &RelayMap,
    address: &IrohAddress,
) -> Result<EndpointAddr, IrohError> {
    let id = EndpointId::from_bytes(address.id()).map_err(|_| IrohError::Key)?;
    let mut target = EndpointAddr::new(id);
    for url in address.relays().take(RELAYS_MAX) {
        let relay = relay(url)?;
        target = target.with_relay_url(relay.url.clone());
        // A relay tells us from where it sees us, without which no hole can be punched.
        if known.len() < RELAYS_KEPT_MAX && !known.contains(&relay.url) {
            endpoint.insert_relay(relay.url.clone(), Arc::new(relay)).await;
        }
    }
    for place in places(address).await {
        target = target.with_ip_addr(place);
    }
    if target.is_empty() { Err(IrohError::NoHint) } else { Ok(target) }
}

async fn places(address: &IrohAddress) -> Vec<SocketAddr> {
    let mut places = Vec::new();
    for place in address.direct().take(PLACES_MAX) {
        match timeout(LOOKUP_TIMEOUT, lookup_host((place.host(), place.port()))).await {
            Ok(Ok(found)) => places.extend(found),
            Ok(Err(error)) => tracing::debug!(%error, %place, "an endpoint's host is not known"),
            Err(_) => tracing::debug!(%place, "the host of an endpoint was not found in time"),
        }
    }
    places.truncate(PLACES_MAX);
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_endpoint_that_reaches_nobody_is_given_up_unless_somebody_is_connected() {
        let dialer = IrohDialer::new(&[], Authorities::default()).unwrap();
        let (first, _, connected) = dialer.endpoint().await.unwrap();
        for _ in 0..2 * FAILURES_MAX {
            dialer.count(&first, false).await;
        }
        assert_eq!(dialer.endpoint().await.unwrap().0.id(), first.id());
        drop(connected);
        dialer.count(&first, true).await;
        dialer.count(&first, false).await;
        assert_eq!(dialer.endpoint().await.unwrap().0.id(), first.id());
        for _ in 1..FAILURES_MAX {
            dialer.count(&first, false).await;
        }
        assert_ne!(dialer.endpoint().await.unwrap().0.id(), first.id());
        dialer.close().await;
    }

    #[tokio::test]
    async fn an_endpoint_that_has_ended_is_replaced() {
        let dialer = IrohDialer::new(&[], Authorities::default()).unwrap();
        let nowhere = format!("iroh:{}", SecretKey::from_bytes(&[7; 32]).public()).parse().unwrap();
        assert!(dialer.dial(&nowhere).await.unwrap_err().to_string().contains("nobody says where"));
        let first = dialer.endpoint().await.unwrap().0;
        first.close().await;
        assert!(dialer.dial(&nowhere).await.is_err());
        assert_ne!(dialer.endpoint().await.unwrap().0.id(), first.id());
        dialer.close().await;
    }

    #[test]
    fn a_relay_has_a_url() {
        assert!(matches!(
            IrohDialer::new(&["relay".to_owned()], Authorities::default()),
            Err(IrohError::Relay { .. })
        ));
    }
}
