//! `dazaar drive diff`: what has changed since an older version.

use clap::Args;
use dazaar::drive::DriveAccessError;
use dazaar::maps::hyperdrive::{ChangeKind, DriveDiff, DriveError};

use super::{Source, path, version};
use crate::commands::Context;
use crate::event::Event;
use crate::failure::Failure;

/// Show what has changed in a drive since an older version
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dazaar drive diff ./photos.drive 12 /2026")]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: Source,

    /// The older version: its number, or the name of a tag
    since: String,

    /// Only what is at and below this path
    #[arg(default_value = "/")]
    path: String,
}

pub(super) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let (drive, newer) = arguments.source.open(context).await?;
    let older = version(&drive, Some(&arguments.since)).await?;
    if older > newer {
        return Err(Failure::input(format!("version {older} is newer than version {newer}")));
    }
    let path = path(&arguments.path);
    // Of another drive nothing is compared.
    if let Err(error @ DriveAccessError::Drive(DriveError::Mounted { .. })) =
        drive.ask_at(newer, |view| view.lstat(&path).map(drop)).await
    {
        return Err(error.into());
    }
    let mut diff = DriveDiff::new(newer, older, &path);
    while let Some(change) = drive.ask_at(newer, |view| diff.next(view)).await? {
        let kind = match (change.kind, &change.older) {
            (ChangeKind::Put, None) => "added",
            (ChangeKind::Put, Some(_)) => "changed",
            (ChangeKind::Delete, _) => "deleted",
            (ChangeKind::Mount, _) => "mounted",
            (ChangeKind::Unmount, _) => "unmounted",
        };
        let size = change.newer.and_then(Result::ok).map(|entry| entry.stat.size);
        context.output.event(&Event::DriveChange { path: format!("/{}", change.path), kind, size })?;
    }
    Ok(())
}
