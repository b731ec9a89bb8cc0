//! What can be typed.

use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand};

use crate::commands;

/// Environment variable with a filter for the log, as in `dazaar=debug`.
pub(crate) const LOG_VARIABLE: &str = "DAZAAR_LOG";

/// Heading of the options that every command has.
const EVERYWHERE: &str = "Options of every command";

/// Sell and buy time-series data over a peer-to-peer network, with nobody in between.
#[derive(Debug, Parser)]
#[command(name = "dazaar", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "Try it in half a minute, with a seller and a buyer on this machine:\n  dazaar demo")]
pub(crate) struct Args {
    /// Folder with keys, records and feeds [default: the platform's data folder]
    #[arg(long, global = true, env = "DAZAAR_DIR", value_name = "FOLDER", help_heading = EVERYWHERE)]
    pub(crate) dir: Option<PathBuf>,

    /// Print one JSON object a line
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) json: bool,

    /// Say more about what goes on; twice for yet more
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = EVERYWHERE)]
    pub(crate) verbose: u8,

    /// File with the passphrase of the master key, if there is one [otherwise: DAZAAR_PASSPHRASE, or a prompt]
    #[arg(long, global = true, value_name = "FILE", help_heading = EVERYWHERE)]
    pub(crate) passphrase_file: Option<PathBuf>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(commands::init::Arguments),
    #[command(subcommand)]
    Key(commands::key::Command),
    Sell(commands::sell::Arguments),
    /// Give data to everybody, who may pass it on, until Ctrl-C: `dazaar sell --free`
    Share(commands::sell::Arguments),
    Serve(commands::serve::Arguments),
    #[command(subcommand)]
    Card(commands::card::Command),
    Buy(commands::buy::Arguments),
    Get(commands::get::Arguments),
    Tail(commands::tail::Arguments),
    Show(commands::show::Arguments),
    Quote(commands::quote::Arguments),
    Preview(commands::preview::Arguments),
    Sql(commands::sql::Arguments),
    Status(commands::status::Arguments),
    Grant(commands::grant::Arguments),
    Revoke(commands::revoke::Arguments),
    #[command(subcommand)]
    Credit(commands::credit::Command),
    Refund(commands::refund::Arguments),
    #[command(subcommand)]
    Wallet(commands::wallet::Command),
    Sales(commands::sales::Arguments),
    Ledger(commands::ledger::Arguments),
    Report(commands::ledger::ReportArguments),
    #[command(subcommand)]
    Receipt(commands::receipt::Command),
    Node(commands::node::Arguments),
    Relay(commands::relay::Arguments),
    Doctor(commands::doctor::Arguments),
    #[command(subcommand)]
    Drive(commands::drive::Command),
    #[command(subcommand)]
    Map(commands::map::Command),
    Import(commands::import::Arguments),
    Demo(commands::demo::Arguments),
    Bench(commands::bench::Arguments),
}
