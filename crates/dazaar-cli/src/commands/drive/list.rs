//! `dazaar drive ls` and `stat`: what is in a drive.

use clap::Args;
use dazaar::maps::hyperdrive::{Entry, Kind, Reach};

use super::{Source, path};
use crate::commands::Context;
use crate::event::Event;
use crate::failure::Failure;

/// List a directory of a drive
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dazaar drive ls ./photos.drive /2026 --recursive")]
pub(crate) struct ListArguments {
    #[command(flatten)]
    source: Source,

    /// The directory
    #[arg(default_value = "/")]
    path: String,

    /// Everything below it, mounted drives included
    #[arg(short, long)]
    recursive: bool,

    /// Show mounted drives, and not what is in them
    #[arg(long, requires = "recursive")]
    no_mounts: bool,
}

/// Show what is known of a path, or of the whole drive: its keys, its version and its tags
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dazaar drive stat ./photos.drive /2026/harbour.jpg")]
pub(crate) struct StatArguments {
    #[command(flatten)]
    source: Source,

    /// The file, directory or link; links are not followed
    path: Option<String>,
}

pub(super) async fn list(context: &Context, arguments: &ListArguments) -> Result<(), Failure> {
    let (drive, version) = arguments.source.open(context).await?;
    let reach = match arguments {
        ListArguments { recursive: false, .. } => Reach::Directory,
        ListArguments { no_mounts: true, .. } => Reach::Drive,
        _ => Reach::Mounts,
    };
    for entry in drive.list(version, &path(&arguments.path), reach).await? {
        context.output.event(&event(&entry))?;
    }
    Ok(())
}

pub(super) async fn stat(context: &Context, arguments: &StatArguments) -> Result<(), Failure> {
    let (drive, version) = arguments.source.open(context).await?;
    if let Some(wanted) = &arguments.path {
        let entry = drive.lstat(version, &path(wanted)).await?;
        return Ok(context.output.event(&event(&entry))?);
    }
    let tags = drive.ask_at(version, |view| view.tags()).await?;
    let (key, content) = (drive.key().to_string(), drive.content_key().await?.to_string());
    Ok(context.output.event(&Event::Drive { key, content, version, tags })?)
}

fn event(entry: &Entry) -> Event {
    let stat = &entry.stat;
    let kind = match stat.kind() {
        _ if entry.is_mount || entry.feed().is_some() => "mount",
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Symlink => "link",
        Kind::Other => "other",
    };
    Event::DriveEntry {
        path: format!("/{}", entry.path),
        kind,
        mode: format!("{:04o}", stat.permissions()),
        size: stat.size,
        modified: crate::times::utc(i64::try_from(stat.mtime_ms).unwrap_or(0)),
        target: stat.linkname.clone(),
        mount: stat.mount.as_ref().map(|mount| mount.key.to_string()),
    }
}
