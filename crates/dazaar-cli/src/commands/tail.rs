//! `dazaar tail`: the last rows of a table, and then each new one as it comes.

use std::path::PathBuf;

use clap::Args;

use super::purchase::{PaymentArguments, SellerArguments};
use super::table::Question;
use super::{Context, get};
use crate::failure::Failure;

/// Rows that are shown first if nothing else is said.
const ROWS: u64 = 10;

/// Print the last rows of a table, and each new one as it comes, until Ctrl-C
#[derive(Debug, Args)]
#[command(after_help = "Example:
  dazaar tail btcusd --symbol BTCUSD --columns time,price")]
pub(crate) struct Arguments {
    /// A card (JSON file), a link (dazaar:...), the seller's key, or the name of a purchase
    feed: String,

    #[command(flatten)]
    question: Question,

    /// File to write to
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    purchase: SellerArguments,

    #[command(flatten)]
    payment: PaymentArguments,
}

pub(crate) async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    let Arguments { feed, mut question, output, purchase, payment } = arguments;
    question.last.get_or_insert(ROWS);
    let arguments = get::Arguments {
        feed,
        blocks: None,
        question,
        follow: true,
        cursor: None,
        output,
        purchase,
        payment,
    };
    get::run(context, &arguments).await
}
