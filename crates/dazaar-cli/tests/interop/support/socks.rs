//! A small SOCKS5 proxy (RFC 1928, RFC 1929), which knows names that nobody else knows.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// How it treats who connects.
#[derive(Clone, Copy)]
pub(crate) enum Manner {
    /// Lets everybody in.
    Open,
    /// Lets in who says this name and password.
    Login(&'static str, &'static str),
    /// Answers every request with this code.
    Refusing(u8),
    /// Reads, and says nothing.
    Silent,
}

/// A running proxy: `names` are where the names lead that it knows, as in `("seller.test:1", "127.0.0.1:49737")`.
pub(crate) struct Socks {
    pub(crate) address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Socks {
    pub(crate) fn start(manner: Manner, names: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let names: Vec<_> =
            names.iter().map(|(name, place)| ((*name).to_owned(), (*place).to_owned())).collect();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (names, log) = (names.clone(), Arc::clone(&log));
                // A client that goes away is no failure of the test's.
                thread::spawn(move || serve(client, manner, &names, &log));
            }
        });
        Self { address, asked }
    }

    /// What it was asked to connect to.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(
    mut client: TcpStream,
    manner: Manner,
    names: &[(String, String)],
    log: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let [_version, methods] = read(&mut client)?;
    let mut offered = vec![0; methods.into()];
    client.read_exact(&mut offered)?;
    let method = if matches!(manner, Manner::Login(..)) { 2 } else { 0 };
    if matches!(manner, Manner::Silent) {
        return io::copy(&mut client, &mut io::sink()).map(drop);
    }
    if !offered.contains(&method) {
        return client.write_all(&[5, 0xff]);
    }
    client.write_all(&[5, method])?;
    if let Manner::Login(name, password) = manner {
        let [_version] = read(&mut client)?;
        let said = (text(&mut client)?, text(&mut client)?);
        let is_right = said == (name.to_owned(), password.to_owned());
        client.write_all(&[1, u8::from(!is_right)])?;
        if !is_right {
            return Ok(());
        }
    }
    let [_version, _command, _reserved, kind] = read(&mut client)?;
    let host = match kind {
        1 => std::net::Ipv4Addr::from(read::<4>(&mut client)?).to_string(),
        _ => text(&mut client)?,
    };
    let target = format!("{host}:{}", u16::from_be_bytes(read(&mut client)?));
    log.lock().unwrap_or_else(PoisonError::into_inner).push(target.clone());
    let place = names.iter().find(|(name, _)| *name == target).map(|(_, place)| place);
    let code = match (manner, place) {
        (Manner::Refusing(code), _) => code,
        (_, None) => 4,
        (_, Some(_)) => 0,
    };
    client.write_all(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0])?;
    let Some(place) = place.filter(|_| code == 0) else { return Ok(()) };
    let mut seller = TcpStream::connect(place)?;
    let (mut from, mut to) = (client.try_clone()?, seller.try_clone()?);
    thread::spawn(move || io::copy(&mut from, &mut to).and_then(|_| to.shutdown(Shutdown::Write)));
    io::copy(&mut seller, &mut client)?;
    client.shutdown(Shutdown::Write)
}

fn read<const BYTES: usize>(client: &mut TcpStream) -> io::Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    client.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Text behind its length in one byte.
fn text(client: &mut TcpStream) -> io::Result<String> {
    let [length] = read(client)?;
    let mut bytes = vec![0; length.into()];
    client.read_exact(&mut bytes)?;
    String::from_utf8(bytes).map_err(io::Error::other)
}
