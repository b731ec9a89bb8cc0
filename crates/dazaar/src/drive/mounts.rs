//! Drives and feeds that are mounted in a drive: they are opened from its folder, or fetched from whoever replicates it.
//!
//! What a view says about paths in other drives is followed here; nothing is known here of how mounts are written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use dazaar_log::FeedKey;
use dazaar_trie::hyperdrive::{
    DriveError, DrivePath, Entry, Mount, MountPoint, Place, Reach, Stat, View, Walk,
};
use dazaar_trie::limits::MAX_MOUNTS_ENTERED;

use super::content::Content;
use super::error::DriveAccessError;
use super::{Drive, DriveTrie};
use crate::clock::now_ms;
use crate::peer::FeedSet;

/// Drives that are open at once through the mounts of one, and as many feeds.
const OPEN_MAX: usize = 32;

/// What is open through the mounts of a drive.
#[derive(Debug, Default)]
pub(super) struct Mounted {
    drives: Open<Drive>,
    feeds: Open<Content>,
}

/// Drives or feeds that are open, by their keys.
#[derive(Debug)]
struct Open<T>(Mutex<BTreeMap<FeedKey, Arc<T>>>);

impl<T> Default for Open<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Open<T> {
    /// What is open under a key, or is opened now. If there are too many, and others `may_close`, one that nobody uses is closed.
    fn find(
        &self,
        key: FeedKey,
        may_close: bool,
        open: impl FnOnce() -> Result<T, DriveAccessError>,
    ) -> Result<Arc<T>, DriveAccessError> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = all.get(&key) {
            return Ok(Arc::clone(found));
        }
        if all.len() >= OPEN_MAX {
            let idle = all.iter().find(|(_, item)| may_close && Arc::strong_count(item) == 1);
            let idle = idle.map(|(key, _)| *key).ok_or(DriveAccessError::TooManyMounted { max: OPEN_MAX })?;
            all.remove(&idle);
        }
        let opened = Arc::new(open()?);
        all.insert(key, Arc::clone(&opened));
        Ok(opened)
    }
}

/// What is at a path, and where that is.
#[derive(Debug)]
pub struct Located {
    /// The drive that it is in, the version of it, and its path there.
    pub place: Place,
    /// What is there; of a link, the link. Its path is the one that was asked for.
    pub entry: Entry,
    /// The drive that is mounted there, if the entry is a mount and something says of which.
    pub mount: Option<MountPoint>,
}

/// What a walk came by.
#[derive(Debug)]
pub(super) struct Step {
    /// Where, as seen from the drive in which the walk began.
    pub(super) path: String,
    /// What is there, and in which drive if that is another one; or why that is not known.
    pub(super) found: Result<(Option<Arc<Drive>>, Entry), DriveAccessError>,
}

impl Drive {
    /// Mounts another drive at a path where nothing is, or lets a feed be seen there as a file. Neither need be here.
    ///
    /// # Errors
    /// [`DriveError::Exists`]; as [`write`](Self::write).
    pub async fn mount(&self, path: &DrivePath, mount: Mount) -> Result<(), DriveAccessError> {
        let mut stat = Stat::directory(0o755);
        if mount.is_feed {
            let feed = self.mounted_feed(mount.key)?;
            stat = Stat { size: feed.byte_length(), blocks: feed.length(), ..Stat::file(0o644) };
        }
        let content = self.content().await?;
        (stat.offset, stat.byte_offset) = (content.length(), content.byte_length());
        stat.mtime_ms = u64::try_from(now_ms()).unwrap_or(0);
        stat.ctime_ms = stat.mtime_ms;
        self.write(|edit| edit.mount(path, mount.clone(), stat.clone()).map(drop)).await
    }

    /// Opens all drives that are mounted in this one, and in each other, as far as that is known here. They are replicated from now on
    /// with this one. Each version of a drive is told once, where it was found first. What cannot be opened or read is left out.
    ///
    /// # Errors
    /// [`DriveAccessError::TooManyMounted`], [`DriveError::TooManyMounts`].
    pub async fn open_mounts(&self) -> Result<Vec<(DrivePath, MountPoint)>, DriveAccessError> {
        let root = Place::new(self.name, None, DrivePath::default());
        let mut waiting = vec![(DrivePath::default(), root, None)];
        let (mut known, mut opened) = (BTreeSet::from([(self.name, None)]), Vec::new());
        while let Some((seen, place, drive)) = waiting.pop() {
            let drive: &Self = drive.as_deref().unwrap_or(self);
            let version = place.version.unwrap_or_else(|| drive.version());
            let mounts = drive.metadata.ask_here(|trie| View::new(trie, version).mounts());
            for mount in mounts.unwrap_or_default() {
                let is_new = known.insert((mount.key, mount.version));
                let Some(below) = mount.path.below(&place.path).filter(|_| is_new) else { continue };
                let at = seen.join(below);
                if opened.len() >= MAX_MOUNTS_ENTERED {
                    return Err(DriveError::TooManyMounts { path: at }.into());
                }
                let inner = match self.open_mount(mount.key).await {
                    Err(error @ DriveAccessError::TooManyMounted { .. }) => return Err(error),
                    Err(_) => continue,
                    Ok(inner) => inner,
                };
                if let Ok(place) = place.enter(&mount, "") {
                    waiting.push((at.clone(), place, inner));
                }
                opened.push((at, mount));
            }
        }
        Ok(opened)
    }

    /// Opens both feeds of a drive that is mounted, unless that is this one.
    async fn open_mount(&self, key: FeedKey) -> Result<Option<Arc<Self>>, DriveAccessError> {
        if key == self.name {
            return Ok(None);
        }
        let drive = self.mounted_drive(key)?;
        drive.open_content().await?;
        Ok(Some(drive))
    }

    /// The entry at a path itself, of a link, the link; also if the path leads into another drive. Its path is the one that was asked for.
    ///
    /// # Errors
    /// As [`ask_at`](Self::ask_at); [`DriveAccessError::Within`] with what is wrong in the other drive.
    pub async fn lstat(&self, version: u64, path: &DrivePath) -> Result<Entry, DriveAccessError> {
        let (_, entry) = self.ask_through(version, path, |view, path| view.lstat(path)).await?;
        Ok(Entry { path: path.as_str().to_owned(), ..entry })
    }

    /// The entry at a path itself, and where it is.
    ///
    /// # Errors
    /// As [`lstat`](Self::lstat).
    pub async fn locate(&self, version: u64, path: &DrivePath) -> Result<Located, DriveAccessError> {
        let ask = |view: &View<'_, DriveTrie>, within: &DrivePath| {
            let entry = view.lstat(within)?;
            let mount = match entry.is_mount.then(|| view.mount_point(within)).transpose() {
                Err(DriveError::NotMounted { .. } | DriveError::Stat { .. }) => None,
                mount => mount?,
            };
            let place = (view.version(), within.clone());
            Ok((place, entry, mount))
        };
        let (drive, ((version, within), mut entry, mount)) = self.ask_through(version, path, ask).await?;
        if let Some(feed) = entry.feed().cloned() {
            entry.stat = self.feed_file(&feed, &entry.stat).await?.1;
        }
        let key = drive.map_or_else(|| self.name, |drive| drive.key());
        path.as_str().clone_into(&mut entry.path);
        Ok(Located { place: Place::new(key, Some(version), within), entry, mount })
    }

    /// The entry at a path, or at the end of links, also if that is in another drive. Its path is the one that was asked for.
    ///
    /// # Errors
    /// As [`lstat`](Self::lstat).
    pub async fn stat(&self, version: u64, path: &DrivePath) -> Result<Entry, DriveAccessError> {
        let (_, mut entry) = self.ask_through(version, path, |view, path| view.stat(path)).await?;
        if let Some(mount) = entry.feed().cloned() {
            entry.stat = self.feed_file(&mount, &entry.stat).await?.1;
        }
        Ok(Entry { path: path.as_str().to_owned(), ..entry })
    }

    /// Asks at a path of a version, or where that leads. Returns the drive that has answered too, if that is another one.
    pub(super) async fn ask_through<T>(
        &self,
        version: u64,
        path: &DrivePath,
        mut ask: impl FnMut(&View<'_, DriveTrie>, &DrivePath) -> Result<T, DriveError>,
    ) -> Result<(Option<Arc<Self>>, T), DriveAccessError> {
        let mut place = Place::new(self.name, Some(version), path.clone());
        loop {
            let (drive, version) = self.at(&place).await?;
            let asked = drive.as_deref().unwrap_or(self);
            let answer = match asked.ask_at(version, |view| ask(view, &place.path)).await {
                Ok(answer) => Ok(answer),
                Err(DriveAccessError::Drive(error)) => Err(error),
                Err(error) => return Err(within(drive.as_deref(), error)),
            };
            match place.follow(answer) {
                Ok(Some(answer)) => return Ok((drive, answer)),
                Ok(None) => {}
                Err(error) => return Err(within(drive.as_deref(), error.into())),
            }
        }
    }

    /// Lists what is in a directory of a version.
    pub(super) fn walk(&self, version: u64, directory: &DrivePath, reach: Reach) -> Walk {
        Walk::new(Place::new(self.name, Some(version), directory.clone()), directory, reach)
    }

    /// What a walk comes by next; none at the end. Only what is wrong where it began is an error.
    pub(super) async fn step(&self, walk: &mut Walk) -> Result<Option<Step>, DriveAccessError> {
        while let Some(place) = walk.place().cloned() {
            let (drive, found) = match self.at(&place).await {
                Ok((drive, version)) => {
                    let asked = drive.as_deref().unwrap_or(self);
                    let found = asked.ask_at(version, |view| walk.next(view)).await;
                    (drive, found)
                }
                Err(error) => (None, Err(error)),
            };
            match (found, walk.mount()) {
                (Ok(None), _) => {}
                (Ok(Some(found)), _) => {
                    let entry = found.entry.map_err(Into::into);
                    return Ok(Some(Step { path: found.path, found: entry.map(|entry| (drive, entry)) }));
                }
                (Err(error), Some(mount)) => {
                    let path = mount.to_owned();
                    walk.leave();
                    return Ok(Some(Step { path, found: Err(within(drive.as_deref(), error)) }));
                }
                (Err(error), None) => return Err(within(drive.as_deref(), error)),
            }
        }
        Ok(None)
    }

    /// The feed that is seen as a file, and what is known of that now.
    pub(super) async fn feed_file(
        &self,
        mount: &Mount,
        stat: &Stat,
    ) -> Result<(Arc<Content>, Stat), DriveAccessError> {
        let feed = self.mounted_feed(mount.key)?;
        feed.update().await?;
        let wanted = mount.version.or_else(|| self.length_of(mount.key));
        let blocks = wanted.unwrap_or_else(|| feed.length());
        feed.reach(0, blocks).await?;
        let size = feed.end_of(blocks).await?;
        Ok((feed, Stat { size, blocks, offset: 0, byte_offset: 0, ..stat.clone() }))
    }

    /// The drive of a place if that is another one, and the version that is meant.
    async fn at(&self, place: &Place) -> Result<(Option<Arc<Self>>, u64), DriveAccessError> {
        if place.key == self.name {
            let settled = self.length_of(self.name).filter(|length| *length > 0);
            return Ok((None, place.version.or(settled).unwrap_or_else(|| self.version())));
        }
        let wanted = place.version.or_else(|| self.length_of(place.key));
        if wanted == Some(0) {
            return Err(DriveAccessError::NotHere { key: place.key });
        }
        let drive = self.mounted_drive(place.key)?;
        let version = drive.reach(wanted).await;
        if version == 0 {
            return Err(DriveAccessError::NotHere { key: place.key });
        }
        Ok((Some(drive), version))
    }

    /// The version that is meant. What peers have told of is fetched; if nothing is here, until one does.
    async fn reach(&self, wanted: Option<u64>) -> u64 {
        let here = self.version();
        let is_behind = wanted.map_or_else(|| here == 0 || self.metadata.is_behind(), |wanted| wanted > here);
        if is_behind && !self.store.is_snapshot() && !self.is_writable() {
            self.update().await;
        }
        wanted.unwrap_or_else(|| self.version())
    }

    /// How many blocks of a feed are read, if that is settled.
    fn length_of(&self, feed: FeedKey) -> Option<u64> {
        self.lengths.as_ref().map(|lengths| lengths.get(&feed).copied().unwrap_or(0))
    }

    pub(super) fn mounted_drive(&self, key: FeedKey) -> Result<Arc<Self>, DriveAccessError> {
        let open = || {
            let log = self.store.feed(key).map_err(|error| not_here(error, key))?;
            Ok(Self::of(Arc::clone(&self.store), log, self.feeds_of_mounts()))
        };
        self.mounted.drives.find(key, self.store.is_snapshot(), open)
    }

    fn mounted_feed(&self, key: FeedKey) -> Result<Arc<Content>, DriveAccessError> {
        let is_snapshot = self.store.is_snapshot();
        let open = || {
            let log = self.store.feed(key).map_err(|error| not_here(error, key))?;
            Ok(Content::new(log, &self.feeds_of_mounts(), is_snapshot))
        };
        self.mounted.feeds.find(key, is_snapshot, open)
    }

    /// The feeds among which those of mounts are. Nobody replicates a snapshot, and what is among no feeds can be closed.
    fn feeds_of_mounts(&self) -> Arc<FeedSet> {
        if self.store.is_snapshot() { FeedSet::new() } else { Arc::clone(&self.feeds) }
    }
}

/// Says in which drive something is wrong, if that is another one.
fn within(drive: Option<&Drive>, error: DriveAccessError) -> DriveAccessError {
    match drive {
        Some(drive) => DriveAccessError::Within { key: drive.key(), source: Box::new(error) },
        None => error,
    }
}

fn not_here(error: DriveAccessError, key: FeedKey) -> DriveAccessError {
    match error {
        DriveAccessError::NoDrive { .. } => DriveAccessError::NotHere { key },
        error => error,
    }
}
