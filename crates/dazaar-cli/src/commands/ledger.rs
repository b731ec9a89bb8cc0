//! `dazaar ledger` and `dazaar report`: what was paid, delivered and given back, for an accountant.

use std::collections::BTreeMap;
use std::io::Write as _;

use clap::Args;
use dazaar::Market;
use dazaar::cards::{Asset, Money};
use dazaar::database::LedgerLine;
use dazaar::log::FeedKey;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Context;
use crate::event::Event;
use crate::failure::{Failure, Kind};
use crate::times::utc;

/// Print every payment, refund and delivery to my buyers
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dazaar ledger --month 2026-11 --csv > november.csv
  dazaar ledger --json")]
pub(crate) struct Arguments {
    /// Only this month, UTC
    #[arg(long, value_name = "YYYY-MM")]
    month: Option<String>,

    /// Print CSV, with a header
    #[arg(long)]
    csv: bool,
}

/// Print what each of my listings was paid, delivered and owes
#[derive(Debug, Args)]
pub(crate) struct ReportArguments {}

const COLUMNS: &str = "time,listing,buyer,kind,method,reference,asset,units,change";

pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    if arguments.csv && context.output.is_json() {
        return Err(Failure::new(Kind::Usage, "--csv and --json are two forms of one answer"));
    }
    let (from_ms, to_ms) = match &arguments.month {
        Some(month) => month_ms(month)?,
        None => (i64::MIN, i64::MAX),
    };
    let market = context.market()?;
    let names = names(&market)?;
    let events = market.database().ledger(from_ms, to_ms)?.into_iter().map(|line| event(&names, &line));
    if arguments.csv {
        let mut text = format!("{COLUMNS}\n").into_bytes();
        for event in events {
            write_row(&mut text, &event)?;
        }
        return Ok(context.output.data(&text)?);
    }
    for event in events {
        context.output.event(&event)?;
    }
    Ok(())
}

pub(crate) fn report(context: &Context, _: &ReportArguments) -> Result<(), Failure> {
    let market = context.market()?;
    let names = names(&market)?;
    for total in market.database().ledger_totals()? {
        context.output.event(&Event::Report {
            name: names.get(&total.feed).cloned().unwrap_or_default(),
            asset: total.asset,
            buyers: total.buyers,
            paid: total.paid,
            delivered: total.delivered,
            refunded: total.refunded,
            revoked: total.revoked,
            short: total.short,
            left: total.left,
        })?;
    }
    Ok(())
}

fn names(market: &Market) -> Result<BTreeMap<FeedKey, String>, Failure> {
    let listings = market.database().listings()?;
    Ok(listings.into_iter().map(|listing| (listing.feed, listing.name)).collect())
}

fn event(names: &BTreeMap<FeedKey, String>, line: &LedgerLine) -> Event {
    Event::Ledger {
        time: utc(line.time_ms),
        name: line.feed.and_then(|feed| names.get(&feed).cloned()),
        buyer: line.buyer.map(|buyer| buyer.to_string()),
        kind: line.kind.clone(),
        method: line.method.clone(),
        reference: hex::encode(&line.reference),
        asset: line.asset.clone(),
        units: line.units,
        change: line.change(),
    }
}

/// A line of CSV. Only the listing's name may need quotes.
fn write_row(text: &mut Vec<u8>, event: &Event) -> Result<(), Failure> {
    let Event::Ledger { time, name, buyer, kind, method, reference, asset, units, change } = event else {
        return Ok(());
    };
    let name = name.as_deref().unwrap_or_default();
    let name = if name.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", name.replace('"', "\"\""))
    } else {
        name.to_owned()
    };
    let buyer = buyer.as_deref().unwrap_or_default();
    let asset = asset.as_deref().unwrap_or_default();
    writeln!(text, "{time},{name},{buyer},{kind},{method},{reference},{asset},{units},{change}")?;
    Ok(())
}

/// From the first millisecond of a month up to but not that of the next.
fn month_ms(text: &str) -> Result<(i64, i64), Failure> {
    let wrong = || Failure::input(format!("`{text}` is no month like 2026-11"));
    let (year, month) = text.split_once('-').ok_or_else(wrong)?;
    let (year, month) = (year.parse().map_err(|_| wrong())?, month.parse().map_err(|_| wrong())?);
    let first = Date::new(year, month, 1).map_err(|_| wrong())?;
    let next = first.checked_add(jiff::Span::new().months(1)).map_err(|_| wrong())?;
    let ms = |date: Date| {
        let start = TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).map_err(|_| wrong())?;
        Ok::<_, Failure>(start.as_millisecond())
    };
    Ok((ms(first)?, ms(next)?))
}

/// An amount as people read it.
pub(crate) fn amount(asset: Option<&str>, units: impl Into<i128>) -> String {
    let units = units.into();
    let sign = if units < 0 { "-" } else { "" };
    match (asset.map(str::parse::<Asset>), u64::try_from(units.unsigned_abs())) {
        (Some(Ok(asset)), Ok(units)) => format!("{sign}{}", Money { asset, units }),
        _ => units.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_ends_where_the_next_begins() {
        assert_eq!(month_ms("1970-01").unwrap(), (0, 31 * 86_400_000));
        assert_eq!(month_ms("2026-12").unwrap().1, month_ms("2027-01").unwrap().0);
        for text in ["", "2026", "2026-13", "2026-00", "x-1", "2026-1-1", "99999-01"] {
            assert!(month_ms(text).is_err(), "{text}");
        }
    }

    #[test]
    fn amounts_have_their_sign_and_their_asset() {
        assert_eq!(amount(Some("btc"), -1500), "-1.5 sat");
        assert_eq!(amount(Some("time"), 1000), "1 s");
        assert_eq!(amount(None, 7), "7");
    }
}
