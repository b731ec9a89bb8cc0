//! `dazaar credit`: vouchers, the credit that needs no wallet.

use clap::{Args, Subcommand};
use dazaar::cards::VoucherCode;
use dazaar::database::{Admission, Listing, Voucher};
use dazaar::now_ms;

use super::{Context, find_listing};
use crate::event::Event;
use crate::failure::Failure;
use crate::times::utc;

/// Vouchers that are made at once.
const VOUCHERS_MAX: i64 = 10_000;

/// Hex digits that name a voucher.
const ID_DIGITS: usize = 16;

/// The fewest digits that may stand for one.
const ID_DIGITS_MIN: usize = 4;

/// Make vouchers that give buyers credit, list them, take them back
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    New(NewArguments),
    List(ListArguments),
    Revoke(RevokeArguments),
}

/// Make vouchers, and print their codes; they are shown this once, and only their hashes are stored
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dazaar credit new 10h
  dazaar credit new 30d --listing btcusd --count 100 --expires 365d > codes.txt")]
pub(crate) struct NewArguments {
    /// What each gives: 30m, 10h, 30d, 1d12h of delivery, or `forever`
    amount: String,

    /// Which of my listings, if there are several: its name, feed or seller key
    #[arg(long)]
    listing: Option<String>,

    /// How many
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..=VOUCHERS_MAX))]
    count: i64,

    /// For how long each can be redeemed, from now on: 12h, 90d [default: for ever]
    #[arg(long, value_name = "SPAN")]
    expires: Option<String>,
}

/// List vouchers, and who redeemed them
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Only those of this listing: its name, feed or seller key
    #[arg(long)]
    listing: Option<String>,
}

/// Take back a voucher that nobody has redeemed
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dazaar credit revoke 5d41402abc4b2a76")]
pub(crate) struct RevokeArguments {
    /// Its id, as `dazaar credit list` shows it, or the first digits of that, at least four
    id: String,
}

pub(crate) fn run(context: &Context, command: &Command) -> Result<(), Failure> {
    match command {
        Command::New(arguments) => new(context, arguments),
        Command::List(arguments) => list(context, arguments),
        Command::Revoke(arguments) => revoke(context, arguments),
    }
}

fn new(context: &Context, arguments: &NewArguments) -> Result<(), Failure> {
    let market = context.market()?;
    let listing = find_listing(&market, arguments.listing.as_deref())?;
    if listing.admission != Admission::Granted {
        return Err(Failure::input(format!(
            "`{}` takes no vouchers: credit does not admit its buyers",
            listing.name
        ))
        .hint("sell it without --free, --admit-all or --validate-..."));
    }
    let amount_ms = amount_ms(&arguments.amount)?;
    let now_ms = now_ms();
    let expires_ms =
        arguments.expires.as_deref().map(span_ms).transpose()?.map(|span_ms| now_ms.saturating_add(span_ms));
    let codes: Vec<_> =
        (0..arguments.count).map(|_| VoucherCode::new(dazaar::random_number_128().to_be_bytes())).collect();
    let voucher = |code: &VoucherCode| Voucher {
        hash: code.hash(),
        feed: listing.feed,
        amount_ms,
        made_ms: now_ms,
        expires_ms,
        revoked_ms: None,
        buyer: None,
        used_ms: None,
    };
    // A code that is shown is good, whatever happens next.
    market.database().put_vouchers(&codes.iter().map(voucher).collect::<Vec<_>>())?;
    for code in &codes {
        context.output.event(&Event::VoucherMade {
            code: code.reveal(),
            id: id(&voucher(code)),
            name: listing.name.clone(),
            amount_ms,
            expires: expires_ms.map(utc),
        })?;
    }
    Ok(())
}

fn list(context: &Context, arguments: &ListArguments) -> Result<(), Failure> {
    let market = context.market()?;
    let listings = match &arguments.listing {
        Some(wanted) => vec![find_listing(&market, Some(wanted))?],
        None => market.database().listings()?,
    };
    for listing in listings {
        for voucher in market.database().vouchers(&listing.feed)? {
            context.output.event(&describe(&listing, &voucher))?;
        }
    }
    Ok(())
}

fn revoke(context: &Context, arguments: &RevokeArguments) -> Result<(), Failure> {
    let market = context.market()?;
    let wanted = arguments.id.to_ascii_lowercase();
    // Nothing at all begins every id, and what is revoked stays revoked.
    if wanted.len() < ID_DIGITS_MIN {
        return Err(Failure::input(format!("an id has at least {ID_DIGITS_MIN} digits"))
            .hint("see them: dazaar credit list"));
    }
    let mut found = Vec::new();
    for listing in market.database().listings()? {
        let vouchers = market.database().vouchers(&listing.feed)?;
        let meant = vouchers.into_iter().filter(|voucher| voucher.hash.to_string().starts_with(&wanted));
        found.extend(meant.map(|voucher| (listing.clone(), voucher)));
    }
    let [(listing, voucher)] = found.as_slice() else {
        let problem = if found.is_empty() { "no voucher has" } else { "several vouchers have" };
        return Err(Failure::input(format!("{problem} this id")).hint("see them: dazaar credit list"));
    };
    let gone = || Failure::input("no voucher has this id");
    let voucher = market.database().revoke_voucher(&voucher.hash, now_ms())?.ok_or_else(gone)?;
    if voucher.used_ms.is_some() {
        return Err(Failure::input("this voucher was redeemed already")
            .hint("take the buyer's credit back: dazaar revoke <buyer>"));
    }
    Ok(context.output.event(&describe(listing, &voucher))?)
}

fn describe(listing: &Listing, voucher: &Voucher) -> Event {
    let state = match voucher {
        Voucher { used_ms: Some(_), .. } => "used",
        Voucher { revoked_ms: Some(_), .. } => "revoked",
        Voucher { expires_ms: Some(expires_ms), .. } if *expires_ms <= now_ms() => "expired",
        _ => "good",
    };
    Event::Voucher {
        id: id(voucher),
        name: listing.name.clone(),
        state,
        amount_ms: voucher.amount_ms,
        made: utc(voucher.made_ms),
        expires: voucher.expires_ms.map(utc),
        buyer: voucher.buyer.map(|buyer| buyer.to_string()),
        used: voucher.used_ms.map(utc),
    }
}

fn id(voucher: &Voucher) -> String {
    voucher.hash.to_string().chars().take(ID_DIGITS).collect()
}

/// A time as grants and vouchers give it; none is `forever`.
pub(super) fn amount_ms(text: &str) -> Result<Option<i64>, Failure> {
    if text == "forever" { Ok(None) } else { span_ms(text).map(Some) }
}

fn span_ms(text: &str) -> Result<i64, Failure> {
    let ms = dazaar::cards::parse_span_ms(text).map_err(Failure::input)?;
    i64::try_from(ms).map_err(|_| Failure::input("longer than can be counted; say `forever`"))
}
