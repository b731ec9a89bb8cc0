//! What a name, key, link, card or folder means.

use std::fmt::Display;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use dazaar::cards::{Address, Card, CardError, CardSignature, Link};
use dazaar::database::DatabaseError;
use dazaar::log::{FeedKey, IdentityKey};
use dazaar::{Market, Order};

/// Bytes of a card's file; a card has fewer.
const CARD_FILE_BYTES_MAX: u64 = 1 << 20;

/// Why it is not known what is meant.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// Nothing that anybody could be.
    #[error("`{text}` is neither a card, nor a link, nor a key, nor bought before: {problem}")]
    Unknown {
        /// What was asked for.
        text: String,
        /// Why it is no link.
        problem: String,
    },
    /// A file that cannot be read.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A card that its seller did not sign like this.
    #[error("the card was changed after its seller signed it")]
    Changed,
    /// Nobody said where the seller is.
    #[error("no address of this seller is known")]
    NoAddress,
    /// The records cannot be read.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Whether this can only be a seller: a file with a card, or a link that says where the seller is.
pub fn is_seller(text: &str) -> bool {
    Path::new(text).is_file() || text.parse::<Link>().is_ok_and(|link| !link.addresses.is_empty())
}

/// The folder of a feed that the market knows by its name, its key or that of its seller.
///
/// # Errors
/// The records cannot be read.
pub fn find_folder(market: &Market, wanted: &str) -> Result<Option<PathBuf>, DatabaseError> {
    let (listings, purchases) = (market.database().listings()?, market.database().purchases()?);
    let sold = listings.into_iter().map(|listing| {
        let seller = market.seller_identity(&listing).public();
        (listing.feed, seller, Some(listing.name), listing.folder)
    });
    let bought = purchases.into_iter().filter_map(|purchase| {
        let feed = purchase.feed?;
        Some((feed, purchase.seller, purchase.name, market.purchase_folder(&feed)))
    });
    let known: Vec<_> = sold.chain(bought).collect();
    // Keys first: a name may come from a stranger, and must not pass for a key.
    let by_key =
        known.iter().find(|(feed, seller, ..)| feed.to_string() == wanted || seller.to_string() == wanted);
    let by_name = || known.iter().find(|(_, _, name, _)| name.as_deref() == Some(wanted));
    Ok(by_key.or_else(by_name).map(|(.., folder)| folder.clone()))
}

/// Who sold a feed that I bought.
///
/// # Errors
/// The records cannot be read.
pub(crate) fn seller_of(market: &Market, feed: &FeedKey) -> Result<Option<IdentityKey>, DatabaseError> {
    let purchases = market.database().purchases()?;
    Ok(purchases.into_iter().find(|purchase| purchase.feed == Some(*feed)).map(|purchase| purchase.seller))
}

/// Who sells, and where they may be: at `addresses`, on the card, or known from before. `seller` is the file of a card, a link, a
/// key, or the name of an earlier purchase.
///
/// # Errors
/// Nobody is meant, or nobody knows where they are.
pub fn find_seller(market: &Market, seller: &str, addresses: &[Address]) -> Result<Order, FindError> {
    let (mut link, card) = parse_seller(market, seller)?;
    let known = market.database().purchase(&link.seller)?;
    let known = known.iter().flat_map(|purchase| &purchase.addresses).filter_map(|text| text.parse().ok());
    let mut all = addresses.to_vec();
    for address in link.addresses.into_iter().chain(known) {
        if !all.contains(&address) {
            all.push(address);
        }
    }
    link.addresses = all;
    if link.addresses.is_empty() && !market.can_discover() {
        return Err(FindError::NoAddress);
    }
    Ok(Order { link, card, terms: None })
}

fn read_card(path: &Path) -> Result<Card, FindError> {
    let wrong =
        |problem: &dyn Display| FindError::File { path: path.to_owned(), problem: problem.to_string() };
    let mut text = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(CARD_FILE_BYTES_MAX).read_to_end(&mut text))
        .map_err(|error| wrong(&error))?;
    Card::parse(&text).map_err(|error: CardError| wrong(&error))
}

fn parse_seller(market: &Market, seller: &str) -> Result<(Link, Option<String>), FindError> {
    let path = Path::new(seller);
    if path.is_file() {
        let card = read_card(path)?;
        if card.verify() == CardSignature::Invalid {
            return Err(FindError::Changed);
        }
        return Ok((link_of(&card), Some(card.to_json().to_string())));
    }
    // A name comes from a stranger: a key or link is never looked up as one.
    let problem = match seller.parse() {
        Ok(link) => return Ok((link, None)),
        Err(problem) => problem,
    };
    let purchases = market.database().purchases()?;
    let named = || purchases.iter().filter(|purchase| purchase.name.as_deref() == Some(seller));
    // A purchase that never got anything is not in the way of one that did: it may be a stranger's.
    match named().find(|purchase| purchase.feed.is_some()).or_else(|| named().next()).cloned() {
        Some(purchase) => Ok((Link { name: purchase.name, ..Link::new(purchase.seller) }, None)),
        None => Err(FindError::Unknown { text: seller.to_owned(), problem: problem.to_string() }),
    }
}

fn link_of(card: &Card) -> Link {
    Link { seller: card.id, addresses: card.addresses.clone(), name: card.name.clone() }
}
