//! Hands over a drive: once all of it is here, its files are written into a folder.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dazaar::drive::{Drive, DriveAccessError, FileNotice, Summary};
use dazaar::maps::hyperdrive::{DrivePath, Reach};
use dazaar::{Buyer, MarketError, Replicator};
use tokio::runtime::Handle;

use super::copied::Copied;
use super::destination::Destination;
use crate::commands::drive::{Amount, FileProgress, left_out, report, tell_done};
use crate::commands::follow::Deliver;
use crate::failure::{Failure, Kind};
use crate::output::Output;

/// How long the seller may take to tell of content that the metadata speaks of.
const NEWS_TIMEOUT: Duration = Duration::from_secs(10);

/// A drive that is being bought, and how far it has come.
pub(super) struct FilesDelivery {
    buyer: Buyer,
    destination: Destination,
    export: Option<Export>,
    /// A version, and the blocks of content that it needs.
    needed: Option<(u64, u64)>,
    /// Since when all of the content that we have heard of is here.
    settled_at: Option<Instant>,
    /// Since when nothing but feeds is missing of which the seller says nothing any more.
    silent_since: Option<Instant>,
    written: Option<Written>,
}

/// What was written last.
#[derive(Debug, Clone, Copy)]
struct Written {
    version: u64,
    /// Blocks of content that we had heard of.
    content: u64,
    /// Blocks of drives that are mounted in it.
    mounted: u64,
    summary: Summary,
}

impl Written {
    /// Whether writing a version again could change nothing: what was left out may have lacked content that has come since.
    const fn is_of(&self, version: u64, content: u64, mounted: u64) -> bool {
        self.version == version
            && self.mounted == mounted
            && (self.summary.failed == 0 || self.content == content)
    }
}

/// Files on their way to the disk, on a thread of its own: the connection is not to wait for them.
struct Export {
    version: u64,
    content: u64,
    mounted: u64,
    copied: Copied,
    notices: Receiver<Told>,
    /// None until it is known how much there is.
    progress: Option<FileProgress>,
    thread: JoinHandle<Result<(Drive, Summary), DriveAccessError>>,
}

/// What the thread tells.
enum Told {
    /// How much there is, if somebody is looking.
    Total(Amount),
    Notice(FileNotice),
}

impl FilesDelivery {
    pub(super) const fn new(buyer: Buyer, destination: Destination) -> Self {
        Self {
            buyer,
            destination,
            export: None,
            needed: None,
            settled_at: None,
            silent_since: None,
            written: None,
        }
    }

    /// Whether all is here that the files need, or is not to be had.
    fn is_here(&mut self, metadata: &Replicator) -> Result<bool, Failure> {
        let Some(first) = metadata.log().lock().block(0)? else { return Ok(false) };
        if !metadata.is_complete() || self.buyer.is_opening() {
            return Ok(false);
        }
        let content =
            Drive::content_named_in(&first).and_then(|content| self.buyer.members().remove(&content));
        // The seller names all feeds before they send the first block of any.
        let Some(content) = content else {
            return Err(Failure::new(
                Kind::General,
                "the seller gives the list of the files, but not what is in them",
            ));
        };
        if !self.mounted_is_here(metadata, &content) {
            self.settled_at = None;
            return Ok(false);
        }
        let needed = self.content_needed(metadata)?;
        // Of an empty feed nobody tells that it is all there is.
        if needed == 0 {
            return Ok(true);
        }
        if content.gone().is_none() {
            self.settled_at = None;
            return Ok(false);
        }
        // News of the content may come after those of the metadata; what the metadata claims falsely never does.
        let is_long_enough = content.log().lock().length() >= needed;
        let settled_at = *self.settled_at.get_or_insert_with(Instant::now);
        Ok(is_long_enough || settled_at.elapsed() >= NEWS_TIMEOUT)
    }

    /// Whether all is here of the drives that are mounted in it, as far as the seller has told of that. What the seller does not sell along any
    /// more is as it was.
    fn mounted_is_here(&mut self, metadata: &Replicator, content: &Replicator) -> bool {
        // Of an empty feed nobody tells that it is all there is.
        let is_empty = |feed: &Replicator| feed.is_informed() && feed.progress().length == 0;
        let mut others = self.buyer.members();
        others.retain(|_, feed| feed.key() != content.key() && feed.gone().is_none() && !is_empty(feed));
        let is_silent = |feed: &Replicator| !feed.is_connected() && !feed.is_informed();
        if !metadata.is_connected() || !others.values().all(|feed| is_silent(feed)) {
            self.silent_since = None;
            return others.is_empty();
        }
        others.is_empty() || self.silent_since.get_or_insert_with(Instant::now).elapsed() >= NEWS_TIMEOUT
    }

    /// The blocks of content that the version which is here needs, counted once for each version.
    fn content_needed(&mut self, metadata: &Replicator) -> Result<u64, Failure> {
        let version = metadata.log().lock().length();
        match self.needed {
            Some((counted, needed)) if counted == version => Ok(needed),
            _ => {
                let needed = Drive::content_needed(metadata.log()).map_err(DriveAccessError::from)?;
                self.needed = Some((version, needed));
                Ok(needed)
            }
        }
    }

    /// Blocks of content that we have heard of.
    fn content_length(&self, metadata: &Replicator) -> u64 {
        let first = metadata.log().lock().block(0).ok().flatten();
        let content = first.and_then(|first| Drive::content_named_in(&first));
        let content = content.and_then(|content| self.buyer.members().remove(&content));
        content.map_or(0, |content| content.log().lock().length())
    }

    /// Blocks that are here of drives that are mounted in it.
    fn mounted_length(&self, metadata: &Replicator) -> u64 {
        let members = self.buyer.members();
        let all: u64 = members.values().map(|feed| feed.log().lock().length()).sum();
        all.saturating_sub(self.content_length(metadata))
    }

    fn begin_export(
        &self,
        version: u64,
        folder: &Path,
        metadata: &Replicator,
        is_watched: bool,
    ) -> Result<Export, Failure> {
        let (sender, notices) = mpsc::channel();
        let (home, to) = (self.destination.home.clone(), folder.to_owned());
        let members = self.buyer.members();
        // Drives that are mounted are entered if any is sold along.
        let reach = if members.len() > 1 { Reach::Mounts } else { Reach::Drive };
        let mut feeds: BTreeMap<_, _> =
            members.into_iter().map(|(feed, member)| (feed, member.log().clone())).collect();
        feeds.extend(self.buyer.feed_name().map(|name| (name, metadata.log().clone())));
        let mounted = self.mounted_length(metadata);
        let lengths: BTreeMap<_, _> = feeds.iter().map(|(feed, log)| (*feed, log.lock().length())).collect();
        let copied = Copied { version, reach, lengths: lengths.clone() };
        let memory = &self.destination.memory;
        let mut before = Vec::new();
        if self.destination.is_live {
            before = memory.recall(folder).map_err(MarketError::from)?;
            // What was written of another history than this one is not known any more.
            before.retain(|before| before.version <= version && *before != copied);
        }
        // Also of a program that is killed before the end files may be there.
        memory.begin(folder, &copied).map_err(MarketError::from)?;
        let content = self.content_length(metadata);
        let metadata = metadata.log().clone();
        let runtime = Handle::current();
        let thread = std::thread::spawn(move || {
            // Nobody listens any more if the program is about to end.
            let mut notify = |notice: &FileNotice| drop(sender.send(Told::Notice(notice.clone())));
            runtime.block_on(async {
                let of_lengths = async |lengths| {
                    let drive = Drive::of_feeds(&home, Arc::clone(&metadata), feeds.clone()).await?;
                    Ok::<_, DriveAccessError>(drive.with_lengths(lengths))
                };
                // What is mounted may grow meanwhile: then it is written once more.
                let drive = of_lengths(lengths).await?;
                let mut summary = Summary::default();
                for before in before {
                    let then = (&of_lengths(before.lengths).await?, before.version, before.reach);
                    summary.add(&drive.prune(then, (version, reach), &to, &mut notify).await?);
                }
                let root = DrivePath::default();
                if is_watched {
                    let total = Amount::of_drive(&drive, version, &root, reach).await?;
                    let _ = sender.send(Told::Total(total));
                }
                summary.add(&drive.export(version, &root, &to, reach, &mut notify).await?);
                Ok((drive, summary))
            })
        });
        Ok(Export { version, content, mounted, copied, notices, progress: None, thread })
    }

    /// Tells what became of files; whether all of them are written.
    fn follow_export(&mut self, output: &Output) -> Result<bool, Failure> {
        let Some(export) = &mut self.export else { return Ok(true) };
        let is_over = export.thread.is_finished();
        for told in export.notices.try_iter() {
            match (told, &mut export.progress) {
                (Told::Total(total), progress) => *progress = Some(FileProgress::new(total)),
                (Told::Notice(notice), Some(progress)) => {
                    progress.count(output, &notice)?;
                    report(output, &notice)?;
                }
                (Told::Notice(notice), None) => report(output, &notice)?,
            }
        }
        if !is_over {
            return Ok(false);
        }
        if let Some(Export { version, content, mounted, copied, thread, .. }) = self.export.take() {
            let ended = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            let (drive, summary) = ended?;
            tell_done(output, (&drive, version), summary)?;
            self.written = Some(Written { version, content, mounted, summary });
            if let Some(folder) = self.destination.folder.as_deref().filter(|_| self.destination.is_live) {
                self.destination.memory.remember(folder, &[copied]).map_err(MarketError::from)?;
            }
        }
        Ok(true)
    }
}

impl Deliver for FilesDelivery {
    fn advance(&mut self, feed: &Replicator, output: &Output) -> Result<bool, Failure> {
        if !self.follow_export(output)? || !self.is_here(feed)? {
            return Ok(false);
        }
        let version = feed.log().lock().length();
        let Some(folder) = self.destination.folder.clone() else {
            if !self.destination.is_live {
                output.remark(&format!(
                    "It is a drive; look into it: dazaar drive ls {}",
                    self.destination.name
                ));
            }
            return Ok(!self.destination.is_live);
        };
        match self.written {
            Some(written) if written.is_of(version, self.content_length(feed), self.mounted_length(feed)) => {
                if self.destination.is_live {
                    Ok(false)
                } else {
                    left_out(written.summary).map(|()| true)
                }
            }
            _ => {
                self.export = Some(self.begin_export(version, &folder, feed, output.is_watched())?);
                Ok(false)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_tried_again_once_there_is_more_content() {
        let written = |failed| Written {
            version: 4,
            content: 7,
            mounted: 2,
            summary: Summary { failed, ..Summary::default() },
        };
        assert!(written(0).is_of(4, 7, 2) && written(0).is_of(4, 8, 2), "nothing was left out");
        assert!(!written(0).is_of(5, 7, 2) && !written(0).is_of(4, 7, 3), "another version");
        assert!(written(1).is_of(4, 7, 2), "nothing has come");
        assert!(!written(1).is_of(4, 8, 2), "it may be here now");
    }
}
