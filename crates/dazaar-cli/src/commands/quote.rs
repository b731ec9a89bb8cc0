//! `dazaar quote`: how many rows a range of time has, asked of the seller before anything is paid.
//!
//! The question and the answer are messages of our own on the session: JSON with times as text, since JavaScript's numbers have no
//! room for nanoseconds.

use std::pin::pin;
use std::time::Duration;

use clap::Args;
use dazaar::cards::BuyerEvent;
use dazaar::wire::replication::Download;
use dazaar::{BuyerNotice, Seller, SellerNotice, SharedLog};
use dazaar_table::read;
use dazaar_table::times::{Rfc3339, parse_time};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::timeout;

use super::purchase::{Purchase, SellerArguments};
use super::table::moment;
use super::{Context, follow};
use crate::event::Event;
use crate::failure::{Failure, Kind};
use crate::signals::Interruption;
use crate::watch::next;

/// The name of the messages.
pub(crate) const MESSAGE: &str = "dazaar-quote";

/// How long the seller may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Ask a seller how many rows and bytes a range of time has, before paying
#[derive(Debug, Args)]
#[command(after_help = "Example:
  dazaar quote 'dazaar:4f1c...?at=203.0.113.7:49737' --from 2026-03-01 --to 2026-04-01")]
pub(crate) struct Arguments {
    /// A card (JSON file), a link (dazaar:...), the seller's key, or the name of a purchase
    seller: String,

    /// From this time on: 2026-03-01, 2026-03-01T09:30:00Z, "2h ago"
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<i64>,

    /// Before this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<i64>,

    #[command(flatten)]
    purchase: SellerArguments,
}

/// How long a seller rests after an answer.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, Serialize, Deserialize)]
struct Question {
    from: Option<String>,
    to: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Answer {
    Quote { rows: u64, bytes: u64 },
    Refusal { error: String },
}

pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let market = context.market_or_new()?;
    let purchase = Purchase::new(&market, &arguments.seller, &arguments.purchase, Download::Sparse)?;
    let text = |time: Option<i64>| time.map(|time| Rfc3339(time).to_string());
    let question = Question { from: text(arguments.from), to: text(arguments.to) };
    let buyer = purchase.buyer();
    let mut notices = buyer.notices();
    buyer.send(MESSAGE, &serde_json::to_value(&question).map_err(Failure::input)?);
    let asked = async {
        let mut connection = pin!(buyer.run());
        loop {
            tokio::select! {
                Some(notice) = next(&mut notices) => {
                    if let BuyerNotice::Session(BuyerEvent::UserMessage { name, message }) = notice
                        && name == MESSAGE
                    {
                        return Ok(message);
                    }
                }
                end = &mut connection => return Err(follow::ended(&end)),
            }
        }
    };
    let silent = || {
        Failure::new(Kind::Unreachable, "the seller gives no quote")
            .hint("is it running, and does it sell a table with this program?")
    };
    let Some(answer) =
        Interruption::listen()?.or(async { timeout(PATIENCE, asked).await.map_err(|_| silent())? }).await?
    else {
        return Err(Failure::new(Kind::Interrupted, "interrupted"));
    };
    match serde_json::from_value(answer) {
        Ok(Answer::Quote { rows, bytes }) => {
            let seller = buyer.seller().to_string();
            Ok(context.output.event(&Event::Quote {
                seller,
                from: question.from,
                to: question.to,
                rows,
                bytes,
            })?)
        }
        Ok(Answer::Refusal { error }) => {
            Err(Failure::new(Kind::Refused, dazaar::cards::extension::display_text(&error)))
        }
        Err(_) => Err(Failure::new(Kind::General, "the seller's quote makes no sense")),
    }
}

/// Answers the buyers of a seller, one after the other, for as long as it exists.
pub(crate) async fn answer_all(seller: Seller) -> Result<(), Failure> {
    let mut notices = seller.notices();
    while let Some(notice) = next(&mut notices).await {
        let SellerNotice::Session { buyer, event: dazaar::cards::SellerEvent::UserMessage { name, message } } =
            notice
        else {
            continue;
        };
        if name != MESSAGE {
            continue;
        }
        let log = std::sync::Arc::clone(seller.log());
        // Reading is work that other tasks must not wait for.
        let answering = tokio::task::spawn_blocking(move || answer(message, &log));
        let answer = answering.await.map_err(|error| Failure::new(Kind::General, error))?;
        seller.send(&buyer, MESSAGE, &serde_json::to_value(answer).map_err(Failure::input)?);
        // Anybody may ask, as often as they like.
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

fn answer(message: Value, log: &SharedLog) -> Answer {
    let time = |text: Option<String>| text.map(|text| parse_time(&text)).transpose();
    let quote = || -> Result<read::Quote, String> {
        let question: Question = serde_json::from_value(message).map_err(|error| error.to_string())?;
        let from = time(question.from).map_err(|error| error.to_string())?;
        let to = time(question.to).map_err(|error| error.to_string())?;
        // Locked for each block alone: buyers are served meanwhile.
        let length = log.lock().length();
        read::quote(length, from, to, |block| log.lock().block(block)).map_err(|error| error.to_string())
    };
    match quote() {
        Ok(read::Quote { rows, bytes }) => Answer::Quote { rows, bytes },
        Err(error) => Answer::Refusal { error },
    }
}
