//! Buyers of a free feed find and serve each other, so that the seller need not serve everybody.
//!
//! They meet under the feed's discovery key, as programs of npm hypercore do. What one gives to another is verified as what the seller
//! gives; how long the feed is, and what of it is gone, is the seller's to say alone. The seller is not asked this way.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use dazaar_log::{IdentityKey, IdentityKeyPair};
use dazaar_market::Address;
use dazaar_wire::PeerFault;
use dazaar_wire::session::{Expected, Role};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use super::Shared;
use super::candidates::Candidates;
use super::session::expired;
use crate::connection::ConnectionError;
use crate::discovery::{Discovery, Topic};
use crate::peer::{new_identity, replicate_with_helper};
use crate::replicator::Replicator;

/// Buyers who are served at once, besides those whom we dialled.
const SERVED_MAX: usize = 32;

/// Buyers whom we dial, or have dialled, at once: those who only hold a place are not to keep out the others.
const ASKED_MAX: usize = 16;

/// Pause after the system refused to accept a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long taking the announcement back may take when the purchase ends.
const WITHDRAW_TIMEOUT: Duration = Duration::from_secs(1);

/// How a connection to another buyer ended, and where they are, if we dialled.
type Ended = (Option<Address>, Result<(), ConnectionError>);

impl Shared {
    /// Serves other buyers of the feed at `address`, and asks them, as long as it is free. Ends only with an error.
    pub(super) async fn swarm(&self, discovery: &Discovery, address: SocketAddr) -> io::Error {
        loop {
            let feed = self.free_feed().await;
            tokio::select! {
                error = self.meet(discovery, address, &feed) => return error,
                () = self.no_longer_free() => {}
            }
        }
    }

    async fn meet(&self, discovery: &Discovery, address: SocketAddr, feed: &Replicator) -> io::Error {
        let listener = match TcpListener::bind(address).await {
            Ok(listener) => listener,
            Err(error) => return error,
        };
        let bound = match listener.local_addr() {
            Ok(bound) => bound,
            Err(error) => return error,
        };
        let topic = feed.key().discovery_key();
        discovery.announce(topic, bound.port(), address.ip().is_loopback());
        let _announced = Announced { discovery: discovery.clone(), topic };
        let mut candidates = Candidates::new(Instant::now(), &[], Some(discovery.look_up(topic)), ASKED_MAX);
        // By which we know ourselves, should an address lead back to us in a way that this machine does not know.
        let us = new_identity();
        let mut peers: FuturesUnordered<BoxFuture<'_, Ended>> = FuturesUnordered::new();
        let (mut served, mut not_before) = (0, None);
        loop {
            while let Some(address) = candidates.dial(Instant::now()) {
                if is_ourselves(bound, &address) {
                    candidates.handle_impostor(&address);
                } else {
                    peers.push(Box::pin(self.join(address, us.public())));
                }
            }
            let due = candidates.due();
            tokio::select! {
                Some((address, ended)) = peers.next() => match address {
                    None => served -= 1,
                    Some(address) => retire(&mut candidates, &address, &ended),
                },
                accepted = listener.accept(), if served < SERVED_MAX && not_before.is_none() => match accepted {
                    Ok((stream, _)) => {
                        served += 1;
                        peers.push(Box::pin(self.welcome(stream, &us)));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept another buyer");
                        not_before = Some(Instant::now() + ACCEPT_PAUSE);
                    }
                },
                () = expired(not_before) => not_before = None,
                () = candidates.hear() => {}
                () = expired(due) => {}
            }
        }
    }

    /// The feed, once the seller has said that everybody gets it.
    async fn free_feed(&self) -> Arc<Replicator> {
        let mut free = self.is_free.subscribe();
        loop {
            if let (true, Some(feed)) = (*free.borrow_and_update(), self.replicator.get()) {
                return Arc::clone(feed);
            }
            // The sender lives as long as we do.
            if free.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until the seller says otherwise.
    async fn no_longer_free(&self) {
        if self.is_free.subscribe().wait_for(|is_free| !is_free).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Replicates with whoever is at an address, unless that is the seller, or `us`.
    async fn join(&self, address: Address, us: IdentityKey) -> Ended {
        let expected = Expected::AllBut([self.order.link.seller, us]);
        let joined = async {
            let stream = self.market.dial(&address).await?;
            replicate_with_helper(stream, (Role::Initiator, &new_identity()), expected, &self.feeds).await
        };
        let ended = joined.await;
        (Some(address), ended)
    }

    async fn welcome(&self, stream: TcpStream, us: &IdentityKeyPair) -> Ended {
        // Small messages must not wait for more; a socket that cannot be told works all the same.
        let _ = stream.set_nodelay(true);
        (None, replicate_with_helper(stream, (Role::Responder, us), Expected::Anybody, &self.feeds).await)
    }
}

/// Whether an address is that at which we serve, as far as this machine knows.
fn is_ourselves(bound: SocketAddr, address: &Address) -> bool {
    let Some(place) = address.tcp() else { return false };
    let Ok(ip) = place.host().parse::<IpAddr>() else { return false };
    let is_own = || match bound.ip() {
        own if own.is_unspecified() => {
            let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
            ip.is_loopback() || interfaces.iter().any(|interface| interface.ip() == ip)
        }
        own => own == ip,
    };
    place.port() == bound.port() && is_own()
}

/// When to dial an address again, if ever.
fn retire(candidates: &mut Candidates, address: &Address, ended: &Result<(), ConnectionError>) {
    match ended {
        Ok(()) => candidates.handle_served(Instant::now(), address),
        Err(ConnectionError::Peer(PeerFault::UnwantedIdentity { .. })) => candidates.handle_impostor(address),
        Err(error) => {
            tracing::debug!(%address, %error, "no connection to another buyer");
            candidates.handle_failure(Instant::now(), address);
        }
    }
}

/// An announcement, which is taken back when this is dropped.
struct Announced {
    discovery: Discovery,
    topic: Topic,
}

impl Drop for Announced {
    fn drop(&mut self) {
        let (discovery, topic) = (self.discovery.clone(), self.topic);
        // Where there is nobody to do it any more, the nodes forget it by themselves.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { timeout(WITHDRAW_TIMEOUT, discovery.withdraw(topic)).await });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_know_ourselves_and_nobody_else() {
        let is = |bound: &str, address: &str| is_ourselves(bound.parse().unwrap(), &address.parse().unwrap());
        assert!(is("127.0.0.1:7", "127.0.0.1:7"));
        assert!(is("0.0.0.0:7", "127.0.0.1:7"));
        for (bound, address) in
            [("127.0.0.1:7", "127.0.0.1:8"), ("127.0.0.1:7", "127.0.0.2:7"), ("0.0.0.0:7", "203.0.113.9:7")]
        {
            assert!(!is(bound, address), "{bound} {address}");
        }
    }
}
