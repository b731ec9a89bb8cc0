//! A folder becomes a drive, which is two feeds behind one gate.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dazaar::cards::extension::printable;
use dazaar::drive::{Drive, FileNotice, Summary};
use dazaar::maps::hyperdrive::{DrivePath, Entry, Kind as EntryKind, Reach};
use dazaar::{Market, Offer, now_ms};
use serde_json::{Value, json};

use super::{Arguments, Context, card_describes, record, set_prices};
use crate::commands::drive::{Amount, FileProgress, report, tell_done};
use crate::commands::serve::{self, Sold, may_give};
use crate::failure::{Failure, Kind};
use crate::output::Output;

/// The shortest time from one look at a folder to the next; looking takes at most a tenth of the time.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Sells what is at `path`: the files of a folder, or else a drive as it stands.
pub(super) async fn run(
    context: &Context,
    market: &Arc<Market>,
    arguments: &Arguments,
    (path, is_files): (&Path, bool),
    name: &str,
) -> Result<(), Failure> {
    arguments.check_for_drive(is_files)?;
    let drive = Arc::new(if is_files {
        Drive::create_from(&market.drive_folder(name), &market.master().drive(name)).await?
    } else {
        Drive::open(path, None).await?
    });
    if let Some(other) = market.database().listing_named(name)?
        && other.feed != drive.key()
    {
        return Err(Failure::input(format!("`{name}` is already the name of another listing"))
            .hint("choose another with --name"));
    }
    if is_files {
        check_source(market, name, path)?;
    }
    let progress =
        (is_files && context.output.is_watched()).then(|| FileProgress::new(Amount::of_source(path)));
    let output = &context.output;
    let mut files = Files { drive: &drive, folder: path, output, failures: BTreeSet::new(), progress };
    if is_files {
        // What cannot be sold is told of, and no reason not to sell the rest.
        let summary = files.take_over().await?;
        tell_done(&context.output, (&drive, drive.version()), summary)?;
    }
    let [first, content] = drive.parts().await?;
    drive.lend_to(market).await?;
    let offer = arguments.offer(first.feed, name.to_owned(), first.folder.clone());
    let offer = Offer { card: arguments.card()?, terms: arguments.terms()?, ..offer };
    let is_described = card_describes(&offer);
    let mut listing = market.draft(offer, now_ms())?;
    // What is sold for itself goes along only for the same.
    set_prices(market, &mut listing, arguments)?;
    let mounted = drive.mounted_feeds(market, |other| may_give(other, &listing)).await?;
    for (path, key) in &mounted.missing {
        let path = printable(&format!("/{}", path.as_str()));
        context.output.remark(&format!(
            "Not sold along: {key}, mounted at {path}: it is not here, nor sold by you for the same"
        ));
    }
    let mut members = vec![content.listed()];
    for feed in &mounted.feeds {
        context.output.remark(&format!("Sold along: {}", feed.feed));
        market.adopt(&feed.folder, &feed.log);
        members.push(feed.listed());
    }
    if !mounted.feeds.is_empty() {
        // They may mount this one again, by its key.
        members.push(first.listed());
    }
    if !is_described {
        market.describe(&mut listing, "data", described(&drive).await?)?;
    }
    record(context, market, (&mut listing, &members), arguments)?;
    drive.flush().await?;
    if arguments.no_serve {
        return Ok(());
    }
    let followed = async {
        match is_files && arguments.follow {
            true => files.follow().await,
            false => std::future::pending().await,
        }
    };
    let sold = Sold { listings: vec![listing], drives: vec![Arc::clone(&drive)], ..Sold::default() };
    let served = serve::serve(context, market, sold, &arguments.serving, followed).await;
    drive.flush().await?;
    served
}

/// The drive of a name is that of one folder: another one of the same name would take its place, here and at all buyers.
fn check_source(market: &Market, name: &str, folder: &Path) -> Result<(), Failure> {
    let setting = format!("drive-source/{name}");
    let source = Value::from(folder.to_string_lossy());
    match market.database().setting(&setting)? {
        Some(Value::String(known)) if source != *known && Path::new(&known).is_dir() => {
            Err(Failure::input(format!("`{name}` is what {} is sold as", printable(&known)))
                .hint("choose another name with --name"))
        }
        _ => Ok(market.database().set_setting(&setting, &source)?),
    }
}

/// A folder, and the drive that is to be the same.
struct Files<'a> {
    drive: &'a Drive,
    folder: &'a Path,
    output: &'a Output,
    /// What could not be taken over, and why: told when it is first seen.
    failures: BTreeSet<(String, String)>,
    /// Of the first time, which may take long.
    progress: Option<FileProgress>,
}

impl Files<'_> {
    /// Makes the drive the same as the folder.
    async fn take_over(&mut self) -> Result<Summary, Failure> {
        self.check().await?;
        let (mut told, mut failures, mut progress) = (Ok(()), BTreeSet::new(), self.progress.take());
        let mut tell = |notice: &FileNotice| {
            let is_news = match notice {
                FileNotice::Unchanged { .. } => false,
                FileNotice::Failed { path, error } => {
                    let failure = (path.clone(), error.clone());
                    let is_news = !self.failures.contains(&failure);
                    failures.insert(failure);
                    is_news
                }
                _ => true,
            };
            if let (Ok(()), Some(progress)) = (&told, &mut progress) {
                told = progress.count(self.output, notice);
            }
            if told.is_ok() && is_news {
                told = report(self.output, notice);
            }
        };
        let root = DrivePath::default();
        let mut summary = self.drive.forget(self.folder, &root, &mut tell).await?;
        summary.add(&self.drive.import(self.folder, &root, &mut tell).await?);
        told?;
        self.failures = failures;
        Ok(summary)
    }

    /// Whether the folder can be taken over: it is there, and not empty while the drive is not, as where a disk is missing.
    async fn check(&self) -> Result<(), Failure> {
        let wrong = |problem: &dyn Display| Failure::input(format!("{}: {problem}", self.folder.display()));
        let is_empty = std::fs::read_dir(self.folder).map_err(|error| wrong(&error))?.next().is_none();
        if is_empty
            && !self
                .drive
                .list(self.drive.version(), &DrivePath::default(), Reach::Directory)
                .await?
                .is_empty()
        {
            return Err(wrong(&"it is empty, and what is sold is not").hint("is a disk missing?"));
        }
        Ok(())
    }

    /// Takes over changes again and again, until that fails. As long as the folder is not there, what is sold stays as it is.
    async fn follow(&mut self) -> Result<(), Failure> {
        let mut pause = LOOK_INTERVAL;
        let mut is_there = true;
        loop {
            tokio::time::sleep(pause).await;
            let begun = Instant::now();
            match self.check().await {
                Ok(()) => {
                    is_there = true;
                    self.take_over().await?;
                }
                Err(failure) if is_there => {
                    is_there = false;
                    self.output.remark(&format!("Not taken over: {failure}"));
                }
                Err(_) => {}
            }
            pause = LOOK_INTERVAL.max(begun.elapsed() * 9);
        }
    }
}

/// What a card says of a drive, in its field `data`.
async fn described(drive: &Drive) -> Result<Value, Failure> {
    let entries = drive.list(drive.version(), &DrivePath::default(), Reach::Drive).await?;
    // What is mounted is not sold with it.
    let is_sold = |entry: &&Entry| entry.stat.kind() == EntryKind::File && entry.feed().is_none();
    let files: Vec<_> = entries.iter().filter(is_sold).collect();
    let bytes: u64 = files.iter().map(|entry| entry.stat.size).sum();
    Ok(json!({ "kind": "drive", "coverage": { "files": files.len(), "bytes": bytes } }))
}

impl Arguments {
    /// Options that are about rows say nothing of files.
    fn check_for_drive(&self, is_files: bool) -> Result<(), Failure> {
        let wrong = |problem: &str| Err(Failure::new(Kind::Usage, problem));
        match () {
            () if self.format.is_some() || self.blocks.is_some() || !self.preview.is_empty() => {
                wrong("--format, --blocks and --preview are about rows, and this is a folder with files")
            }
            () if self.keep.keep.is_some() || self.keep.keep_bytes.is_some() => {
                wrong("a drive is kept whole: --keep and --keep-bytes are for rows")
            }
            () if self.follow && !is_files => wrong(
                "--follow is for folders with files; stop the sale to write a drive with `dazaar drive import`",
            ),
            () => Ok(()),
        }
    }
}
