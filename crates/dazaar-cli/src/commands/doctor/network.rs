//! The part of `dazaar doctor` that is about the way to a seller: which addresses are known and found, and who is there.

use std::collections::BTreeMap;
use std::time::Duration;

use dazaar::cards::{Address, Link};
use dazaar::discovery::{Discovery, Found, Mapping, Via};
use dazaar::{Buyer, BuyerNotice, BuyerOptions, Market, explain};
use dazaar_data::find_seller;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::{Context, relays};
use crate::commands::dialling::DialArguments;
use crate::event::Event;
use crate::failure::{Failure, Kind};

/// How long addresses are looked for.
const SEARCH_TIME: Duration = Duration::from_secs(5);

/// How long one address may take to prove that the seller is there.
const PROBE_TIME: Duration = Duration::from_secs(12);

/// The same, through a proxy or relay: that of Tor takes its time.
const SLOW_PROBE_TIME: Duration = Duration::from_secs(65);

/// Addresses that are tried; the DHT may name any number.
const PROBED_MAX: usize = 16;

/// Looks for a seller everywhere, and tries every address.
pub(super) async fn examine(
    context: &Context,
    seller: &str,
    dialling: &DialArguments,
) -> Result<(), Failure> {
    // Whoever only looks leaves no trace in the records, and does not show the seller who they are.
    let folder = tempfile::tempdir()?;
    let market = Market::create(&folder.path().join("doctor"), None, None)?;
    let proxy = dialling.join(&market)?;
    if let Some(proxy) = &proxy {
        tell(context, "proxy", true, format!("sellers are dialled through {} only", proxy.address()))?;
    }
    let link = find_seller(&market, seller, &[])?.link;
    relays::tell(context, dialling.iroh(), &link).await?;
    let mut ways: BTreeMap<String, (Address, &'static str)> = BTreeMap::new();
    for address in &link.addresses {
        ways.insert(address.to_string(), (address.clone(), "link"));
    }
    if let Some(discovery) = market.discovery() {
        for found in search(context, discovery, &link).await? {
            if let Ok(address) = found.address.to_string().parse() {
                let way = if found.via == Via::Lan { "lan" } else { "dht" };
                ways.entry(found.address.to_string()).or_insert((address, way));
            }
        }
    }
    let mut reached = 0;
    for (index, (address, way)) in ways.into_values().take(PROBED_MAX).enumerate() {
        let market = Market::create(&folder.path().join(format!("probe-{index}")), None, None)?;
        dialling.dial(&market)?;
        let is_slow = proxy.is_some() || address.iroh().is_some();
        let patience = if is_slow { SLOW_PROBE_TIME } else { PROBE_TIME };
        let outcome = probe(market, &link, address.clone(), patience).await?;
        reached += usize::from(outcome.is_ok());
        let detail = outcome.clone().unwrap_or_else(|problem| problem);
        tell(context, &format!("{way} {address}"), outcome.is_ok(), detail)?;
    }
    match reached {
        0 => Err(Failure::new(Kind::Unreachable, "there is no way to the seller").hint(
            "ask the seller for an address that can be reached from here, or for a bootstrap node of the DHT; or, behind a router, to \
             serve through a relay: --relay",
        )),
        _ => Ok(()),
    }
}

/// Looks for the seller on the local network and in the DHT, and tells how these are.
async fn search(context: &Context, discovery: &Discovery, link: &Link) -> Result<Vec<Found>, Failure> {
    let end = Instant::now() + SEARCH_TIME;
    let mut lookup = discovery.look_up(link.seller.discovery_key());
    let mut found: Vec<Found> = Vec::new();
    while let Ok(Some(next)) = timeout_at(end, lookup.next()).await {
        if !found.contains(&next) {
            found.push(next);
        }
    }
    sleep_until(end).await;
    let status = discovery.status().await;
    let count = |via: Via| found.iter().filter(|found| found.via == via).count();
    let lan = format!("{} interfaces; {} answers", status.interfaces, count(Via::Lan));
    tell(context, "local network", status.interfaces > 0, lan)?;
    if status.has_dht {
        let public = match status.public {
            Some(address) => format!("seen as {address}"),
            None => "nodes do not agree from where they see us".to_owned(),
        };
        let detail = match status.nodes {
            0 => "no bootstrap node answers".to_owned(),
            nodes => format!("{nodes} nodes known; {public}; {} addresses named", count(Via::Dht)),
        };
        tell(context, "DHT", status.nodes > 0, detail)?;
        if let Some((fine, detail)) = router(status.mapping) {
            tell(context, "NAT", fine, detail)?;
        }
    }
    Ok(found)
}

/// What a router makes of our UDP address, and what follows for who is behind it.
fn router(mapping: Mapping) -> Option<(bool, String)> {
    let (fine, detail) = match mapping {
        Mapping::Unknown => return None,
        Mapping::None { seen } => (
            true,
            format!(
                "none: others see our own address, {seen}; what is listened for is reached, unless a firewall keeps it out"
            ),
        ),
        Mapping::SeenOnce { seen } => (
            true,
            format!(
                "a router shows {seen} for us to the one host that was asked; with a bootstrap node on another host, its kind is found out"
            ),
        ),
        Mapping::Same { seen } => {
            (true, format!("a router shows {seen} for us to everybody: iroh can punch holes into it"))
        }
        Mapping::Differs { seen, other } => (
            false,
            format!(
                "a router shows another address to everybody (symmetric), as {seen} and {other}: iroh gets through to who lets everybody \
                 in, and else by a relay"
            ),
        ),
    };
    Some((fine, detail))
}

/// Whether the seller is at an address, or why not.
async fn probe(
    market: Market,
    link: &Link,
    address: Address,
    patience: Duration,
) -> Result<Result<String, String>, Failure> {
    let link = Link { addresses: vec![address], ..link.clone() };
    let buyer = Buyer::new(market.into(), link.into(), BuyerOptions::default())?;
    let mut notices = buyer.notices();
    let probing = async {
        tokio::select! {
            end = buyer.run() => Err(explain(&end)),
            outcome = async {
                loop {
                    match notices.recv().await {
                        Ok(BuyerNotice::Connected { authenticated: true, .. }) => {
                            return Ok("the seller is there; frames are authenticated".to_owned());
                        }
                        Ok(BuyerNotice::Connected { authenticated: false, .. }) => {
                            return Ok("the seller is there; frames are encrypted, and not authenticated".to_owned());
                        }
                        Ok(BuyerNotice::Disconnected { reason, .. }) => return Err(reason),
                        Ok(_) => {}
                        Err(error) => return Err(error.to_string()),
                    }
                }
            } => outcome,
        }
    };
    Ok(timeout(patience, probing).await.unwrap_or_else(|_| Err("no answer in time".to_owned())))
}

pub(super) fn tell(context: &Context, part: &str, fine: bool, detail: String) -> Result<(), Failure> {
    Ok(context.output.event(&Event::Way { part: part.to_owned(), fine, detail })?)
}
