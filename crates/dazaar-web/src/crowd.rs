//! How many may be connected, and for how long without a word: whoever serves a drive to others serves it to strangers.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// Connections at once; further ones wait.
const CONNECTIONS_MAX: usize = 256;

/// Those of one host, other than this machine; further ones are ended at once. Browsers have six.
const CONNECTIONS_PER_HOST_MAX: usize = 32;

/// How long a connection may be silent both ways.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// A listener with limits.
pub(crate) struct Crowd {
    listener: TcpListener,
    places: Arc<Semaphore>,
    hosts: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
    of_one_host: usize,
    silence: Duration,
}

impl Crowd {
    pub(crate) fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            places: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            hosts: Arc::default(),
            of_one_host: CONNECTIONS_PER_HOST_MAX,
            silence: SILENCE_MAX,
        }
    }

    /// A place for one more of a host, if there is one.
    fn place_of(&self, host: IpAddr) -> Option<OfHost> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = hosts.entry(host).or_default();
        if *count >= self.of_one_host && !host.is_loopback() {
            return None;
        }
        *count += 1;
        Some(OfHost { host, hosts: Arc::clone(&self.hosts) })
    }
}

impl Listener for Crowd {
    type Io = Guest;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guest, SocketAddr) {
        loop {
            // It is never closed.
            let place = Arc::clone(&self.places).acquire_owned().await.ok();
            let (stream, address) = Listener::accept(&mut self.listener).await;
            if let Some(of_host) = self.place_of(address.ip().to_canonical()) {
                let deadline = Box::pin(sleep(self.silence));
                let guest =
                    Guest { stream, silence: self.silence, deadline, _place: place, _of_host: of_host };
                return (guest, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A place among those of a host.
struct OfHost {
    host: IpAddr,
    hosts: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

impl Drop for OfHost {
    fn drop(&mut self) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = hosts.get_mut(&self.host) {
            *count -= 1;
            if *count == 0 {
                hosts.remove(&self.host);
            }
        }
    }
}

/// A connection, which ends if it is silent for too long.
pub(crate) struct Guest {
    stream: TcpStream,
    silence: Duration,
    deadline: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
    _of_host: OfHost,
}

impl Guest {
    /// The same, but an error if nothing happens and nothing has happened for too long.
    fn within<T>(&mut self, context: &mut Context<'_>, happens: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if happens.is_ready() {
            self.deadline.as_mut().reset(Instant::now() + self.silence);
            return happens;
        }
        self.deadline.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Guest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.within(context, read)
    }
}

impl AsyncWrite for Guest {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.within(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::time::timeout;

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(30);

    async fn crowd(places: usize, silence: Duration) -> (Crowd, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let places = Arc::new(Semaphore::new(places));
        (Crowd { places, of_one_host: 1, silence, ..Crowd::new(listener) }, address)
    }

    #[tokio::test]
    async fn whoever_finds_no_place_waits_until_another_has_gone() {
        let (mut crowd, address) = crowd(2, DEADLINE).await;
        let mut guests = Vec::new();
        for _ in 0..3 {
            guests.push(TcpStream::connect(address).await.unwrap());
        }
        let (first, _) = crowd.accept().await;
        let (_second, _) = crowd.accept().await;
        assert!(timeout(Duration::from_millis(50), crowd.accept()).await.is_err());
        drop(first);
        timeout(DEADLINE, crowd.accept()).await.expect("a place in time");
    }

    #[tokio::test]
    async fn one_host_gets_no_more_than_its_part_unless_it_is_this_machine() {
        let (crowd, _) = crowd(8, DEADLINE).await;
        let host = IpAddr::from([203, 0, 113, 7]);
        let first = crowd.place_of(host);
        assert!(first.is_some() && crowd.place_of(host).is_none());
        assert!(crowd.place_of(IpAddr::from([203, 0, 113, 8])).is_some());
        drop(first);
        assert!(crowd.place_of(host).is_some());
        let ours: Vec<_> = (0..5).map(|_| crowd.place_of(IpAddr::from([127, 0, 0, 1]))).collect();
        assert!(ours.iter().all(Option::is_some));
        drop(ours);
        assert!(crowd.hosts.lock().unwrap().is_empty(), "who has gone is forgotten");
    }

    #[tokio::test]
    async fn who_says_nothing_holds_no_place_for_long() {
        let (mut crowd, address) = crowd(1, Duration::from_millis(50)).await;
        let _idle = TcpStream::connect(address).await.unwrap();
        let (mut guest, _) = crowd.accept().await;
        let read = timeout(DEADLINE, guest.read_u8()).await.expect("an end in time");
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
