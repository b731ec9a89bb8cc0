//! A long line: passes datagrams on, each after some time, and may lose some.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Where the line can be entered, and where it comes out: nobody else is at this address.
const PLACE: &str = "127.0.0.2:0";

/// Room for what comes while another thread runs.
const BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// What a line does to each datagram.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    pub(crate) delay: Duration,
    /// Lost ones of a thousand.
    pub(crate) lost: u64,
}

/// A line to one place, in use until the program ends.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) entrance: SocketAddr,
    passed: Arc<AtomicU64>,
}

/// A datagram, when it arrives, from where and to where.
type Waiting = (Instant, Arc<UdpSocket>, SocketAddr, Vec<u8>);

impl Line {
    pub(crate) fn to(target: SocketAddr, weather: Weather) -> Self {
        let near = socket();
        let entrance = near.local_addr().expect("a bound socket");
        let passed = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&passed);
        thread::spawn(move || {
            let there = late();
            let mut exits: BTreeMap<SocketAddr, Arc<UdpSocket>> = BTreeMap::new();
            receive(&near, weather, |due, from, datagram| {
                let exit = exits.entry(from).or_insert_with(|| {
                    let exit = socket();
                    let (back, passed) = (late(), Arc::clone(&counter));
                    let (near, source) = (Arc::clone(&near), Arc::clone(&exit));
                    thread::spawn(move || {
                        receive(&source, weather, |due, _, datagram| {
                            passed.fetch_add(datagram.len() as u64, Ordering::Relaxed);
                            let _ = back.send((due, Arc::clone(&near), from, datagram.to_vec()));
                        });
                    });
                    exit
                });
                let _ = there.send((due, Arc::clone(exit), target, datagram.to_vec()));
            });
        });
        Self { entrance, passed }
    }

    /// Bytes that have come back through it so far.
    pub(crate) fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }
}

fn socket() -> Arc<UdpSocket> {
    let socket = UdpSocket::bind(PLACE).expect("a socket");
    socket2::SockRef::from(&socket).set_recv_buffer_size(BUFFER_BYTES).expect("a buffer");
    Arc::new(socket)
}

fn receive(socket: &UdpSocket, weather: Weather, mut take: impl FnMut(Instant, SocketAddr, &[u8])) {
    let (mut datagram, mut number) = ([0; 65_536], 0_u64);
    loop {
        let Ok((bytes, from)) = socket.recv_from(&mut datagram) else { continue };
        // Lost ones come together seldom, and not in step with anything.
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if (number >> 33) % 1000 >= weather.lost {
            take(Instant::now() + weather.delay, from, &datagram[..bytes]);
        }
    }
}

/// Sends what is handed in when its time has come, in this order.
fn late() -> Sender<Waiting> {
    let (sender, waiting): (_, Receiver<Waiting>) = channel();
    thread::spawn(move || {
        for (due, socket, to, datagram) in waiting {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let _ = socket.send_to(&datagram, to);
        }
    });
    sender
}
