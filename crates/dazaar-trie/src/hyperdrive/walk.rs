//! Listing a directory with what is mounted below it.
//!
//! Grade: over a door. Depth first: what is in a mounted drive comes behind its mount. A directory that is being listed already is not
//! entered within itself, and the number of mounts that are entered is bounded: mounts of mounts could multiply at each step.

use std::collections::BTreeMap;

use dazaar_log::FeedKey;

use super::error::DriveError;
use super::list::List;
use super::path::DrivePath;
use super::place::Place;
use super::view::{Entry, View};
use crate::hypertrie::Nodes;
use crate::limits::{MAX_MOUNTS_ENTERED, MAX_MOUNTS_OF_ONE};

/// How far a list goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// What is directly in the directory.
    Directory,
    /// Everything below it in this drive.
    Drive,
    /// Everything below it, in mounted drives too.
    Mounts,
}

/// A list that is being made over several drives, which goes on after a missing block was fetched.
#[derive(Debug)]
pub struct Walk {
    reach: Reach,
    levels: Vec<Level>,
    /// How many mounts may still be entered.
    left: usize,
    /// How often each drive was entered, and each feed seen as a file.
    entered: BTreeMap<FeedKey, usize>,
}

/// What a walk came by.
#[derive(Debug)]
pub struct Found {
    /// Its path, as seen from the drive in which the walk began.
    pub path: String,
    /// What is there, its path as in its own drive; or why that cannot be read.
    pub entry: Result<Entry, DriveError>,
}

/// A directory of one of the drives.
#[derive(Debug)]
struct Level {
    place: Place,
    /// Where it is seen from the drive in which the walk began.
    seen: String,
    list: Option<List>,
    /// The mount that is entered next, a path in this drive.
    entering: Option<DrivePath>,
}

impl Walk {
    /// Lists a directory, or the one to which a link there leads. `path` is where the directory is seen. Nothing is read yet.
    pub fn new(place: Place, path: &DrivePath, reach: Reach) -> Self {
        let levels = vec![Level::new(place, path.as_str().to_owned())];
        Self { reach, levels, left: MAX_MOUNTS_ENTERED, entered: BTreeMap::new() }
    }

    /// Which drive and version [`next`](Self::next) is about; none at the end.
    pub fn place(&self) -> Option<&Place> {
        Some(&self.levels.last()?.place)
    }

    /// Where the mount is seen that is being listed; none in the directory in which the walk began.
    pub fn mount(&self) -> Option<&str> {
        self.levels.get(1..)?.last().map(|level| level.seen.as_str())
    }

    /// Where a path of the drive that the last entry is in is seen; none if it is outside of what is listed.
    pub fn seen(&self, path: &DrivePath) -> Option<DrivePath> {
        Some(DrivePath::new(&self.levels.last()?.seen(path.as_str())?))
    }

    /// Gives up the mount or the directory that is being listed, and goes on with what comes behind it.
    pub fn leave(&mut self) {
        self.levels.pop();
    }

    /// What comes next; none if that is elsewhere: ask again until there is no [`place`](Self::place) any more.
    ///
    /// # Errors
    /// Those of a missing block: fetch it, and ask again. After others the walk only goes on if it [leaves](Self::leave). As
    /// [`View::readdir`].
    #[expect(private_bounds, reason = "only the tries of this crate are sources of nodes")]
    pub fn next(&mut self, view: &View<'_, impl Nodes>) -> Result<Option<Found>, DriveError> {
        let Some(level) = self.levels.last_mut() else { return Ok(None) };
        if let Some(mount) = &level.entering {
            let mount = mount.clone();
            return self.enter(view, &mount);
        }
        let Some(list) = &mut level.list else { return self.open(view).map(|()| None) };
        let (path, mut entry) = match list.next(view) {
            Ok(Some(entry)) => (entry.path.clone(), Ok(entry)),
            Ok(None) => {
                self.levels.pop();
                return Ok(None);
            }
            Err(DriveError::Stat { path, seq, fault }) => {
                (path.clone(), Err(DriveError::Stat { path, seq, fault }))
            }
            Err(error) => return Err(error),
        };
        if self.reach == Reach::Mounts && entry.as_ref().is_ok_and(|entry| entry.is_mount) {
            level.entering = Some(DrivePath::new(&path));
        }
        if self.reach == Reach::Mounts
            && let Some(feed) = entry.as_ref().ok().and_then(Entry::feed).map(|feed| feed.key)
            && let Err(error) = count(&mut self.entered, feed, &DrivePath::new(&path))
        {
            entry = Err(error);
        }
        Ok(Some(Found { path: level.seen_or_own(&path), entry }))
    }

    /// Begins to list a directory, unless that is being done already.
    fn open(&mut self, view: &View<'_, impl Nodes>) -> Result<(), DriveError> {
        let Some((level, above)) = self.levels.split_last_mut() else { return Ok(()) };
        // Whatever comes later is of the same version.
        level.place.version = Some(view.version());
        let list = view.readdir(&level.place.path, self.reach != Reach::Directory);
        let Some(list) = level.place.follow(list)? else { return Ok(()) };
        let place = |level: &Level| (level.place.key, level.place.version);
        let is_same = |other: &Level| {
            let directory = other.list.as_ref().map(|list| &list.directory);
            place(other) == place(level) && directory == Some(&list.directory)
        };
        if above.iter().any(is_same) {
            self.levels.pop();
        } else {
            level.list = Some(list);
        }
        Ok(())
    }

    /// Goes on in the drive that is mounted at a path.
    fn enter(&mut self, view: &View<'_, impl Nodes>, path: &DrivePath) -> Result<Option<Found>, DriveError> {
        let Some(level) = self.levels.last_mut() else { return Ok(None) };
        let mut entered = view.mount_point(path).and_then(|mount| level.place.enter(&mount, ""));
        if let Err(error @ DriveError::Trie(_)) = entered {
            return Err(error);
        }
        level.entering = None;
        if self.left == 0 {
            entered = Err(DriveError::TooManyMounts { path: path.clone() });
        }
        if let Ok(place) = &entered
            && let Err(error) = count(&mut self.entered, place.key, path)
        {
            entered = Err(error);
        }
        let path = level.seen_or_own(path.as_str());
        match entered {
            Ok(place) => {
                self.left -= 1;
                self.levels.push(Level::new(place, path));
                Ok(None)
            }
            Err(error) => Ok(Some(Found { path, entry: Err(error) })),
        }
    }
}

/// Counts one more place of a drive or feed, unless it has been at too many.
fn count(entered: &mut BTreeMap<FeedKey, usize>, key: FeedKey, path: &DrivePath) -> Result<(), DriveError> {
    let times = entered.entry(key).or_default();
    if *times >= MAX_MOUNTS_OF_ONE {
        return Err(DriveError::MountedOften { path: path.clone(), key, max: MAX_MOUNTS_OF_ONE });
    }
    *times += 1;
    Ok(())
}

impl Level {
    const fn new(place: Place, seen: String) -> Self {
        Self { place, seen, list: None, entering: None }
    }

    /// Where a path of this drive is seen; none if it is not in the directory.
    fn seen(&self, path: &str) -> Option<String> {
        let directory = self.list.as_ref().map_or("", |list| list.directory.as_str());
        let rest = path.strip_prefix(directory)?;
        let below = if directory.is_empty() || rest.is_empty() { rest } else { rest.strip_prefix('/')? };
        let is_alone = self.seen.is_empty() || below.is_empty();
        Some(if is_alone { format!("{}{below}", self.seen) } else { format!("{}/{below}", self.seen) })
    }

    /// The same of what is in the directory, whatever its key is.
    fn seen_or_own(&self, path: &str) -> String {
        self.seen(path).unwrap_or_else(|| path.to_owned())
    }
}
