//! `dazaar receipt`: the sellers' signed words that what I paid counts.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use dazaar::cards::SignedReceipt;
use dazaar::log::IdentityKey;
use serde_json::Value;

use super::Context;
use super::sell::read_text;
use crate::event::Event;
use crate::failure::Failure;

/// Show and verify the receipts that sellers signed
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the receipts for what I paid
    List,
    /// Print a receipt, to keep or to show to somebody
    #[command(after_help = "Example:\n  dazaar receipt show 69508216c551186b > receipt.json")]
    Show {
        /// Its reference, as `dazaar receipt list` shows it, or the first digits of that
        reference: String,
    },
    /// Check that a receipt is its seller's word; needs no network and no market
    #[command(after_help = "Example:\n  dazaar receipt verify receipt.json --buyer 9d2f...")]
    Verify {
        /// The receipt
        file: PathBuf,

        /// The seller who must have signed it
        #[arg(long, value_name = "KEY")]
        seller: Option<IdentityKey>,

        /// The buyer for whom it must be
        #[arg(long, value_name = "KEY")]
        buyer: Option<IdentityKey>,
    },
}

pub(crate) fn run(context: &Context, command: &Command) -> Result<(), Failure> {
    match command {
        Command::List => list(context),
        Command::Show { reference } => show(context, reference),
        Command::Verify { file, seller, buyer } => verify(context, file, *seller, *buyer),
    }
}

fn list(context: &Context) -> Result<(), Failure> {
    for receipt in context.market()?.database().receipts()? {
        report(context, receipt)?;
    }
    Ok(())
}

fn show(context: &Context, wanted: &str) -> Result<(), Failure> {
    let wanted = wanted.to_ascii_lowercase();
    let receipts = context.market()?.database().receipts()?;
    let is_meant =
        |receipt: &&Value| receipt["reference"].as_str().is_some_and(|text| text.starts_with(&wanted));
    let found: Vec<&Value> = receipts.iter().filter(is_meant).collect();
    let [receipt] = found.as_slice() else {
        let problem = if found.is_empty() { "no receipt has" } else { "several receipts have" };
        return Err(Failure::input(format!("{problem} this reference")).hint("see them: dazaar receipt list"));
    };
    if context.output.is_json() {
        return report(context, (*receipt).clone());
    }
    // The receipt itself and nothing else: it goes into a file.
    let text = serde_json::to_string_pretty(receipt).map_err(Failure::input)?;
    Ok(context.output.data(format!("{text}\n").as_bytes())?)
}

fn verify(
    context: &Context,
    file: &Path,
    seller: Option<IdentityKey>,
    buyer: Option<IdentityKey>,
) -> Result<(), Failure> {
    let wrong = |error: String| Failure::input(format!("{}: {error}", file.display()));
    let receipt = serde_json::from_str(&read_text(file)?).map_err(|error| wrong(error.to_string()))?;
    let signed = SignedReceipt::verify(&receipt).map_err(|error| wrong(error.to_string()))?;
    for (who, wanted, found) in [("seller", seller, signed.seller), ("buyer", buyer, signed.buyer)] {
        if wanted.is_some_and(|wanted| wanted != found) {
            return Err(wrong(format!("its {who} is {found}")));
        }
    }
    report(context, receipt)
}

fn report(context: &Context, receipt: Value) -> Result<(), Failure> {
    Ok(context.output.event(&Event::Receipt { receipt })?)
}
