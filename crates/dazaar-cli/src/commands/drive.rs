//! `dazaar drive`: folders and files in two feeds, in a folder that npm hyperdrive 10 opens too.

mod attach;
mod cat;
mod change;
mod diff;
mod import;
mod list;
mod mount;
mod progress;
mod renew;
mod serve;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use dazaar::Market;
use dazaar::cards::extension::printable;
use dazaar::database::Purchase;
use dazaar::drive::{Drive, DriveAccessError, FileNotice, Summary};
use dazaar::log::{FeedKey, IdentityKey};
use dazaar::maps::hyperdrive::{DriveError, DrivePath};
use dazaar::maps::hypertrie::TrieError;

use super::{Context, find_listing};
use crate::event::Event;
use crate::failure::{Failure, Kind};
use crate::output::Output;

pub(super) use progress::{Amount, FileProgress};

/// Files in a hyperdrive: keep folders in feeds, with every version of them
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Import(import::ImportArguments),
    Export(import::ExportArguments),
    Ls(list::ListArguments),
    Cat(cat::Arguments),
    Cp(change::CopyArguments),
    Rm(change::RemoveArguments),
    Mount(mount::MountArguments),
    Unmount(mount::UnmountArguments),
    Diff(diff::Arguments),
    Stat(list::StatArguments),
    Serve(serve::Arguments),
    Attach(attach::Arguments),
}

/// Which drive is read, and which version.
#[derive(Debug, Args)]
struct Source {
    /// Folder of the drive, or the name of one that I bought or sell
    drive: PathBuf,

    /// Key of the drive, if it is somebody else's
    #[arg(long, value_name = "KEY")]
    key: Option<FeedKey>,

    /// An older version: its number, or the name of a tag
    #[arg(long, value_name = "VERSION")]
    at: Option<String>,
}

pub(crate) async fn run(context: &Context, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Import(arguments) => import::import(context, arguments).await,
        Command::Export(arguments) => import::export(context, arguments).await,
        Command::Ls(arguments) => list::list(context, arguments).await,
        Command::Cat(arguments) => cat::run(context, arguments).await,
        Command::Cp(arguments) => change::copy(context, arguments).await,
        Command::Rm(arguments) => change::remove(context, arguments).await,
        Command::Mount(arguments) => mount::mount(context, arguments).await,
        Command::Unmount(arguments) => mount::unmount(context, arguments).await,
        Command::Diff(arguments) => diff::run(context, arguments).await,
        Command::Stat(arguments) => list::stat(context, arguments).await,
        Command::Serve(arguments) => serve::run(context, arguments).await,
        Command::Attach(arguments) => attach::run(context, arguments).await,
    }
}

/// Where a drive is read from.
enum Place {
    /// A folder, and the key if that is not the folder's own drive.
    Folder(PathBuf, Option<FeedKey>),
    /// Feeds that this seller sold.
    Bought(Arc<Market>, IdentityKey),
}

impl Place {
    /// The drive as it is now.
    async fn open(&self) -> Result<Drive, Failure> {
        Ok(match self {
            Self::Folder(folder, key) => Drive::snapshot(folder, *key).await?,
            Self::Bought(market, seller) => Drive::bought(market, seller).await?,
        })
    }
}

impl Source {
    /// The drive, and the version that is meant.
    async fn open(&self, context: &Context) -> Result<(Drive, u64), Failure> {
        self.open_at(&self.place(context)?).await
    }

    async fn open_at(&self, place: &Place) -> Result<(Drive, u64), Failure> {
        let drive = place.open().await?;
        let version = version(&drive, self.at.as_deref()).await?;
        Ok((drive, version))
    }

    fn place(&self, context: &Context) -> Result<Place, Failure> {
        // A folder may be called what it is sold as.
        let is_folder = self.key.is_some() || Drive::is_in(&self.drive);
        let known = match self.drive.to_str().filter(|_| !is_folder) {
            Some(name) => known(context, name)?,
            None => None,
        };
        Ok(known.unwrap_or_else(|| Place::Folder(self.drive.clone(), self.key)))
    }
}

/// The drive that I bought or sell, by its name, or the seller's or the drive's key.
fn known(context: &Context, name: &str) -> Result<Option<Place>, Failure> {
    if !Market::keystore(&context.dir).exists() {
        return Ok(None);
    }
    let market = context.market()?;
    let purchases = market.database().purchases()?;
    let is_meant = |purchase: &&Purchase| {
        let keys = [Some(purchase.seller.to_string()), purchase.feed.map(|feed| feed.to_string())];
        keys.iter().flatten().any(|key| key == name)
    };
    let is_called = |purchase: &&Purchase| purchase.name.as_deref() == Some(name);
    // Keys first: a name may come from a stranger, and must not pass for a key.
    let purchase = purchases.iter().find(is_meant);
    if let (None, Ok(listing)) = (purchase, find_listing(&market, Some(name)))
        && let Some(folder) = Drive::folder_of_part(&listing.folder)
    {
        return Ok(Some(Place::Folder(folder.to_owned(), Some(listing.feed))));
    }
    let purchase = purchase.or_else(|| purchases.iter().find(is_called));
    Ok(purchase.map(|purchase| Place::Bought(Arc::clone(&market), purchase.seller)))
}

/// A version by number or tag, or the newest.
async fn version(drive: &Drive, wanted: Option<&str>) -> Result<u64, Failure> {
    let Some(wanted) = wanted else { return Ok(drive.version()) };
    if let Ok(number) = wanted.parse() {
        return Ok(number);
    }
    let tagged = drive.ask(|view| view.tag(wanted)).await?;
    tagged.ok_or_else(|| Failure::input(format!("`{wanted}` is neither a version nor a tag")))
}

/// Our own drive, to write.
async fn open_to_write(folder: &Path) -> Result<Drive, Failure> {
    Ok(Drive::open(folder, None).await?)
}

/// Reports what became of a file.
pub(super) fn report(output: &Output, notice: &FileNotice) -> std::io::Result<()> {
    let (path, action, bytes, error) = match notice {
        FileNotice::Written { path, bytes } => (path, "written", *bytes, None),
        FileNotice::Unchanged { path, .. } => (path, "unchanged", 0, None),
        FileNotice::Deleted { path } => (path, "deleted", 0, None),
        FileNotice::Failed { path, error } => (path, "failed", 0, Some(error.clone())),
        _ => return Ok(()),
    };
    output.event(&Event::DriveFile { path: path.clone(), action, bytes, error })
}

/// Reports what many files came to.
pub(super) fn tell_done(
    output: &Output,
    (drive, version): (&Drive, u64),
    summary: Summary,
) -> std::io::Result<()> {
    let Summary { written, unchanged, deleted, failed, bytes } = summary;
    let key = drive.key().to_string();
    output.finish_progress();
    output.event(&Event::DriveDone { key, version, written, unchanged, deleted, failed, bytes })
}

/// The same; [`left_out`] files make the command fail.
fn conclude(context: &Context, drive: (&Drive, u64), summary: Summary) -> Result<(), Failure> {
    tell_done(&context.output, drive, summary)?;
    left_out(summary)
}

/// Files that were left out make a command fail.
pub(super) fn left_out(summary: Summary) -> Result<(), Failure> {
    match summary.failed {
        0 => Ok(()),
        1 => Err(Failure::input("1 entry was left out")),
        failed => Err(Failure::input(format!("{failed} entries were left out"))),
    }
}

/// A path that was typed.
fn path(text: &str) -> DrivePath {
    DrivePath::new(text)
}

/// What kind of failure it is: of the disk, of damage, or of what was asked.
fn kind(error: &DriveAccessError) -> Kind {
    match error {
        DriveAccessError::Within { source, .. } => kind(source),
        DriveAccessError::Folder { .. } | DriveAccessError::Read(_) | DriveAccessError::Interrupted => {
            Kind::General
        }
        DriveAccessError::Log(error)
        | DriveAccessError::Feed { source: error, .. }
        | DriveAccessError::Drive(DriveError::Trie(TrieError::Log(error))) => Failure::kind_of_log(error),
        DriveAccessError::Drive(DriveError::Trie(TrieError::Missing { .. })) => Kind::Input,
        DriveAccessError::Drive(DriveError::Trie(_)) => Kind::General,
        _ => Kind::Input,
    }
}

impl From<DriveAccessError> for Failure {
    fn from(error: DriveAccessError) -> Self {
        match error {
            DriveAccessError::Folder { ref source, .. }
                if source.kind() == std::io::ErrorKind::WouldBlock =>
            {
                Self::new(Kind::Busy, "another process is writing this drive")
            }
            DriveAccessError::NoDrive { .. } => {
                Self::input(error).hint("make one: dazaar drive import <folder> <drive>")
            }
            DriveAccessError::Drive(DriveError::Mounted { .. }) => {
                Self::input(printable(&error.to_string())).hint("to end a mount: dazaar drive unmount")
            }
            // A stranger may have chosen the names in it.
            _ => Self::new(kind(&error), printable(&error.to_string())),
        }
    }
}
