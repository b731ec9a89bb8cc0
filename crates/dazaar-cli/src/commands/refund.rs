//! `dazaar refund`: asks a seller for what is left of what I paid.

use std::time::Duration;

use clap::Args;
use dazaar::cards::Method;
use dazaar::cards::pay::refund::{FAILED, RefundAnswer, RefundQuestion};
use dazaar::wire::replication::Download;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::Context;
use super::purchase::{Purchase, SellerArguments, method};
use crate::event::Event;
use crate::failure::{Failure, Kind};
use crate::signals::Interruption;

/// Pause from one question to the next, while the money is on its way.
const PAUSE: Duration = Duration::from_secs(1);

/// Ask a seller what is left of what I paid, or for that money back
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dazaar refund btcusd                        what is left, and how it can come back
  dazaar refund btcusd --by bolt11 --units 250000 --to lnbc2450n1...")]
pub(crate) struct Arguments {
    /// A card (JSON file), a link (dazaar:...), the seller's key, or the name of a purchase
    seller: String,

    /// Give it back in this way: bolt11, cashu, erc20, transfer
    #[arg(long, value_name = "WAY", value_parser = method)]
    by: Option<Method>,

    /// Where to: an invoice, an address, an account, as the way has it
    #[arg(long, value_name = "TEXT", requires = "by", default_value = "")]
    to: String,

    /// How much, in units of the asset [default: all]
    #[arg(long, requires = "by")]
    units: Option<u64>,

    #[command(flatten)]
    purchase: SellerArguments,
}

/// Asks until the money is there, or for as long as the user waits.
async fn ask(purchase: &Purchase<'_>, question: &RefundQuestion) -> Result<RefundAnswer, Failure> {
    let begun = Instant::now();
    loop {
        let answer = purchase.ask(question).await?;
        let is_late = purchase.patience().is_some_and(|patience| begun.elapsed() > patience);
        if answer.pending.is_none() || is_late {
            return Ok(answer);
        }
        sleep(PAUSE).await;
    }
}

pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let market = context.market()?;
    let purchase = Purchase::new(&market, &arguments.seller, &arguments.purchase, Download::Sparse)?;
    let question = RefundQuestion {
        refund: String::new(),
        method: arguments.by.map(|method| method.to_string()),
        units: arguments.units,
        to: arguments.to.clone(),
    };
    // Until the money is there, the same is asked under the same name: it is given once.
    let asked =
        format!("{}/{:?}/{:?}/{}", purchase.buyer().seller(), question.method, question.units, question.to);
    let setting = format!("refund/{asked}");
    let known = market.database().setting(&setting)?;
    let name = known.as_ref().and_then(Value::as_str).map(str::to_owned);
    let name = name.unwrap_or_else(|| format!("{:032x}", dazaar::random_number_128()));
    let question = RefundQuestion { refund: name.clone(), ..question };
    if arguments.by.is_some() {
        market.database().set_setting(&setting, &name.into())?;
    }
    let answer = Interruption::listen()?.or(ask(&purchase, &question)).await;
    if answer.as_ref().is_err_and(|failure| failure.says(FAILED)) {
        // It is asked for anew under another name.
        market.database().set_setting(&setting, &Value::Null)?;
    }
    let Some(answer) = answer? else {
        return Err(Failure::new(
            Kind::Interrupted,
            "interrupted; the same command asks for the same refund",
        ));
    };
    let RefundAnswer { balances, refunded, pending } = answer;
    if let Some(reason) = pending {
        return Err(
            Failure::new(Kind::Refused, reason).hint("the same command later asks for the same refund")
        );
    }
    if let Some(refunded) = refunded {
        context.output.event(&Event::Refunded {
            asset: refunded.asset,
            units: refunded.units,
            proof: refunded.proof,
        })?;
        market.database().set_setting(&setting, &Value::Null)?;
    }
    for balance in balances {
        let (asset, units, methods) = (balance.asset, balance.units, balance.methods);
        context.output.event(&Event::Left { asset, units, methods })?;
    }
    Ok(())
}
