//! How bytes get to a seller and back: what dials addresses, and what takes connections in.
//!
//! A session runs over any stream. TCP is built in, directly or through a [`Proxy`]; other crates may add more.

mod proxy;

use std::fmt;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use dazaar_market::Address;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

pub use proxy::{Proxy, ProxyError, ProxyUrlError};

/// How long connecting to one address may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The bytes of a connection, both ways.
pub trait Stream: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin> Stream for S {}

/// A stream of any kind.
pub type BoxedStream = Box<dyn Stream>;

/// A connection on its way.
pub type Connecting<'a> = Pin<Box<dyn Future<Output = io::Result<BoxedStream>> + Send + 'a>>;

/// A way to sellers.
pub trait Dialer: fmt::Debug + Send + Sync {
    /// Whether it can dial addresses of this kind.
    fn dials(&self, address: &Address) -> bool;

    /// Connects to an address, or fails in bounded time. Who is there is found out by the session.
    fn dial<'a>(&'a self, address: &'a Address) -> Connecting<'a>;
}

/// A place where buyers connect.
pub trait Listener: fmt::Debug + Send {
    /// The next connection. Cancelling this future loses none.
    fn accept(&mut self) -> Connecting<'_>;
}

/// Dials by TCP.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tcp;

impl Dialer for Tcp {
    fn dials(&self, address: &Address) -> bool {
        address.tcp().is_some()
    }

    fn dial<'a>(&'a self, address: &'a Address) -> Connecting<'a> {
        Box::pin(async move {
            let place = address.tcp().ok_or(io::ErrorKind::Unsupported)?;
            let connecting = TcpStream::connect((place.host(), place.port()));
            let silent = |_| io::Error::from(io::ErrorKind::TimedOut);
            let stream = timeout(CONNECT_TIMEOUT, connecting).await.map_err(silent).flatten()?;
            Ok(boxed(stream))
        })
    }
}

impl Listener for TcpListener {
    fn accept(&mut self) -> Connecting<'_> {
        Box::pin(async { Self::accept(self).await.map(|(stream, _)| boxed(stream)) })
    }
}

fn boxed(stream: TcpStream) -> BoxedStream {
    // Small messages must not wait for more; a socket that cannot be told works all the same.
    let _ = stream.set_nodelay(true);
    Box::new(stream)
}
