//! `dazaar map`: keys and values in a feed, in a folder that npm hypertrie 5 opens too, or in those of several writers, as npm
//! hyperdb 3 has them.

mod lobby;
mod read;
pub(crate) mod sync;
pub(crate) mod value;
pub(crate) mod wishes;
mod write;
mod writers;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use dazaar::Market;
use dazaar::folder::Folder;
use dazaar::hyperdb::HyperDb;
use dazaar_data::{AnyMap, DbMap, Map, Tables, find_folder};

use super::Context;
use super::purchase::SellerArguments;
use crate::failure::Failure;

/// Keys and values in a hypertrie: look up any key of a map, however large, without the rest of it; or in a hyperdb, which several write
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Put(write::PutArguments),
    Import(write::ImportArguments),
    Rm(write::RemoveArguments),
    Get(read::GetArguments),
    Ls(read::ListArguments),
    Diff(read::DiffArguments),
    Create(writers::CreateArguments),
    Join(writers::JoinArguments),
    Authorize(writers::AuthorizeArguments),
    Revoke(writers::RevokeArguments),
    Writers(writers::ListArguments),
    Sync(sync::Arguments),
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
        Command::Put(arguments) => write::put(context, arguments).await,
        Command::Import(arguments) => write::import(context, arguments).await,
        Command::Rm(arguments) => write::remove(context, arguments).await,
        Command::Get(arguments) => read::get(context, arguments).await,
        Command::Ls(arguments) => read::list(context, arguments).await,
        Command::Diff(arguments) => read::diff(context, arguments).await,
        Command::Create(arguments) => writers::create(context, arguments).await,
        Command::Join(arguments) => writers::join(context, arguments).await,
        Command::Authorize(arguments) => writers::authorize(context, arguments).await,
        Command::Revoke(arguments) => writers::revoke(context, arguments).await,
        Command::Writers(arguments) => writers::list(context, arguments),
        Command::Sync(arguments) => sync::run(context, arguments).await,
    }
}

impl Source {
    /// The map, of whose blocks those that are missing come from its seller; one that `is_live` from its seller in any case.
    async fn open(&self, context: &Context, is_live: bool) -> Result<AnyMap, Failure> {
        let folder = Path::new(&self.map);
        // What is in a folder needs no market, unless it was bought.
        if HyperDb::is_in(folder) {
            return Ok(AnyMap::Several(Box::new(DbMap::in_folder(folder)?)));
        }
        if Folder::is_feed(folder) && !Market::keystore(&context.dir).exists() {
            return Ok(match HyperDb::folder_of_source(folder) {
                Some(folder) => AnyMap::Several(Box::new(DbMap::in_folder(folder)?)),
                None => AnyMap::One(Map::in_folder(folder).await?),
            });
        }
        let market = context.market_or_new()?;
        let settings = self.seller.settings(&market, BTreeMap::new())?;
        Ok(Tables::new(market, settings).open_any_map(&self.map, is_live).await?)
    }
}

/// The folder of a map of mine: one that is there, that of a listing, or one that is to be made.
fn folder(context: &Context, wanted: &Path) -> Result<PathBuf, Failure> {
    if !Folder::is_feed(wanted)
        && !HyperDb::is_in(wanted)
        && let Some(name) = wanted.to_str()
        && Market::keystore(&context.dir).exists()
        && let Some(folder) = find_folder(&*context.market()?, name)?
    {
        return Ok(of_several(folder));
    }
    Ok(of_several(wanted.to_owned()))
}

/// The folder of the map, if this is that of its owner's feed.
fn of_several(folder: PathBuf) -> PathBuf {
    HyperDb::folder_of_source(&folder).map(Path::to_owned).unwrap_or(folder)
}

/// Opens a map of several writers, which is there.
fn open_several(context: &Context, wanted: &Path) -> Result<HyperDb, Failure> {
    let folder = folder(context, wanted)?;
    if !HyperDb::is_in(&folder) {
        return Err(Failure::input(format!("{} is no map of several writers", folder.display()))
            .hint("make one: dazaar map create <folder>"));
    }
    Ok(HyperDb::open(&folder, None)?)
}
