//! A line between seller and buyer: a proxy on this machine that delays what passes, and counts it.
//!
//! Only the way takes time, not the bytes: what waits to arrive is kept in memory, up to [`CHUNKS_MAX`] reads.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::figures::Figures;
use crate::failure::Failure;

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Reads that are on their way. At 20 ms that is 3 GB/s.
const CHUNKS_MAX: usize = 1024;

/// Where the ends of a line are, on this machine.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Ends {
    /// The port on which the seller must listen.
    pub(super) seller: u16,
    /// The port to which the buyer must connect.
    pub(super) buyer: u16,
}

/// A line, up for as long as it exists.
#[derive(Debug)]
pub(super) struct Line {
    ends: Ends,
    delay: Duration,
    received: Arc<AtomicU64>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Line {
    /// A line on which everything takes `delay` from one end to the other.
    pub(super) async fn new(delay: Duration) -> Result<Self, Failure> {
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(local).await?;
        // The seller is not there yet. Nobody else is given a port again so soon.
        let seller = TcpListener::bind(local).await?.local_addr()?;
        let ends = Ends { seller: seller.port(), buyer: listener.local_addr()?.port() };
        let received = Arc::new(AtomicU64::new(0));
        let task = tokio::spawn(accept(listener, seller, delay, Arc::clone(&received)));
        Ok(Self { ends, delay, received, task })
    }

    pub(super) const fn ends(&self) -> Ends {
        self.ends
    }

    /// What there is to say of `blocks` blocks that came over it in so many seconds.
    pub(super) fn figures(&self, seconds: f64, blocks: u64) -> Figures {
        let round_trip = 2.0 * self.delay.as_secs_f64();
        Figures {
            round_trips: (round_trip > 0.0).then(|| seconds / round_trip),
            wire_bytes_per_block: Some(self.received.load(Ordering::Relaxed) as f64 / blocks as f64),
            ..Figures::default()
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    seller: SocketAddr,
    delay: Duration,
    received: Arc<AtomicU64>,
) -> std::io::Result<()> {
    loop {
        let (buyer, _) = listener.accept().await?;
        let seller = TcpStream::connect(seller).await?;
        buyer.set_nodelay(true)?;
        seller.set_nodelay(true)?;
        let ((from_buyer, to_buyer), (from_seller, to_seller)) = (buyer.into_split(), seller.into_split());
        carry(from_buyer, to_seller, delay, Arc::default());
        carry(from_seller, to_buyer, delay, Arc::clone(&received));
    }
}

/// Carries bytes one way until either end is gone.
fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration, count: Arc<AtomicU64>) {
    let (departed, mut arriving) = mpsc::channel::<(Instant, Vec<u8>)>(CHUNKS_MAX);
    tokio::spawn(async move {
        let mut chunk = vec![0; CHUNK_BYTES];
        while let Ok(length @ 1..) = from.read(&mut chunk).await {
            let bytes = chunk.get(..length).unwrap_or_default().to_vec();
            if departed.send((Instant::now() + delay, bytes)).await.is_err() {
                break;
            }
        }
    });
    tokio::spawn(async move {
        while let Some((due, bytes)) = arriving.recv().await {
            // A timer takes a millisecond even if it is due.
            if due > Instant::now() {
                sleep_until(due).await;
            }
            count.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            if to.write_all(&bytes).await.is_err() {
                break;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_passes_is_delayed_and_counted() {
        let delay = Duration::from_millis(20);
        let line = Line::new(delay).await.unwrap();
        let seller = TcpListener::bind((Ipv4Addr::LOCALHOST, line.ends().seller)).await.unwrap();
        let began = Instant::now();
        let mut buyer = TcpStream::connect((Ipv4Addr::LOCALHOST, line.ends().buyer)).await.unwrap();
        let (mut accepted, _) = seller.accept().await.unwrap();
        let mut answer = [0; 3];
        buyer.write_all(b"?").await.unwrap();
        accepted.read_exact(&mut answer[..1]).await.unwrap();
        accepted.write_all(b"yes").await.unwrap();
        buyer.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"yes");
        assert!(began.elapsed() >= 2 * delay);
        let figures = line.figures(0.08, 3);
        assert_eq!((figures.round_trips, figures.wire_bytes_per_block), (Some(2.0), Some(1.0)));
    }
}
