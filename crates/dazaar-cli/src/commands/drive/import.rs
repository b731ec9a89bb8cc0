//! `dazaar drive import` and `export`: between a folder of the disk and a drive.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use dazaar::drive::{Drive, FileNotice, Shown, Summary};
use dazaar::maps::hyperdrive::Reach;
use tokio::sync::watch;

use super::renew::renew;
use super::{Amount, FileProgress, Source, conclude, left_out, path, report, tell_done};
use crate::commands::Context;
use crate::failure::{Failure, Kind};
use crate::signals::Interruption;

/// Write a folder, or a file, into a drive of mine, which is made if there is none
///
/// Keeps modes and times. Files of the same size and time as in the drive are passed over; nothing is deleted, unless --delete. Devices, sockets, pipes
/// and links that lead out of the folder are left out and told of.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dazaar drive import ./photos ./photos.drive")]
pub(crate) struct ImportArguments {
    /// What to import
    source: PathBuf,

    /// Folder of the drive
    drive: PathBuf,

    /// Where it goes in the drive [default: the root, or the name of the file]
    #[arg(long, value_name = "PATH")]
    into: Option<String>,

    /// Delete from the drive what the folder has no more, so that both are the same
    #[arg(long)]
    delete: bool,
}

/// Write a drive into a folder, with the drives that are mounted in it
///
/// Nothing is written outside the folder. Files of the same size and time are passed over, so what was cut off goes on; nothing is
/// deleted, unless --delete.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dazaar drive export ./photos.drive ./copy --from /2026")]
pub(crate) struct ExportArguments {
    #[command(flatten)]
    source: Source,

    /// The folder to write into
    folder: PathBuf,

    /// What to export
    #[arg(long, value_name = "PATH", default_value = "/")]
    from: String,

    /// Leave out what is mounted
    #[arg(long)]
    no_mounts: bool,

    /// Delete from the folder what the drive has not, so that both are the same
    #[arg(long)]
    delete: bool,

    /// Go on, and take over each newer version, until Ctrl-C
    #[arg(long, conflicts_with = "at")]
    follow: bool,
}

pub(super) async fn import(context: &Context, arguments: &ImportArguments) -> Result<(), Failure> {
    let ImportArguments { source, drive, into, delete } = arguments;
    let into = match (into, source.is_dir()) {
        (Some(into), _) => path(into),
        (None, true) => path("/"),
        (None, false) => match source.file_name().and_then(|name| name.to_str()) {
            Some(name) => path(name),
            None => return Err(Failure::input("this file needs a name in the drive").hint("use --into")),
        },
    };
    // Whoever mistypes the source gets no empty drive.
    if !source.exists() {
        return Err(Failure::input(format!("{} does not exist", source.display())));
    }
    let drive = Drive::create(drive).await?;
    let interruption = Interruption::listen()?;
    let mut told = Ok(());
    let work = async {
        let mut progress = context.output.is_watched().then(|| FileProgress::new(Amount::of_source(source)));
        let mut notify = |notice: &FileNotice| tell(context, notice, &mut progress, &mut told);
        let mut summary = Summary::default();
        if *delete {
            summary = drive.forget(source, &into, &mut notify).await?;
        }
        summary.add(&drive.import(source, &into, &mut notify).await?);
        Ok::<Summary, Failure>(summary)
    };
    let Some(summary) = interruption.or(work).await? else {
        drive.flush().await?;
        return Err(Failure::new(Kind::Interrupted, "interrupted"));
    };
    told?;
    conclude(context, (&drive, drive.version()), summary)
}

pub(super) async fn export(context: &Context, arguments: &ExportArguments) -> Result<(), Failure> {
    let place = arguments.source.place(context)?;
    let (drive, version) = arguments.source.open_at(&place).await?;
    let interruption = Interruption::listen()?;
    if !arguments.follow {
        let summary = interruption.or(export_once(context, arguments, (&drive, version))).await?;
        let summary = summary.ok_or_else(|| Failure::new(Kind::Interrupted, "interrupted"))?;
        return left_out(summary);
    }
    let (shown, mut watched) = watch::channel(Shown { drive: Arc::new(drive), version });
    let export = async {
        loop {
            let Shown { drive, version } = watched.borrow_and_update().clone();
            // What is left out may be here later, which is shown as another version is.
            export_once(context, arguments, (&drive, version)).await?;
            if watched.changed().await.is_err() {
                return Ok(());
            }
        }
    };
    let work = async {
        tokio::select! {
            exported = export => exported,
            never = renew(context, &arguments.source, &place, &shown) => match never {},
        }
    };
    // There is no other end.
    interruption.or(work).await.map(drop)
}

/// Exports a version, and tells of it.
async fn export_once(
    context: &Context,
    arguments: &ExportArguments,
    (drive, version): (&Drive, u64),
) -> Result<Summary, Failure> {
    let mut told = Ok(());
    let (from, folder) = (path(&arguments.from), &arguments.folder);
    let reach = if arguments.no_mounts { Reach::Drive } else { Reach::Mounts };
    let mut progress = None;
    if context.output.is_watched() {
        progress = Some(FileProgress::new(Amount::of_drive(drive, version, &from, reach).await?));
    }
    let mut notify = |notice: &FileNotice| tell(context, notice, &mut progress, &mut told);
    let mut summary = Summary::default();
    if arguments.delete {
        let kept = protected(context, folder);
        let kept: Vec<&Path> = kept.iter().map(PathBuf::as_path).collect();
        summary = drive.clear((version, &from), folder, reach, &kept, &mut notify).await?;
    }
    summary.add(&drive.export(version, &from, folder, reach, &mut notify).await?);
    told?;
    tell_done(&context.output, (drive, version), summary)?;
    Ok(summary)
}

/// Folders of which somebody who mistypes the one to export to must lose nothing.
fn protected(context: &Context, folder: &Path) -> Vec<PathBuf> {
    let here = std::env::current_dir().ok();
    // Where somebody is may be cleared, but not what it is in.
    let is_here = here.is_some() && here == std::fs::canonicalize(folder).ok();
    let mut kept = vec![context.dir.clone()];
    kept.extend(etcetera::home_dir().ok());
    kept.extend(here.filter(|_| !is_here));
    kept
}

/// Reports a file, and remembers the first report that nobody took.
fn tell(
    context: &Context,
    notice: &FileNotice,
    progress: &mut Option<FileProgress>,
    told: &mut std::io::Result<()>,
) {
    if told.is_ok() {
        let counted = progress.as_mut().map_or(Ok(()), |progress| progress.count(&context.output, notice));
        *told = counted.and_then(|()| report(&context.output, notice));
    }
}
