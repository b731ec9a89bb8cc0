//! Events as a person reads them.

use dazaar::cards::Asset;
use dazaar::cards::extension::{display_text, printable};
use dazaar::cards::price::Shown;
use serde_json::Value;

#[cfg(feature = "ldk")]
use super::lightning;
use super::words::{amount, describe, described_receipt, due, duration, indented, qr_code, security, short};
use super::{Event, drives, maps};
use crate::commands::ledger::amount as money;
use crate::failure::FORK_HINT;

impl Event {
    /// The line for a person; none if it says nothing to one.
    pub(crate) fn line(&self) -> Option<String> {
        Some(match self {
            Self::Initialised { dir, buyer } => {
                format!(
                    "Market created in {dir}\nYour buyer key: {buyer}\nBack up the master key now: dazaar key backup"
                )
            }
            Self::Key { buyer, encrypted } => {
                format!(
                    "Buyer key: {buyer}\nMaster key: {}",
                    if *encrypted { "encrypted with a passphrase" } else { "stored without a passphrase" }
                )
            }
            Self::Backup { words } => words.clone(),
            Self::Imported { rows, skipped, length, bytes, .. } => {
                let skipped = if *skipped == 0 { String::new() } else { format!(", {skipped} skipped") };
                format!(
                    "Imported {rows} rows{skipped}; the feed has {length} blocks, {}",
                    indicatif::HumanBytes(*bytes)
                )
            }
            Self::MarketImported { listings, buyers, purchases, settings, .. } => format!(
                "Imported {} listings with {buyers} buyers, {purchases} purchases and {settings} settings",
                listings.len()
            ),
            Self::Skipped { line, error } => format!("Skipped line {line}: {error}"),
            Self::Listening { name, seller, address, link, .. } => {
                format!("Selling `{name}` on {address}\n  seller {seller}\n  link   {link}")
            }
            Self::Announced { seller, nodes: 0 } => {
                format!("No node of the DHT has heard of {} yet", short(seller))
            }
            Self::Announced { seller, nodes } => {
                format!("{nodes} nodes of the DHT have heard of {}", short(seller))
            }
            Self::Node { address } => format!("A node of the DHT runs on {address}"),
            Self::NodeStatus { nodes, records, public } => {
                let public =
                    public.as_ref().map(|address| format!(", seen as {address}")).unwrap_or_default();
                format!("{nodes} nodes known, {records} announcements kept{public}")
            }
            #[cfg(feature = "iroh")]
            Self::Relay { address } => format!("A relay of iroh runs on {address}"),
            Self::BuyerConnected { buyer, authenticated } => {
                format!("Buyer {} connected ({})", short(buyer), security(*authenticated))
            }
            Self::BuyerDisconnected { buyer, reason } => {
                format!("Buyer {} left: {reason}", buyer.as_deref().map_or("(unknown)", short))
            }
            Self::BuyerValid { buyer, info } => format!("Buyer {} admitted{}", short(buyer), describe(info)),
            Self::BuyerInvalid { buyer, error, remedy } => {
                let remedy =
                    remedy.as_ref().map(|remedy| format!("\n  admit with: {remedy}")).unwrap_or_default();
                format!("Buyer {} refused: {error}{remedy}", short(buyer))
            }
            Self::BuyerPaid { buyer, method, amount_ms, asset, units, again } => {
                let again = if *again { ", as before" } else { "" };
                let gave = match (asset, units) {
                    _ if method == "credit" => format!("redeemed a voucher for {}", amount(*amount_ms)),
                    (asset, Some(units)) => format!("paid {} by {method}", money(asset.as_deref(), *units)),
                    (_, None) => format!("paid by {method}"),
                };
                format!("Buyer {} {gave}{again}", short(buyer))
            }
            Self::BuyerOrdered { buyer, method, asset, units } => {
                format!("Buyer {} is about to pay {} by {method}", short(buyer), money(Some(asset), *units))
            }
            Self::BuyerPaymentRefused { buyer, error } => {
                format!("Buyer {} cannot pay: {}", short(buyer), display_text(error))
            }
            Self::TermsAccepted { buyer } => format!("Buyer {} signed the terms of use", short(buyer)),
            Self::Forked { feed, buyer, length, their_length, .. } => format!(
                "Feed {} has forked, and nothing is appended to it: {} proved {their_length} blocks that its key signed and \
                 that are not a part of the {length} here\n  hint: {FORK_HINT}",
                short(feed),
                buyer
                    .as_ref()
                    .map_or_else(|| "a buyer".to_owned(), |buyer| format!("buyer {}", short(buyer)))
            ),
            Self::Message { from, name, message } => {
                format!(
                    "Message `{}` from {}: {}",
                    display_text(name),
                    short(from),
                    display_text(&message.to_string())
                )
            }
            Self::Connected { address, authenticated, .. } => {
                format!("Connected to the seller at {address} ({})", security(*authenticated))
            }
            Self::Disconnected { address, error } => format!("No connection to {address}: {error}"),
            Self::Terms { text, hash } => {
                format!(
                    "The seller asks you to accept these terms of use:\n\n{text}\n\nTo accept, add: --accept-terms {hash}"
                )
            }
            // What it is good for is told when it is there.
            Self::Member { .. } => return None,
            Self::Feed { feed } => format!("Feed {feed}"),
            Self::Valid { info } => format!("Admitted{}", describe(info)),
            Self::Invalid { error } => format!("Not admitted: {error}"),
            Self::Due { methods, offers } => due(methods, offers),
            Self::Paid { credit, again, .. } => {
                format!("Paid{}{}", if *again { ", as before" } else { "" }, describe(credit))
            }
            Self::Pay { method, amount, request, expires } => {
                let until = expires.as_ref().map(|expires| format!(", until {expires}")).unwrap_or_default();
                let code = (method == "bolt11").then(|| qr_code(request)).flatten().unwrap_or_default();
                format!("Please pay {amount}{until}:\n{code}{}", indented(request))
            }
            #[cfg(any(feature = "cashu", feature = "ldk"))]
            Self::Received { name, asset, units } => format!("{name}  + {}", money(Some(asset), *units)),
            Self::Sent { method, asset, units, fee } => {
                let fee = match fee {
                    0 => String::new(),
                    fee => format!(", and a fee of {}", money(Some(asset), *fee)),
                };
                format!("Sent {} by {method}{fee}", money(Some(asset), *units))
            }
            Self::Wallet { name, kind, receives, pays, detail } => {
                let ways = [("receives", receives), ("pays", pays)];
                let ways =
                    ways.iter().filter_map(|(does, method)| Some(format!("{does} {}", method.as_ref()?)));
                let ways = ways.collect::<Vec<_>>().join(", ");
                let detail = detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
                format!("{name} ({kind}) {ways}{detail}")
            }
            Self::Balance { name, asset, units } => match units {
                Some(units) => format!("{name}  {}", money(asset.as_deref(), *units)),
                None => format!("{name}  does not say"),
            },
            Self::Budget { asset, for_order, for_seller, for_day } => {
                let most = |units: &Option<u64>| {
                    units.map_or_else(|| "no limit".to_owned(), |units| money(Some(asset), units))
                };
                format!(
                    "{}: {} with one order, {} with one seller, {} in a day",
                    name_of(asset),
                    most(for_order),
                    most(for_seller),
                    most(for_day)
                )
            }
            Self::Left { asset, units, methods } => {
                let ways = match methods.as_slice() {
                    [] => "the seller gives back no such sum without being asked in person".to_owned(),
                    methods => format!("can come back by {}", methods.join(", ")),
                };
                format!("{} left: {}", money(Some(asset), *units), display_text(&ways))
            }
            Self::Refunded { asset, units, proof } => {
                format!("Given back: {}\n  {}", money(Some(asset), *units), printable(proof))
            }
            Self::Spent { seller, method, asset, units, fee, state, time, .. } => {
                let fee = if *fee > 0 { format!(" + {}", money(Some(asset), *fee)) } else { String::new() };
                format!(
                    "{time}  {}{fee} by {method} to {}  {state}",
                    money(Some(asset), *units),
                    short(seller)
                )
            }
            Self::PaymentRefused { error, .. } => format!("Not paid: {error}"),
            Self::Progress { .. } | Self::SellerId { .. } => return None,
            Self::Block { index, bytes, text: None } => format!("(block {index}: {bytes} bytes)"),
            Self::Gone { start, end } if *end == start + 1 => {
                format!("Block {start} is not available: the seller has it no more, or it is not paid")
            }
            Self::Gone { start, end } => {
                format!(
                    "Blocks {start} to {} are not available: the seller has them no more, or they are not paid",
                    end - 1
                )
            }
            Self::Table { rows, from, to, bytes, length, schema, .. } => {
                let covered = match (from, to) {
                    (Some(from), Some(to)) => format!(" from {from} to {to}"),
                    _ => String::new(),
                };
                format!(
                    "{} rows{covered}; {length} blocks, {}{}",
                    indicatif::HumanCount(*rows),
                    indicatif::HumanBytes(*bytes),
                    columns(schema)
                )
            }
            Self::Preview { rows, free } => {
                format!("{} rows; free to look at: {}", indicatif::HumanCount(*rows), free.join("; "))
            }
            Self::Gap { after, before, seconds } => {
                let length = std::time::Duration::from_secs_f64(seconds.max(0.0));
                format!("No rows from {after} to {before}: {}", indicatif::HumanDuration(length))
            }
            #[cfg(feature = "sql")]
            Self::Answered { rows, downloaded } => format!(
                "{} rows; {} downloaded",
                indicatif::HumanCount(*rows),
                indicatif::HumanBytes(*downloaded)
            ),
            Self::Quote { rows, bytes, costs, .. } => {
                let (rows, bytes) = (indicatif::HumanCount(*rows), indicatif::HumanBytes(*bytes));
                let costs = costs.iter().map(|[cost, price]| format!("\n  {cost} at {price}"));
                format!("{rows} rows, {bytes}{}", costs.collect::<String>())
            }
            Self::RowsGone { start, end } => {
                format!(
                    "Rows {start} to {} are not available: the seller cleared them, or they are not paid",
                    end - 1
                )
            }
            Self::CaughtUp { .. } => "Caught up; new rows follow as they come".to_owned(),
            Self::Done { length, have } if have == length => format!("Done: {length} blocks, all verified"),
            Self::Done { length, have } => format!("Done: {have} of {length} blocks are here, all verified"),
            Self::Block { text: Some(text), .. } => text.trim_end_matches(['\n', '\r']).to_owned(),
            Self::Granted { buyer, remaining_ms, .. } => match remaining_ms {
                Some(left) => format!("Buyer {} has {} left", short(buyer), duration(*left)),
                None => format!("Buyer {} is admitted until revoked", short(buyer)),
            },
            Self::VoucherMade { code, .. } => code.clone(),
            Self::Voucher { id, name, state, amount_ms, made, expires, buyer, used } => {
                let expires =
                    expires.as_ref().map(|expires| format!("  expires {expires}")).unwrap_or_default();
                let used = match (buyer, used) {
                    (Some(buyer), Some(used)) => format!("  by {buyer} {used}"),
                    _ => String::new(),
                };
                format!("{id}  {name:<20} {:>12}  {state:<8}  made {made}{expires}{used}", amount(*amount_ms))
            }
            Self::Revoked { buyer, .. } => format!("Buyer {} has nothing left", short(buyer)),
            Self::Listing { name, seller, length, bytes, buyers, .. } => {
                format!(
                    "sell  {name:<20} {length:>10} blocks  {:>10}  {buyers:>4} buyers  seller {seller}",
                    indicatif::HumanBytes(*bytes).to_string()
                )
            }
            Self::Purchase { name, seller, have, length, bytes, .. } => {
                let name = display_text(name.as_deref().unwrap_or("(no name)"));
                format!(
                    "buy   {name:<20} {have:>10} of {length} blocks  {:>10}  seller {seller}",
                    indicatif::HumanBytes(*bytes).to_string()
                )
            }
            Self::Sale { name, buyer, blocks, bytes, since, seen, .. } => {
                format!(
                    "{name:<20} {buyer}  {blocks:>10} blocks  {:>10}  since {since}  seen {seen}",
                    indicatif::HumanBytes((*bytes).try_into().unwrap_or(0)).to_string()
                )
            }
            Self::Ledger { time, name, buyer, kind, method, asset, units, .. } => {
                let (name, buyer) =
                    (name.as_deref().unwrap_or("(unclaimed)"), buyer.as_deref().map_or("", short));
                let amount = money(asset.as_deref(), *units);
                format!("{time}  {name:<20} {buyer:<8}  {kind:<13} {method:<8} {amount:>20}")
                    .trim_end()
                    .to_owned()
            }
            Self::Report { name, asset, buyers, paid, delivered, refunded, revoked, left, .. } => {
                let [paid, delivered, refunded, revoked, left] =
                    [paid, delivered, refunded, revoked, left].map(|units| money(Some(asset), *units));
                format!(
                    "{name}: {buyers} buyers; paid {paid}, delivered {delivered}, refunded {refunded}, revoked {revoked}, left {left}"
                )
            }
            Self::Receipt { receipt } => described_receipt(receipt),
            Self::Finding { file, fault, cure, repairable, repaired } => {
                let verb = match (repaired, repairable) {
                    (true, _) => "repaired",
                    (false, true) => "can be repaired",
                    (false, false) => "cannot be repaired",
                };
                format!("`{file}` {fault}\n  {verb}: {cure}")
            }
            Self::Examined { folder, writable, length, have, findings, repaired, .. } => {
                let state = match findings {
                    0 => "fine".to_owned(),
                    count if *repaired => format!("repaired ({count} found)"),
                    count => format!("damaged ({count} found)"),
                };
                let writable = if *writable { "" } else { ", without a secret key" };
                format!("{folder}: {state}; {have} of {length} blocks{writable}")
            }
            Self::Way { part, fine, detail } => {
                let mark = if *fine { "ok" } else { "no" };
                format!("{mark}  {part}: {}", display_text(detail))
            }
            Self::Card { card, signature, offers } => {
                let text = serde_json::to_string_pretty(card).unwrap_or_default();
                let offers: String = offers.iter().map(|offer| format!("\nPrice: {offer}")).collect();
                format!("{text}{offers}\nSignature: {signature}")
            }
            Self::Bench {
                workload,
                peer,
                blocks,
                seconds,
                per_second,
                bytes_per_second,
                rss_bytes,
                figures,
                ratio,
            } => {
                let blocks = indicatif::HumanCount(*blocks).to_string();
                let rate = indicatif::HumanCount(*per_second as u64).to_string();
                let megabytes = bytes_per_second / 1e6;
                let ratio = ratio.map_or_else(String::new, |ratio| format!("{ratio:.1}x"));
                let memory = rss_bytes.map(|bytes| indicatif::HumanBytes(bytes).to_string());
                let figures = Some(figures.to_string()).filter(|figures| !figures.is_empty());
                let also: Vec<_> = memory.into_iter().chain(figures).collect();
                let also = also.join(", ");
                let line = format!(
                    "{workload:<20} {peer:<12} {blocks:>10} {seconds:>9.4} {rate:>14} {megabytes:>9.1} {ratio:>7}  {also}"
                );
                line.trim_end().to_owned()
            }
            Self::Drive { .. }
            | Self::DriveEntry { .. }
            | Self::DriveFile { .. }
            | Self::DriveProgress { .. }
            | Self::DriveDone { .. }
            | Self::Serving { .. }
            | Self::DriveChange { .. } => return drives::line(self),
            Self::MapEntry { .. }
            | Self::MapChange { .. }
            | Self::MapDone { .. }
            | Self::MapMade { .. }
            | Self::MapWriter { .. }
            | Self::MapListening { .. }
            | Self::MapSynced { .. } => return maps::line(self),
            #[cfg(feature = "fuse")]
            Self::Attached { .. } => return drives::line(self),
            #[cfg(feature = "ldk")]
            Self::LightningNode { .. }
            | Self::LightningChannel { .. }
            | Self::BitcoinAddress { .. }
            | Self::BitcoinSent { .. }
            | Self::ChannelOpened { .. }
            | Self::ChannelClosed { .. } => return lightning::line(self),
            Self::Error { .. } => return None,
            Self::Note { text } => text.clone(),
        })
    }
}

/// The currency of an asset, as amounts of it are shown.
fn name_of(asset: &str) -> String {
    asset.parse().map_or_else(|_| asset.to_owned(), |asset: Asset| Shown::of(&asset).name)
}

/// The columns of a schema, a line each.
fn columns(schema: &Value) -> String {
    let fields = schema["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |value: &Value| display_text(value.as_str().unwrap_or_default());
    let width = fields.iter().map(|field| text(&field["name"]).chars().count()).max().unwrap_or_default();
    let keys = schema["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    let line = |field: &Value| {
        let name = &field["name"];
        let role = match () {
            () if *name == schema["time"] => "the time of a row",
            () if keys.contains(name) => "key",
            () => "",
        };
        let notes = [text(&field["unit"]), role.to_owned(), text(&field["description"])];
        let notes: Vec<_> = notes.into_iter().filter(|note| !note.is_empty()).collect();
        format!("\n  {:<width$}  {:<9}  {}", text(name), text(&field["type"]), notes.join("; "))
            .trim_end()
            .to_owned()
    };
    fields.iter().map(|field| format!("\n{}", line(field).trim_start_matches('\n'))).collect()
}
