//! Buyers of a free feed find and serve each other, so that the seller need not serve everybody.
//!
//! They meet under the feed's discovery key, as programs of npm hypercore do, and prove nothing but that they know its key. What one gives to
//! another is verified as what the seller gives; the seller is not asked this way.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dazaar_market::Address;
use dazaar_wire::PeerFault;
use dazaar_wire::session::{Expected, Role};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

use super::Shared;
use super::candidates::Candidates;
use super::session::expired;
use crate::connection::ConnectionError;
use crate::discovery::{Discovery, Topic};
use crate::peer::replicate_with;
use crate::replicator::Replicator;

/// Buyers who are served at once, besides those whom we dialled.
const SERVED_MAX: usize = 32;

/// Pause after the system refused to accept a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long taking the announcement back may take when the purchase ends.
const WITHDRAW_TIMEOUT: Duration = Duration::from_secs(1);

/// How a connection to another buyer ended, and where they are, if we dialled.
type Ended = (Option<Address>, Result<(), ConnectionError>);

impl Shared {
    /// Serves other buyers of the feed at `address`, and asks them, once it is known to be free. Ends only with an error.
    pub(super) async fn swarm(&self, discovery: &Discovery, address: SocketAddr) -> io::Error {
        let feed = self.free_feed().await;
        let listener = match TcpListener::bind(address).await {
            Ok(listener) => listener,
            Err(error) => return error,
        };
        let port = match listener.local_addr() {
            Ok(bound) => bound.port(),
            Err(error) => return error,
        };
        let topic = feed.key().discovery_key();
        discovery.announce(topic, port, address.ip().is_loopback());
        let _announced = Announced { discovery: discovery.clone(), topic };
        let mut candidates = Candidates::new(Instant::now(), &[], Some(discovery.look_up(topic)));
        let mut peers: FuturesUnordered<BoxFuture<'_, Ended>> = FuturesUnordered::new();
        let mut served = 0;
        loop {
            while let Some(address) = candidates.dial(Instant::now()) {
                // Who is at our own port is, but for a rare accident, ourselves.
                if address.tcp().is_some_and(|place| place.port() == port) {
                    candidates.handle_impostor(&address);
                } else {
                    peers.push(Box::pin(self.join(address)));
                }
            }
            let due = candidates.due();
            tokio::select! {
                Some((address, ended)) = peers.next() => match address {
                    None => served -= 1,
                    Some(address) => retire(&mut candidates, &address, &ended),
                },
                accepted = listener.accept(), if served < SERVED_MAX => match accepted {
                    Ok((stream, _)) => {
                        served += 1;
                        peers.push(Box::pin(self.welcome(stream)));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept another buyer");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
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

    /// Replicates with whoever is at an address, unless that is the seller.
    async fn join(&self, address: Address) -> Ended {
        let expected = Expected::AllBut(self.order.link.seller);
        let joined = async {
            let stream = self.market.dial(&address).await?;
            replicate_with(stream, Role::Initiator, expected, &self.feeds).await
        };
        let ended = joined.await;
        (Some(address), ended)
    }

    async fn welcome(&self, stream: TcpStream) -> Ended {
        // Small messages must not wait for more; a socket that cannot be told works all the same.
        let _ = stream.set_nodelay(true);
        (None, replicate_with(stream, Role::Responder, Expected::Anybody, &self.feeds).await)
    }
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
        tokio::spawn(async move { timeout(WITHDRAW_TIMEOUT, discovery.withdraw(topic)).await });
    }
}
