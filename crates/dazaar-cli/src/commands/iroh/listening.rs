//! Listening for buyers through iroh.

use std::net::SocketAddr;

use dazaar::Market;
use dazaar::cards::{Address, IrohAddress};
use dazaar::database::Listing;
use dazaar::transport::Listener;
use dazaar_iroh::{IrohError, IrohListener, ListenSettings};

use super::IrohArguments;
use crate::commands::serve::reachable_at;
use crate::failure::{Failure, Kind};

/// Places that an address names: a machine with many networks would make it too long.
const PLACES_MAX: usize = 8;

/// Listens for the buyers of a listing, if iroh is wanted: at the UDP port with the number of the TCP port, or else at any. What of the
/// address stays right goes on the card.
pub(in crate::commands) async fn listen(
    arguments: &IrohArguments,
    market: &Market,
    listing: &mut Listing,
    tcp: SocketAddr,
    public: Option<&str>,
) -> Result<Option<(Box<dyn Listener>, Address)>, Failure> {
    if !arguments.is_wanted() {
        return Ok(None);
    }
    let authorities = arguments.authorities()?;
    let settings = |address| ListenSettings {
        secret: market.master().endpoint(&listing.feed),
        address,
        relays: arguments.relay.clone(),
        authorities: authorities.clone(),
    };
    let listener = match IrohListener::bind(settings(tcp)).await {
        Err(IrohError::Bind(_)) => IrohListener::bind(settings(SocketAddr::new(tcp.ip(), 0))).await,
        outcome => outcome,
    };
    let listener = listener.map_err(|error| Failure::new(Kind::Unreachable, error))?;
    let mut places = reachable_at(listener.bound(), public)?;
    places.truncate(PLACES_MAX);
    let address = listener.address(&places).map_err(Failure::input)?;
    let is_chosen = public.is_some() || !tcp.ip().is_unspecified();
    let lasting = if is_chosen { address.clone() } else { listener.address(&[]).map_err(Failure::input)? };
    if has_hint(&lasting) && market.advertise(listing, lasting)? {
        market.database().put_listing(listing)?;
    }
    Ok(Some((Box::new(listener), Address::Iroh(address))))
}

fn has_hint(address: &IrohAddress) -> bool {
    address.direct().next().is_some() || address.relays().next().is_some()
}
