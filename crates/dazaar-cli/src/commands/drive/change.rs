//! `dazaar drive cp` and `rm`: changes of a drive of mine.

use std::path::PathBuf;

use clap::Args;
use dazaar::drive::{Drive, Summary};
use dazaar::maps::hyperdrive::DrivePath;

use super::{conclude, open_to_write, path};
use crate::commands::Context;
use crate::failure::Failure;

/// Entries that are removed with one append.
const ENTRIES_AT_ONCE: usize = 1024;

/// Copy a file within a drive of mine; its bytes are not stored again
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dazaar drive cp ./photos.drive /harbour.jpg /best/harbour.jpg")]
pub(crate) struct CopyArguments {
    /// Folder of the drive
    drive: PathBuf,

    /// The file, or a link to it
    from: String,

    /// Its new path; another file there is replaced
    to: String,
}

/// Delete a file, a link or an empty directory of a drive of mine; older versions keep it
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dazaar drive rm ./photos.drive /2025 --recursive")]
pub(crate) struct RemoveArguments {
    /// Folder of the drive
    drive: PathBuf,

    /// What to delete
    path: String,

    /// And everything below it
    #[arg(short, long)]
    recursive: bool,
}

pub(super) async fn copy(context: &Context, arguments: &CopyArguments) -> Result<(), Failure> {
    let drive = open_to_write(&arguments.drive).await?;
    let (from, to) = (path(&arguments.from), path(&arguments.to));
    drive.write(|edit| edit.copy(&from, &to)).await?;
    drive.flush().await?;
    conclude(context, (&drive, drive.version()), Summary { written: 1, ..Summary::default() })
}

pub(super) async fn remove(context: &Context, arguments: &RemoveArguments) -> Result<(), Failure> {
    let drive = open_to_write(&arguments.drive).await?;
    let path = path(&arguments.path);
    let mut written = 1;
    if arguments.recursive {
        written = remove_all(&drive, &path).await?;
    } else if drive.ask(|view| view.lstat(&path)).await?.stat.is_directory() {
        drive.write(|edit| edit.rmdir(&path)).await?;
    } else {
        drive.write(|edit| edit.unlink(&path)).await?;
    }
    drive.flush().await?;
    conclude(context, (&drive, drive.version()), Summary { written, ..Summary::default() })
}

async fn remove_all(drive: &Drive, path: &DrivePath) -> Result<u64, Failure> {
    let mut removed = 0;
    loop {
        let some = drive.write(|edit| edit.remove(path, ENTRIES_AT_ONCE)).await?;
        removed += some as u64;
        if some < ENTRIES_AT_ONCE {
            return Ok(removed);
        }
        // A directory may end with what was removed just now.
        if drive.ask(|view| view.lstat(path)).await.is_err() {
            return Ok(removed);
        }
    }
}
