//! A purchase as several commands make one: whom from, how to connect, and until when.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use dazaar::cards::{Address, Card, CardSignature, Link, LinkError, TermsHash};
use dazaar::wire::replication::Download;
use dazaar::wire::session::SecurityPolicy;
use dazaar::{Buyer, BuyerOptions, Market, Order, validator};

use super::Context;
use super::follow::{Deliver, Follow};
use super::sell::read_card;
use crate::failure::{Failure, Kind};
use crate::secrets;

/// How to deal with a seller.
#[derive(Debug, Args)]
#[command(next_help_heading = "The seller")]
pub(crate) struct SellerArguments {
    /// Where the seller is, if the card or link does not say; may be repeated
    #[arg(long, value_name = "HOST:PORT")]
    connect: Vec<Address>,

    /// Accept the seller's terms of use: the file with the terms, or their hash
    #[arg(long, value_name = "FILE|HASH")]
    accept_terms: Option<String>,

    /// Refuse sellers whose frames are not authenticated, as those of npm dazaar are not
    #[arg(long)]
    require_authenticated: bool,

    /// Ask a command, again and again, whether to download from this seller: exit code 0 means yes
    #[arg(long, value_name = "COMMAND")]
    vet_command: Option<String>,

    /// End with exit code 4 when the seller refuses, instead of waiting to be admitted
    #[arg(long)]
    no_wait: bool,

    /// Seconds without a connection after which to give up; 0 never does
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(..=31_536_000))]
    timeout: u64,
}

/// How to pay.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Paying")]
pub(crate) struct PaymentArguments {
    /// Redeem a voucher of the seller's: its code is taken from DAZAAR_VOUCHER, asked for, or read from a pipe; others on this
    /// machine can read a command line
    #[arg(long, conflicts_with = "voucher_file")]
    voucher: bool,

    /// Redeem the voucher in this file
    #[arg(long, value_name = "FILE")]
    voucher_file: Option<PathBuf>,
}

impl PaymentArguments {
    /// Says that a voucher was not used, if one was to be: nothing had to be asked of the seller.
    pub(super) fn remark_unused(&self, context: &Context) {
        if self.voucher || self.voucher_file.is_some() {
            context.output.remark("the voucher was not used: all of it is here already");
        }
    }
}

/// Somebody buys from somebody.
#[derive(Debug)]
pub(super) struct Purchase<'a> {
    buyer: Buyer,
    arguments: &'a SellerArguments,
}

impl<'a> Purchase<'a> {
    /// Buys from `seller`: a card's file, a link, a key, or the name of an earlier purchase.
    pub(super) fn new(
        market: &Arc<Market>,
        seller: &str,
        arguments: &'a SellerArguments,
        download: Download,
    ) -> Result<Self, Failure> {
        let (link, card) = arguments.link(market, seller)?;
        let terms = arguments.accept_terms.as_deref().map(accepted_terms).transpose()?;
        let options = BuyerOptions {
            download,
            security: if arguments.require_authenticated {
                SecurityPolicy::Require
            } else {
                SecurityPolicy::Offer
            },
            vetting: arguments
                .vet_command
                .as_ref()
                .map(|command| validator::command(["sh", "-c", command].map(str::to_owned).to_vec())),
        };
        let buyer = Buyer::new(Arc::clone(market), Order { link, card, terms }, options)?;
        Ok(Self { buyer, arguments })
    }

    /// Who buys.
    pub(super) const fn buyer(&self) -> &Buyer {
        &self.buyer
    }

    /// Pays as the arguments say, once there is a connection.
    pub(super) fn pay(&self, payment: &PaymentArguments) -> Result<(), Failure> {
        if let Some(code) = secrets::voucher(payment.voucher, payment.voucher_file.as_deref())? {
            self.buyer.redeem(&code);
        }
        Ok(())
    }

    /// Goes on until `delivery` is complete.
    pub(super) async fn follow(&self, context: &Context, delivery: impl Deliver) -> Result<(), Failure> {
        let timeout = self.arguments.timeout;
        let patience = (timeout > 0).then(|| Duration::from_secs(timeout));
        Follow::new(&context.output, &self.buyer, self.arguments.no_wait, patience).until(delivery).await
    }

    /// Makes what was downloaded survive a power cut.
    pub(super) async fn flush(&self) -> Result<(), Failure> {
        match self.buyer.feed() {
            Some(feed) => Ok(feed.log().flush().await?),
            None => Ok(()),
        }
    }
}

impl SellerArguments {
    /// Who sells, and where they may be: typed, on the card, or known from before. With the card, if there is one.
    fn link(&self, market: &Market, seller: &str) -> Result<(Link, Option<String>), Failure> {
        let (mut link, card) = parse_seller(market, seller)?;
        let known = market.database().purchase(&link.seller)?;
        let known =
            known.iter().flat_map(|purchase| &purchase.addresses).filter_map(|text| text.parse().ok());
        let mut addresses = self.connect.clone();
        for address in link.addresses.into_iter().chain(known) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        link.addresses = addresses;
        if link.addresses.is_empty() {
            return Err(Failure::new(Kind::Unreachable, "no address of this seller is known")
                .hint("use --connect host:port"));
        }
        Ok((link, card))
    }
}
fn parse_seller(market: &Market, seller: &str) -> Result<(Link, Option<String>), Failure> {
    let path = Path::new(seller);
    if path.is_file() {
        let card = read_card(path)?;
        if card.verify() == CardSignature::Invalid {
            return Err(Failure::input("the card was changed after its seller signed it"));
        }
        return Ok((link_of(&card), Some(card.to_json().to_string())));
    }
    // A name comes from a stranger: a key or link is never looked up as one.
    let problem = match seller.parse() {
        Ok(link) => return Ok((link, None)),
        Err(problem) => problem,
    };
    let purchases = market.database().purchases()?;
    let known = purchases.iter().find(|purchase| purchase.name.as_deref() == Some(seller));
    match known {
        Some(purchase) => Ok((Link { name: purchase.name.clone(), ..Link::new(purchase.seller) }, None)),
        None => Err(unknown_seller(seller, &problem)),
    }
}

fn unknown_seller(text: &str, problem: &LinkError) -> Failure {
    Failure::input(format!("`{text}` is neither a card, nor a link, nor a key, nor bought before: {problem}"))
}

fn link_of(card: &Card) -> Link {
    Link { seller: card.id, addresses: card.addresses.clone(), name: card.name.clone() }
}

/// The terms that are accepted: by their hash, or by their text in a file.
fn accepted_terms(text: &str) -> Result<TermsHash, Failure> {
    match text.parse() {
        Ok(hash) => Ok(hash),
        Err(_) => match std::fs::read_to_string(text) {
            Ok(terms) => Ok(TermsHash::of(&terms)),
            Err(error) => Err(Failure::input(format!(
                "`{text}` is neither the hash of terms nor a file with them: {error}"
            ))),
        },
    }
}
