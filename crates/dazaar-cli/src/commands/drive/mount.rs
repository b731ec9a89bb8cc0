//! `dazaar drive mount` and `unmount`: other drives in a drive of mine.

use std::path::PathBuf;

use clap::Args;
use dazaar::drive::Summary;
use dazaar::log::FeedKey;
use dazaar::maps::hyperdrive::Mount;

use super::{conclude, open_to_write, path};
use crate::commands::Context;
use crate::failure::Failure;

/// Mount another drive in a drive of mine
///
/// Paths at and below the mount are those of the other drive. It is read from the same folder, where npm hyperdrive keeps it too.
#[derive(Debug, Args)]
#[command(
    disable_version_flag = true,
    after_help = "Example:\n  dazaar drive mount ./photos.drive /music 8a88e3dd... --version 12"
)]
pub(crate) struct MountArguments {
    /// Folder of the drive
    drive: PathBuf,

    /// Where to mount it: nothing may be there
    path: String,

    /// Key of the other drive
    key: FeedKey,

    /// The version to show [default: the newest at any time]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    version: Option<u64>,

    /// The key is that of a feed; show its bytes as a file
    #[arg(long)]
    feed: bool,
}

/// End a mount in a drive of mine
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dazaar drive unmount ./photos.drive /music")]
pub(crate) struct UnmountArguments {
    /// Folder of the drive
    drive: PathBuf,

    /// Where the other drive or the feed is mounted
    path: String,
}

pub(super) async fn mount(context: &Context, arguments: &MountArguments) -> Result<(), Failure> {
    let drive = open_to_write(&arguments.drive).await?;
    let MountArguments { key, version, feed, .. } = *arguments;
    drive.mount(&path(&arguments.path), Mount { key, version, hash: None, is_feed: feed }).await?;
    drive.flush().await?;
    conclude(context, (&drive, drive.version()), Summary { written: 1, ..Summary::default() })
}

pub(super) async fn unmount(context: &Context, arguments: &UnmountArguments) -> Result<(), Failure> {
    let drive = open_to_write(&arguments.drive).await?;
    drive.write(|edit| edit.unmount(&path(&arguments.path))).await?;
    drive.flush().await?;
    conclude(context, (&drive, drive.version()), Summary { written: 1, ..Summary::default() })
}
