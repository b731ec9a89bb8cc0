//! `dazaar wallet node`: the coins and channels of a Lightning node in this program.

use clap::{Args, Subcommand};
use dazaar::cards::Money;

use super::super::Context;
use super::super::money::money;
use crate::failure::Failure;

#[cfg(feature = "ldk")]
mod work;

/// How a Lightning node of one's own is doing; its coins and channels
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dazaar wallet node mine
  dazaar wallet node mine address
  dazaar wallet node mine open 02abcd...@node.example.org:9735 '500000 sats'")]
pub(crate) struct NodeArguments {
    /// Which wallet
    name: String,

    #[command(subcommand)]
    what: Option<What>,
}

/// What to do with it.
#[derive(Debug, Subcommand)]
enum What {
    /// Make a new address for bitcoins: channels are made of them
    Address,
    Open(OpenArguments),
    Close(CloseArguments),
    Send(SendArguments),
    Invoice(InvoiceArguments),
    Pay(PayArguments),
}

/// Open a channel to another node; what is in it can be paid out
#[derive(Debug, Args)]
struct OpenArguments {
    /// The other node: its key, `@`, host and port
    peer: String,

    /// How much to put into it, such as '500000 sats'
    #[arg(value_parser = money)]
    amount: Money,
}

/// Close a channel; what is ours in it comes back to the chain
#[derive(Debug, Args)]
struct CloseArguments {
    /// The channel's name
    channel: String,

    /// Without the other node, which is gone: that takes days, and costs more
    #[arg(long)]
    force: bool,
}

/// Send bitcoins on the chain
#[derive(Debug, Args)]
struct SendArguments {
    /// Where to
    address: String,

    /// How much, such as '50000 sats' [default: all that need not be kept back for channels]
    #[arg(value_parser = money)]
    amount: Option<Money>,
}

/// Make an invoice, and wait until it is paid
#[derive(Debug, Args)]
struct InvoiceArguments {
    /// How much, such as '5000 sats'
    #[arg(value_parser = money)]
    amount: Money,
}

/// Pay an invoice
#[derive(Debug, Args)]
struct PayArguments {
    /// The invoice
    invoice: String,

    /// What the way there may cost on top [default: one percent, or five satoshis]
    #[arg(long, value_name = "MONEY", value_parser = money)]
    max_fee: Option<Money>,
}

#[cfg(feature = "ldk")]
pub(super) async fn run(context: &Context, arguments: &NodeArguments) -> Result<(), Failure> {
    work::run(context, arguments).await
}

#[cfg(not(feature = "ldk"))]
pub(super) async fn run(_: &Context, _: &NodeArguments) -> Result<(), Failure> {
    Err(super::add::not_built("Lightning node", "ldk"))
}
