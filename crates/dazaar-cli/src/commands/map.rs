//! `dazaar map`: keys and values in a feed, in a folder that npm hypertrie 5 opens too.

mod read;
pub(crate) mod value;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use dazaar::Market;
use dazaar::folder::Folder;
use dazaar_data::{Map, Tables, find_folder};

use super::Context;
use super::purchase::SellerArguments;
use crate::failure::Failure;

/// Keys and values in a hypertrie: look up any key of a map, however large, without the rest of it
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Put(write::PutArguments),
    Import(write::ImportArguments),
    Rm(write::RemoveArguments),
    Get(read::GetArguments),
    Ls(read::ListArguments),
    Diff(read::DiffArguments),
}

/// Which map is read.
#[derive(Debug, Args)]
struct Source {
    /// Name of a map that I sell or bought, key of a feed or seller, folder; a link or card asks the seller
    map: String,

    #[command(flatten)]
    seller: SellerArguments,
}

pub(crate) async fn run(context: &Context, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Put(arguments) => write::put(context, arguments),
        Command::Import(arguments) => write::import(context, arguments),
        Command::Rm(arguments) => write::remove(context, arguments),
        Command::Get(arguments) => read::get(context, arguments).await,
        Command::Ls(arguments) => read::list(context, arguments).await,
        Command::Diff(arguments) => read::diff(context, arguments).await,
    }
}

impl Source {
    /// The map, of whose blocks those that are missing come from its seller.
    async fn open(&self, context: &Context) -> Result<Map, Failure> {
        let folder = Path::new(&self.map);
        // What is in a folder needs no market, unless it was bought.
        if Folder::is_feed(folder) && !Market::keystore(&context.dir).exists() {
            return Ok(Map::in_folder(folder).await?);
        }
        let market = context.market_or_new()?;
        let settings = self.seller.settings(&market, BTreeMap::new())?;
        Ok(Tables::new(market, settings).open_map(&self.map).await?)
    }
}

/// The folder of a map of mine: one that is there, that of a listing, or one that is to be made.
fn folder(context: &Context, wanted: &Path) -> Result<PathBuf, Failure> {
    if !Folder::is_feed(wanted)
        && let Some(name) = wanted.to_str()
        && Market::keystore(&context.dir).exists()
        && let Some(folder) = find_folder(&*context.market()?, name)?
    {
        return Ok(folder);
    }
    Ok(wanted.to_owned())
}
