//! `dazaar map create`, `join`, `authorize`, `revoke` and `writers`: maps that several write.

use std::path::{Path, PathBuf};

use clap::Args;
use dazaar::hyperdb::{HyperDb, HyperDbError, StoredDb};
use dazaar::log::FeedKey;
use dazaar::maps::db::{Db, DbError, Feeds as _};

use super::{folder, open_several, wishes};
use crate::commands::Context;
use crate::event::Event;
use crate::failure::Failure;

/// Make a map that several write, each a feed of their own; npm hyperdb 3 opens its folder too
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dazaar map create ./team")]
pub(crate) struct CreateArguments {
    /// Folder of the map, which must not be there
    folder: PathBuf,
}

/// Begin a copy of somebody else's map of several writers, to be let in as a writer of it
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dazaar map join ./team 4f1c...      prints the key to be authorised by a writer"
)]
pub(crate) struct JoinArguments {
    /// Folder of the copy, which must not be there
    folder: PathBuf,

    /// Key of the map
    key: FeedKey,
}

/// Let somebody write a map of several writers; also while it is sold
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dazaar map authorize ./team 77ab...")]
pub(crate) struct AuthorizeArguments {
    /// Folder of the map, or the name by which I sell it
    map: PathBuf,

    /// The key that `dazaar map join` printed
    writer: FeedKey,
}

/// End a writer's rights, which only the owner of the map can; what is known here of what they wrote stays. Also while the map is sold
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dazaar map revoke ./team 77ab...")]
pub(crate) struct RevokeArguments {
    /// Folder of the map, or the name by which I sell it
    map: PathBuf,

    /// The writer's key
    writer: FeedKey,
}

/// List who writes a map of several writers
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dazaar map writers ./team")]
pub(crate) struct ListArguments {
    /// Folder of the map, or the name by which I sell it
    map: PathBuf,
}

pub(super) async fn create(context: &Context, arguments: &CreateArguments) -> Result<(), Failure> {
    make(context, &arguments.folder, None).await
}

pub(super) async fn join(context: &Context, arguments: &JoinArguments) -> Result<(), Failure> {
    make(context, &arguments.folder, Some(arguments.key)).await
}

async fn make(context: &Context, folder: &Path, key: Option<FeedKey>) -> Result<(), Failure> {
    let entries = std::fs::read_dir(folder);
    if entries.map_or_else(|_| folder.exists(), |mut entries| entries.next().is_some()) {
        return Err(Failure::input(format!("there is something in {} already", folder.display())));
    }
    let map = HyperDb::open(folder, key)?;
    if key.is_none() {
        // The first entry says who writes.
        map.authorize(map.own_key()).await?;
    }
    map.flush().await?;
    let (key, writer) = (map.key().to_string(), map.own_key().to_string());
    Ok(context.output.event(&Event::MapMade { folder: folder.display().to_string(), key, writer })?)
}

/// What is to become of a writer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    Authorize,
    Revoke,
}

impl Change {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Revoke => "revoke",
        }
    }

    pub(super) fn by_name(name: &str) -> Option<Self> {
        [Self::Authorize, Self::Revoke].into_iter().find(|change| change.name() == name)
    }

    pub(super) async fn make(self, map: &HyperDb, writer: FeedKey) -> Result<(), HyperDbError> {
        map.write_here(|batch, db| match self {
            Self::Authorize => batch.authorize(db, writer).map(drop),
            Self::Revoke => batch.revoke(db, writer).map(drop),
        })
        .await
    }
}

pub(super) async fn authorize(context: &Context, arguments: &AuthorizeArguments) -> Result<(), Failure> {
    change(context, &arguments.map, (Change::Authorize, arguments.writer)).await
}

pub(super) async fn revoke(context: &Context, arguments: &RevokeArguments) -> Result<(), Failure> {
    change(context, &arguments.map, (Change::Revoke, arguments.writer)).await
}

async fn change(
    context: &Context,
    wanted: &Path,
    (change, writer): (Change, FeedKey),
) -> Result<(), Failure> {
    let map = match open_several(context, wanted) {
        Err(busy) if busy.is_busy() => {
            return wishes::ask(context, &folder(context, wanted)?, (change, writer), busy).await;
        }
        map => map?,
    };
    change.make(&map, writer).await?;
    tell_change(context, &map).await
}

async fn tell_change(context: &Context, map: &HyperDb) -> Result<(), Failure> {
    map.flush().await?;
    let (key, version) = (map.key().to_string(), version(map)?.into());
    Ok(context.output.event(&Event::MapDone { key, version, changed: 0 })?)
}

/// The version that a map of several writers is at.
pub(super) fn version(map: &HyperDb) -> Result<String, Failure> {
    Ok(map.ask_here(|db| Ok(hex::encode(db.view()?.version().encode())))?)
}

pub(super) fn list(context: &Context, arguments: &ListArguments) -> Result<(), Failure> {
    let folder = folder(context, &arguments.map)?;
    if !HyperDb::is_in(&folder) {
        return Err(Failure::input(format!("{} is no map of several writers", folder.display())));
    }
    let feeds = StoredDb::in_folder(&folder)?;
    let (source, own) = (feeds.source(), feeds.own());
    let db = Db::new(source, feeds);
    let (writers, faulty) = match db.view() {
        Ok(view) => {
            let writers = view.writers();
            let keys: Vec<_> = writers.keys().map(|key| (key, writers.is_authorized(&key))).collect();
            (keys, writers.faulty().map(|(feed, _)| feed).collect())
        }
        Err(DbError::Missing { .. }) => (vec![(source, true)], Vec::new()),
        Err(error) => return Err((&error).into()),
    };
    let is_listed = own.is_none_or(|own| writers.iter().any(|(key, _)| *key == own));
    let waiting = own.filter(|_| !is_listed).map(|own| (own, None));
    let listed = writers.into_iter().map(|(key, may)| (key, Some(may)));
    for (key, may) in listed.chain(waiting) {
        let state = match may {
            _ if key == source => "owner",
            Some(true) => "writer",
            Some(false) => "revoked",
            None => "waiting",
        };
        context.output.event(&Event::MapWriter {
            writer: key.to_string(),
            state,
            own: Some(key) == own,
            blocks: db.feeds().length(&key),
            faulty: faulty.contains(&key),
        })?;
    }
    Ok(())
}
