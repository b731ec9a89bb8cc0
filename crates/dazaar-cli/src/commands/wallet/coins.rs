//! Filling and emptying a wallet of ecash.

use clap::{Args, Subcommand};
use dazaar::cards::Money;

use super::super::Context;
use super::super::money::money;
use crate::failure::Failure;

#[cfg(feature = "cashu")]
mod work;

/// What only wallets of ecash can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Coins {
    Fill(FillArguments),
    Receive(ReceiveArguments),
    CashOut(CashOutArguments),
    Restore(RestoreArguments),
}

/// Fill a wallet of ecash: its mint makes a Lightning invoice, and gives coins once that is paid
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dazaar wallet fill coins '2000 sats'")]
pub(crate) struct FillArguments {
    /// Which wallet
    name: String,

    /// How much, such as '2000 sats'
    #[arg(value_parser = money)]
    amount: Money,
}

/// Put a token of ecash, such as a refund, into a wallet; it is asked for, or read from a pipe
#[derive(Debug, Args)]
pub(crate) struct ReceiveArguments {
    /// Which wallet
    name: String,
}

/// Pay a Lightning invoice with a wallet of ecash
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dazaar wallet cash-out coins lnbc20u1... --max-fee 20")]
pub(crate) struct CashOutArguments {
    /// Which wallet
    name: String,

    /// The invoice
    invoice: String,

    /// What it may cost on top, in satoshis
    #[arg(long, default_value_t = 10)]
    max_fee: u64,
}

/// Find the coins of a wallet of ecash again, at its mints, after its file was lost
#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    /// Which wallet
    name: String,
}

#[cfg(feature = "cashu")]
pub(super) async fn run(context: &Context, command: &Coins) -> Result<(), Failure> {
    work::run(context, command).await
}

#[cfg(not(feature = "cashu"))]
pub(super) async fn run(_: &Context, _: &Coins) -> Result<(), Failure> {
    Err(super::add::not_built("ecash", "cashu"))
}
