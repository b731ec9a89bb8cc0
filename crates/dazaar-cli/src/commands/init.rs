//! `dazaar init`: makes a market folder with a new master key.

use clap::Args;
use dazaar::Market;

use super::Context;
use crate::event::Event;
use crate::failure::Failure;
use crate::secrets;

/// Create a market: a folder with a new master key
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dazaar init --passphrase")]
pub(crate) struct Arguments {
    /// Ask for a passphrase to encrypt the master key with
    #[arg(long)]
    passphrase: bool,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let passphrase = secrets::new_passphrase(context.passphrase_file.as_deref(), arguments.passphrase)?;
    let market = Market::create(&context.dir, None, passphrase)?;
    context.output.event(&Event::Initialised {
        dir: context.dir.display().to_string(),
        buyer: market.buyer().public().to_string(),
    })?;
    Ok(())
}
