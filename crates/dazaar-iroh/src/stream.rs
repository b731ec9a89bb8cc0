//! The one stream of a connection, as sessions read and write it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use iroh::endpoint::{Connection, ConnectionError, Path, RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;

use crate::endpoint::{InUse, hang_up};
use crate::window::Window;

/// Time from one look at the length of the line to the next.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Both directions of a stream, and the connection that ends with it.
#[derive(Debug)]
pub(crate) struct IrohStream {
    connection: Connection,
    send: SendStream,
    receive: RecvStream,
    is_finished: bool,
    measured: Option<Measured>,
    /// A place among those with much under way.
    _place: Option<OwnedSemaphorePermit>,
    _in_use: InUse,
}

/// The window of a stream that receives much, and when to look at its line.
#[derive(Debug)]
struct Measured {
    window: Window,
    began: Instant,
    next_look: Instant,
}

impl IrohStream {
    pub(crate) fn new(
        connection: Connection,
        (send, receive): (SendStream, RecvStream),
        in_use: InUse,
    ) -> Self {
        Self { connection, send, receive, is_finished: false, measured: None, _place: None, _in_use: in_use }
    }

    /// Lets as much be under way to us as the line takes.
    pub(crate) fn with_window(mut self) -> Self {
        let now = Instant::now();
        self.measured = Some(Measured { window: Window::new(), began: now, next_look: now });
        self.measure();
        self
    }

    /// Keeps a place as long as there is the stream.
    pub(crate) fn with_place(mut self, place: Option<OwnedSemaphorePermit>) -> Self {
        self._place = place;
        self
    }

    fn measure(&mut self) {
        let Some(Measured { window, began, next_look }) = &mut self.measured else { return };
        let now = Instant::now();
        if now < *next_look {
            return;
        }
        *next_look = now + LOOK_INTERVAL;
        let paths = self.connection.paths();
        let Some(path) = paths.iter().find(Path::is_selected) else { return };
        if let Some(bytes) = window.handle_round_trip(now - *began, path.rtt()) {
            tracing::debug!(bytes, round_trip = ?path.rtt(), "another window");
            self.connection.set_receive_window(bytes.into());
        }
    }
}

impl AsyncRead for IrohStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.receive).poll_read(context, buffer));
        self.measure();
        // Whoever has gone has ended the stream too.
        let is_gone =
            || matches!(self.connection.close_reason(), Some(ConnectionError::ApplicationClosed(_)));
        Poll::Ready(read.or_else(|error| if is_gone() { Ok(()) } else { Err(error) }))
    }
}

impl AsyncWrite for IrohStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(Pin::new(&mut self.send), context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_flush(Pin::new(&mut self.send), context)
    }

    /// Ends our direction, and waits until the other side has ended theirs: QUIC delivers nothing more once a connection is closed.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_finished {
            ready!(AsyncWrite::poll_shutdown(Pin::new(&mut self.send), context))?;
            self.is_finished = true;
        }
        let mut rest = [0; 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut rest);
            ready!(self.as_mut().poll_read(context, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl Drop for IrohStream {
    fn drop(&mut self) {
        hang_up(&self.connection);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use dazaar::cards::Address;
    use dazaar::transport::{Dialer as _, Listener as _};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::timeout;

    use crate::{Authorities, IrohDialer, IrohListener, ListenSettings};

    #[tokio::test(flavor = "multi_thread")]
    async fn whoever_ends_first_is_heard_to_the_end() {
        let settings = ListenSettings {
            secret: [7; 32].into(),
            address: "127.0.0.1:0".parse().unwrap(),
            relays: Vec::new(),
            authorities: Authorities::default(),
        };
        let mut listener = IrohListener::bind(settings).await.unwrap();
        let place = listener.bound().to_string().parse().unwrap();
        let address = Address::Iroh(listener.address(&[place]).unwrap());
        let talking = async {
            let dialer = IrohDialer::new(&[], Authorities::default()).unwrap();
            let mut near = dialer.dial(&address).await.unwrap();
            tokio::spawn(async move {
                near.write_all(&vec![7; 1 << 20]).await.unwrap();
                near.shutdown().await.unwrap();
            });
            let mut far = listener.accept().await.unwrap();
            let mut heard = Vec::new();
            far.read_to_end(&mut heard).await.unwrap();
            assert_eq!(heard.len(), 1 << 20);
            // The other side waits for this, and so this side for nothing.
            far.shutdown().await.unwrap();
        };
        timeout(Duration::from_secs(60), talking).await.expect("in time");
    }
}
