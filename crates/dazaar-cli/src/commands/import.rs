//! `dazaar import`: takes over a market of npm dazaar.

use std::path::PathBuf;

use clap::Args;
use dazaar::cards::MasterKey;
use dazaar::{ImportError, Market, read_legacy};

use super::Context;
use crate::event::Event;
use crate::failure::Failure;
use crate::secrets;

/// Take over a market of npm dazaar: its keys, listings, buyers, purchases and settings
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dazaar import ./old/market --feed ./old/data")]
pub(crate) struct Arguments {
    /// Folder of the market: the one with `db` in it. It is only read
    market: PathBuf,

    /// Folder in which feeds that it sells lie, if not in that of the market; may be repeated
    #[arg(long, value_name = "FOLDER")]
    feed: Vec<PathBuf>,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let legacy = read_legacy(&arguments.market)?;
    let market = if Market::keystore(&context.dir).exists() {
        context.market()?
    } else {
        let passphrase = secrets::new_passphrase(context.passphrase_file.as_deref(), false)?;
        let master = MasterKey::new(legacy.master_key.as_bytes());
        Market::create(&context.dir, Some(master), passphrase)?.into()
    };
    let imported = market.import(&legacy, &arguments.market, &arguments.feed)?;
    for feed in &imported.missing {
        context.output.remark(&format!("Feed {feed} is sold too: import again with --feed <its folder>"));
    }
    context.output.event(&Event::MarketImported {
        listings: imported.listings,
        buyers: imported.buyers,
        purchases: imported.purchases,
        settings: imported.settings,
        missing: imported.missing.iter().map(ToString::to_string).collect(),
    })?;
    Ok(())
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        let failure = Self::input(&error);
        match &error {
            ImportError::OtherMasterKey => failure.hint("import into an empty folder: --dir <new folder>"),
            ImportError::Folder { source, .. } if source.kind() == std::io::ErrorKind::WouldBlock => {
                failure.hint("stop the JavaScript program first")
            }
            _ => failure,
        }
    }
}
