//! `dazaar card`: shows, edits and verifies cards.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use dazaar::cards::{Card, CardSignature};
use dazaar::{Offer, now_ms};
use serde_json::{Map, Value};

use super::sell::read_card;
use super::{Context, find_listing};
use crate::event::Event;
use crate::failure::{Failure, Kind};

/// Show, edit and verify cards
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the card of a listing, to publish wherever buyers look
    #[command(after_help = "Example:\n  dazaar card show btcusd > btcusd.json")]
    Show {
        /// Which of my listings, if there are several: its name, feed or seller key
        listing: Option<String>,
    },
    /// Change fields of a card; its version grows by one, and it is signed anew
    #[command(
        after_help = "Example:\n  dazaar card edit btcusd --set description='Trades since 2017' --set license=CC-BY-4.0"
    )]
    Edit {
        /// Which of my listings, if there are several: its name, feed or seller key
        listing: Option<String>,

        /// A field and its new value, as JSON or plain text; without a value the field is removed
        #[arg(long = "set", value_name = "FIELD=VALUE", required = true)]
        set: Vec<String>,
    },
    /// Check that a card is well-formed and signed by its seller
    #[command(after_help = "Example:\n  dazaar card verify btcusd.json")]
    Verify {
        /// The card
        file: PathBuf,
    },
}

pub(crate) fn run(context: &Context, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Show { listing } => show(context, listing.as_deref()),
        Command::Edit { listing, set } => edit(context, listing.as_deref(), set),
        Command::Verify { file } => verify(context, file),
    }
}

fn show(context: &Context, wanted: Option<&str>) -> Result<(), Failure> {
    let market = context.market()?;
    let card = Card::parse(find_listing(&market, wanted)?.card.as_bytes()).map_err(Failure::input)?;
    if context.output.is_json() {
        return report(context, &card);
    }
    // The card itself and nothing else: it goes into a file.
    let text = serde_json::to_string_pretty(&card.to_json()).map_err(Failure::input)?;
    Ok(context.output.data(format!("{text}\n").as_bytes())?)
}

fn edit(context: &Context, wanted: Option<&str>, set: &[String]) -> Result<(), Failure> {
    let market = context.market()?;
    let listing = find_listing(&market, wanted)?;
    let mut fields: Map<String, Value> = serde_json::from_str(&listing.card).map_err(Failure::input)?;
    for change in set {
        let (field, value) = change.split_once('=').unwrap_or((change, ""));
        if matches!(field, "id" | "signature" | "version") {
            return Err(Failure::input(format!("`{field}` is set by the program")));
        }
        match value {
            "" => fields.remove(field),
            text => {
                fields.insert(field.to_owned(), serde_json::from_str(text).unwrap_or_else(|_| text.into()))
            }
        };
    }
    let version = fields.get("version").and_then(Value::as_u64).unwrap_or(0);
    fields.insert("version".to_owned(), version.saturating_add(1).into());
    let offer = Offer {
        feed: listing.feed,
        name: listing.name,
        folder: listing.folder,
        card: Some(fields),
        terms: listing.terms,
        unsigned_terms: listing.unsigned_terms,
        admission: listing.admission,
        listen: listing.listen,
        keep: listing.keep,
    };
    let listing = market.list(offer, now_ms())?;
    report(context, &Card::parse(listing.card.as_bytes()).map_err(Failure::input)?)
}

fn verify(context: &Context, file: &Path) -> Result<(), Failure> {
    let card = read_card(file)?;
    report(context, &card)?;
    match card.verify() {
        CardSignature::Invalid => {
            Err(Failure::new(Kind::Input, "the card was changed after its seller signed it"))
        }
        _ => Ok(()),
    }
}

fn report(context: &Context, card: &Card) -> Result<(), Failure> {
    let signature = match card.verify() {
        CardSignature::Valid => "valid",
        CardSignature::Invalid => "invalid",
        _ => "unsigned",
    };
    let offers = card.offers().iter().map(ToString::to_string).collect();
    Ok(context.output.event(&Event::Card { card: card.to_json(), signature, offers })?)
}
