//! `dazaar serve`: serves everything that I sell.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::{NonZeroU16, NonZeroU32};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use dazaar::cards::extension::printable;
use dazaar::cards::{Address, Card, HostPort};
use dazaar::database::{Admission, Listing};
use dazaar::discovery::Mode;
use dazaar::drive::{Drive, DriveAccessError};
use dazaar::hyperdb::HyperDb;
use dazaar::wire::session::SecurityPolicy;
use dazaar::{Market, NamedPayee, Seller, SellerOptions};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::map::wishes;
use super::network::NetworkArguments;
use super::{Context, iroh};
use crate::event::Event;
use crate::failure::{Failure, Kind};
use crate::file_limit;
use crate::output::Output;
use crate::signals::Interruption;
use crate::wallets::Wallet;
use crate::watch::watch_seller;

/// The port that npm dazaar prefers too.
const PORT: u16 = 49737;

/// Ports that are tried, one after the other, before any free one is taken.
const PORTS_TRIED: usize = 16;

/// How long until what is mounted in a drive is looked at again, after that failed.
const SELL_ALONG_PAUSE: Duration = Duration::from_secs(30);

/// Serve everything I sell until Ctrl-C
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dazaar serve --listen 0.0.0.0:49737 --public data.example.org")]
pub(crate) struct Arguments {
    #[command(flatten)]
    serving: Serving,
}

/// How to be reached.
#[derive(Debug, Args)]
pub(crate) struct Serving {
    /// Address to listen on; port 0 takes a free one; each further listing takes the next port
    /// [default: 0.0.0.0:49737]
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<SocketAddr>,

    /// Host name or address to put into links, if it is another one than this machine knows
    #[arg(long, value_name = "HOST")]
    public: Option<String>,

    /// Milliseconds from one check of a buyer to the next
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(10..))]
    interval: u64,

    /// Give nothing back to buyers who ask for what they have not used
    #[arg(long)]
    no_refunds: bool,

    /// Refuse buyers whose frames are not authenticated, as those of npm dazaar are not
    #[arg(long)]
    require_authenticated: bool,

    /// Port to announce, if it is another one than that to listen on: a router may forward it
    #[arg(long, value_name = "PORT")]
    announce: Option<NonZeroU16>,

    /// Connections that each listing serves at once; further ones wait
    #[arg(long, value_name = "N", default_value_t = SellerOptions::default().connections_max)]
    connections: NonZeroU32,

    #[command(flatten)]
    network: NetworkArguments,
}

impl Serving {
    /// The address to remember for next time.
    pub(super) fn listen(&self) -> Option<String> {
        self.listen.map(|address| address.to_string())
    }

    fn options(&self, payees: Vec<NamedPayee>) -> SellerOptions {
        let security =
            if self.require_authenticated { SecurityPolicy::Require } else { SecurityPolicy::Offer };
        SellerOptions {
            validate_interval: Duration::from_millis(self.interval),
            security,
            payees,
            refunds: !self.no_refunds,
            announced_port: self.announce.map(NonZeroU16::get),
            connections_max: self.connections,
            contents: dazaar_data::contents_of,
        }
    }
}

pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let market = context.market()?;
    let listings = market.database().listings()?;
    if listings.is_empty() {
        return Err(Failure::input("nothing is sold here").hint("list something: dazaar sell <file>"));
    }
    // Who is let into a map is sold along, whoever lets them in.
    let folders = listings.iter().filter_map(|listing| HyperDb::folder_of_source(&listing.folder));
    let maps: Vec<_> =
        folders.map(|folder| HyperDb::open(folder, None).map(Arc::new)).collect::<Result<_, _>>()?;
    maps.iter().try_for_each(|map| map.lend_to(&market))?;
    // And so is what is mounted in a drive.
    let mut drives = Vec::new();
    for listing in &listings {
        let Some(folder) = Drive::folder_of_part(&listing.folder) else { continue };
        match open_drive(&market, folder).await {
            Ok(drive) => drives.push(drive),
            Err(error) => context.output.remark(&format!(
                "What is mounted in `{}` from now on is not sold along: {error}",
                printable(&listing.name)
            )),
        }
    }
    let sold = Sold { listings, maps, drives };
    serve(context, &market, sold, &arguments.serving, std::future::pending()).await
}

/// What is served.
#[derive(Default)]
pub(super) struct Sold {
    pub(super) listings: Vec<Listing>,
    /// The maps of several writers among it, which are open.
    pub(super) maps: Vec<Arc<HyperDb>>,
    /// The drives among it, which are open.
    pub(super) drives: Vec<Arc<Drive>>,
}

async fn open_drive(market: &Market, folder: &Path) -> Result<Arc<Drive>, DriveAccessError> {
    let drive = Drive::open(folder, None).await?;
    drive.lend_to(market).await?;
    Ok(Arc::new(drive))
}

/// Serves the listings, each on a port of its own, until Ctrl-C or until `failed` returns.
pub(super) async fn serve(
    context: &Context,
    market: &Arc<Market>,
    Sold { listings, maps, drives }: Sold,
    serving: &Serving,
    failed: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    file_limit::raise();
    serving.network.join(market, Mode::Adaptive);
    let interruption = Interruption::listen()?;
    let wallets = context.wallets(market)?;
    let payees: Vec<_> = wallets.iter().filter_map(|wallet| wallet.named_payee()).collect();
    let mut sellers = Vec::new();
    let mut tasks = JoinSet::new();
    let mut answering = JoinSet::new();
    for (index, mut listing) in (0..).zip(listings) {
        let listener = bind(&listing, serving, index).await?;
        let bound = listener.local_addr()?;
        let mut addresses: Vec<_> =
            reachable_at(bound, serving.public.as_deref())?.into_iter().map(Address::Tcp).collect();
        let mut others = Vec::new();
        if let Some((other, address)) =
            iroh::listen(&serving.network.iroh, market, &mut listing, bound, serving.public.as_deref())
                .await?
        {
            others.push(other);
            addresses.push(address);
        }
        let seller = Seller::new(Arc::clone(market), listing, serving.options(payees.clone()))?;
        let (notices, output) = (seller.notices(), Arc::clone(&context.output));
        announce(&output, market, &seller, bound, addresses)?;
        for offer in seller.prices_not_taken() {
            context.output.remark(&format!("Nobody can pay `{offer}` for `{}` now", seller.listing().name));
        }
        let remedy = remedy(context, seller.listing());
        let feed = seller.listing().feed;
        tasks.spawn(async move { watch_seller(notices, feed, remedy, &output).await });
        answering.spawn(dazaar_data::answer_all(seller.clone()));
        tasks.spawn(tell_announced(Arc::clone(market), seller.clone(), Arc::clone(&context.output)));
        sellers.push(seller.clone());
        if let Some(map) = maps.iter().find(|map| map.key() == feed).cloned() {
            let (seller, output) = (seller.clone(), Arc::clone(&context.output));
            let (asked, records) = (Arc::clone(&map), Arc::clone(market));
            answering.spawn(async move {
                let Err(failure) = wishes::grant(&records, &asked).await;
                tracing::error!(%failure, "nobody is let into a map any more while it is sold");
            });
            answering.spawn(async move {
                match map.sell_along(&seller).await {
                    Ok(never) => match never {},
                    Err(error) => output.remark(&format!("No more writers are sold along: {error}")),
                }
            });
        }
        if let Some(drive) = drives.iter().find(|drive| drive.key() == feed).cloned() {
            let (seller, market) = (seller.clone(), Arc::clone(market));
            let output = Arc::clone(&context.output);
            answering.spawn(async move {
                let may_give = |other: &Listing| may_give(other, seller.listing());
                let tell = |feed| output.remark(&format!("Sold along: {feed}"));
                let mut told = None;
                loop {
                    let Err(error) = drive.sell_along(&market, &seller, may_give, tell).await;
                    let error = error.to_string();
                    if told.as_ref() != Some(&error) {
                        output.remark(&format!("Nothing more is sold along for now: {error}"));
                        told = Some(error);
                    }
                    tokio::time::sleep(SELL_ALONG_PAUSE).await;
                }
            });
        }
        tasks.spawn(async move {
            seller.serve_also(listener, others).await;
            Ok(())
        });
    }
    let serving = async {
        tokio::select! {
            result = first_failure(&mut tasks) => result,
            result = failed => result,
            never = Wallet::upkeep_of(&wallets, &context.output) => match never {},
        }
    };
    let outcome = interruption.or(serving).await;
    // As long as somebody answers for a seller, its notices have no end.
    answering.shutdown().await;
    for seller in sellers.drain(..) {
        seller.close();
    }
    first_failure(&mut tasks).await?;
    for wallet in &wallets {
        wallet.settle().await;
    }
    outcome.map(drop)
}

/// Whether what is sold for itself may go along with a listing: if it is free, or sold for the same. What has no price is granted to some,
/// and the other to others.
pub(super) fn may_give(one: &Listing, listing: &Listing) -> bool {
    let is_for_some =
        || one.admission == Admission::Granted && asked(one).into_iter().all(|asked| asked.is_empty());
    one.admission == Admission::Free || is_same_sale(one, listing) && !is_for_some()
}

/// Whether a listing asks what another asks.
fn is_same_sale(one: &Listing, other: &Listing) -> bool {
    one.admission == other.admission && one.terms == other.terms && asked(one) == asked(other)
}

/// What the card of a listing asks.
fn asked(listing: &Listing) -> [Vec<serde_json::Value>; 2] {
    let card = serde_json::from_str::<serde_json::Value>(&listing.card).unwrap_or_default();
    ["payment", "prices"].map(|field| card[field].as_array().cloned().unwrap_or_default())
}

/// Tells when the DHT has heard of a seller.
async fn tell_announced(market: Arc<Market>, seller: Seller, output: Arc<Output>) -> Result<(), Failure> {
    if let Some(discovery) = market.discovery()
        && discovery.status().await.has_dht
    {
        let nodes = discovery.announced(seller.key().discovery_key()).await;
        output.event(&Event::Announced { seller: seller.key().to_string(), nodes })?;
    }
    Ok(())
}

/// The command that admits a buyer to a listing, if that is how buyers are admitted.
fn remedy(context: &Context, listing: &Listing) -> impl Fn(&str) -> Option<String> + use<> {
    let command = (listing.admission == Admission::Granted)
        .then(|| (quoted(&context.dir.to_string_lossy()), quoted(&listing.name)))
        .map(|(dir, name)| format!("dazaar --dir {dir} grant --listing {name}"));
    move |buyer| command.as_ref().map(|command| format!("{command} {buyer} 1h"))
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "/._-".contains(char);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Waits for the tasks to end, or for the first that fails.
async fn first_failure(tasks: &mut JoinSet<Result<(), Failure>>) -> Result<(), Failure> {
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|error| Failure::new(Kind::General, error))??;
    }
    Ok(())
}

/// Listens for a listing. An address that is typed now is taken as it is, with the next port for each further listing.
/// One that was typed when it was listed, or the usual one, gives way to the next free port.
async fn bind(listing: &Listing, serving: &Serving, index: u16) -> Result<TcpListener, Failure> {
    let failure =
        |address, error| Failure::new(Kind::Unreachable, format!("cannot listen on {address}: {error}"));
    if let Some(address) = serving.listen {
        let address =
            with_port(address, if address.port() == 0 { 0 } else { address.port().saturating_add(index) });
        return TcpListener::bind(address).await.map_err(|error| failure(address, error));
    }
    let stored = listing.listen.as_deref().and_then(|address| address.parse().ok());
    let wanted: SocketAddr = stored.unwrap_or_else(|| (Ipv4Addr::UNSPECIFIED, PORT).into());
    let mut outcome = TcpListener::bind(wanted).await;
    for port in (wanted.port()..u16::MAX).skip(1).take(PORTS_TRIED).chain([0]) {
        match &outcome {
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                outcome = TcpListener::bind(with_port(wanted, port)).await;
            }
            _ => break,
        }
    }
    outcome.map_err(|error| failure(wanted, error))
}

const fn with_port(mut address: SocketAddr, port: u16) -> SocketAddr {
    address.set_port(port);
    address
}

fn announce(
    output: &Output,
    market: &Market,
    seller: &Seller,
    bound: SocketAddr,
    addresses: Vec<Address>,
) -> Result<(), Failure> {
    let link = market.link(seller.listing(), addresses);
    output.event(&Event::Listening {
        name: seller.listing().name.clone(),
        seller: seller.key().to_string(),
        feed: seller.listing().feed.to_string(),
        address: bound.to_string(),
        link: link.to_string(),
    })?;
    tell_fork(output, seller)?;
    tell_unusable_offers(output, seller.listing());
    Ok(())
}

/// A way to pay that buyers cannot use is better known to the seller than to nobody.
fn tell_unusable_offers(output: &Output, listing: &Listing) {
    // A card that we stored is one; if not, there is nothing on it to tell.
    let Ok(card) = Card::parse(listing.card.as_bytes()) else { return };
    for offer in card.offers().iter().filter(|offer| offer.terms.is_err()) {
        output.remark(&format!("warning: on the card of `{}`, {offer}", listing.name));
    }
}

/// A feed that was found to have forked in an earlier run still takes nothing new.
fn tell_fork(output: &Output, seller: &Seller) -> Result<(), Failure> {
    let log = seller.log().lock();
    if let Some(theirs) = log.fork() {
        output.event(&Event::forked(log.key(), None, log.signed_head().as_ref(), theirs))?;
    }
    Ok(())
}

/// Addresses to put into a link for a listener that is bound to `bound`.
pub(super) fn reachable_at(bound: SocketAddr, public: Option<&str>) -> Result<Vec<HostPort>, Failure> {
    let address = |host: &str| {
        format!("{host}:{}", bound.port())
            .parse::<HostPort>()
            .map_err(|error| Failure::input(format!("{host}: {error}")))
    };
    if let Some(host) = public {
        return Ok(vec![address(host)?]);
    }
    let host = |ip: IpAddr| if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
    if !bound.ip().is_unspecified() {
        return Ok(vec![address(&host(bound.ip()))?]);
    }
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let mut addresses: Vec<_> = interfaces
        .iter()
        .filter(|interface| !interface.is_loopback() && !interface.is_link_local())
        .filter(|interface| bound.is_ipv6() || interface.ip().is_ipv4())
        .filter_map(|interface| address(&host(interface.ip())).ok())
        .collect();
    if addresses.is_empty() {
        addresses.push(address("127.0.0.1")?);
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        for (word, shown) in
            [("a/b-1.csv", "a/b-1.csv"), ("my data", "'my data'"), ("it's", r"'it'\''s'"), ("", "''")]
        {
            assert_eq!(quoted(word), shown);
        }
    }
}
