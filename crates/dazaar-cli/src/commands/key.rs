//! `dazaar key`: the master key, shown, backed up and restored.

use clap::Subcommand;
use dazaar::Market;
use dazaar::keystore;

use super::Context;
use crate::event::Event;
use crate::failure::Failure;
use crate::secrets;

/// Show, back up and restore the master key
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print my public buyer key
    Show,
    /// Print the master key as 24 words: whoever has them has everything
    Backup,
    /// Make a market from 24 words, typed at a prompt or piped in
    #[command(after_help = "Example:\n  dazaar --dir restored key restore < words.txt")]
    Restore {
        /// Ask for a passphrase to encrypt the master key with
        #[arg(long)]
        passphrase: bool,
    },
}

pub(crate) fn run(context: &Context, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Show => show(context, context.market()?.as_ref()),
        Command::Backup => {
            let words = keystore::words(context.market()?.master());
            context.output.event(&Event::Backup { words: words.to_string() })?;
            context.output.remark("Write these words down and keep them where nobody else looks.");
            Ok(())
        }
        Command::Restore { passphrase } => {
            let master = keystore::key_from_backup(&secrets::typed("24 words: ")?)?;
            let passphrase = secrets::new_passphrase(context.passphrase_file.as_deref(), *passphrase)?;
            show(context, &Market::create(&context.dir, Some(master), passphrase)?)
        }
    }
}

fn show(context: &Context, market: &Market) -> Result<(), Failure> {
    let encrypted = Market::keystore(&context.dir).is_encrypted()?;
    Ok(context.output.event(&Event::Key { buyer: market.buyer().public().to_string(), encrypted })?)
}
