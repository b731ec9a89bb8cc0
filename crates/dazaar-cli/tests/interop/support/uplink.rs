//! The slow line of a seller, whose buyers have fast ones.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// Bytes that pass at once.
const PIECE: usize = 16 * 1024;

/// A place where buyers connect, from where a line leads to the seller.
pub(crate) struct Uplink {
    listener: TcpListener,
    pub(crate) port: u16,
}

impl Uplink {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        Self { listener, port }
    }

    /// Leads to this seller, from whom each connection gets so many bytes a second.
    pub(crate) fn lead_to(self, seller: &str, rate: u32) {
        let seller = seller.to_owned();
        thread::spawn(move || {
            for buyer in self.listener.incoming().map_while(Result::ok) {
                let Ok(seller) = TcpStream::connect(&seller) else { continue };
                let (Ok(from_buyer), Ok(to_seller)) = (buyer.try_clone(), seller.try_clone()) else {
                    continue;
                };
                // Whoever goes away is no failure of the test's.
                thread::spawn(move || pass(from_buyer, to_seller, None));
                thread::spawn(move || pass(seller, buyer, Some(rate)));
            }
        });
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, rate: Option<u32>) -> io::Result<()> {
    let mut piece = [0; PIECE];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        if let Some(rate) = rate {
            thread::sleep(Duration::from_secs(length as u64) / rate);
        }
        to.write_all(piece.get(..length).unwrap_or_default())?;
    }
    to.shutdown(Shutdown::Write)
}
