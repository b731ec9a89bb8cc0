//! `dazaar drive serve`: a drive for browsers and other programs on this machine.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use clap::Args;
use dazaar::drive::Shown;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::Source;
use super::renew::renew;
use crate::commands::Context;
use crate::event::Event;
use crate::failure::{Failure, Kind};
use crate::signals::Interruption;

/// The port that is taken if it is free.
const PORT: u16 = 8737;

/// Show a drive to browsers on this machine, until Ctrl-C
///
/// Directories are pages, or JSON for who accepts that; files have types, and parts of them can be asked for. Nothing can be written.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dazaar drive serve ./photos.drive
  dazaar drive serve photos --listen 127.0.0.1:8080     a drive that was bought")]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: Source,

    /// Address to listen on; one that others reach shows the drive to everybody [default: 127.0.0.1:8737]
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<SocketAddr>,
}

pub(super) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let place = arguments.source.place(context)?;
    let (drive, version) = arguments.source.open_at(&place).await?;
    let listener = bind(arguments.listen).await?;
    let address = listener.local_addr()?;
    context
        .output
        .event(&Event::Serving { key: drive.key().to_string(), url: format!("http://{address}/") })?;
    let (shown, watched) = watch::channel(Shown { drive: Arc::new(drive), version });
    let work = async {
        tokio::select! {
            served = dazaar_web::serve(listener, watched) => Ok(served?),
            never = renew(context, &arguments.source, &place, &shown) => match never {},
        }
    };
    // There is no other end.
    Interruption::listen()?.or(work).await.map(drop)
}

async fn bind(wanted: Option<SocketAddr>) -> Result<TcpListener, Failure> {
    let failure = |address: SocketAddr, error: std::io::Error| {
        Failure::new(Kind::General, format!("cannot listen on {address}: {error}"))
    };
    if let Some(address) = wanted {
        return TcpListener::bind(address).await.map_err(|error| failure(address, error));
    }
    let preferred = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
    match TcpListener::bind(preferred).await {
        Ok(listener) => Ok(listener),
        Err(_) => {
            let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            TcpListener::bind(free).await.map_err(|error| failure(free, error))
        }
    }
}
