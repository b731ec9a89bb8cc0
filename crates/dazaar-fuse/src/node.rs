//! What is at a path of the folder, as the system is told of it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dazaar::drive::Located;
use dazaar::log::FeedKey;
use dazaar::maps::hyperdrive::{DrivePath, Entry, Kind, MountPoint};
use fuser::{FileAttr, FileType, INodeNo};

use crate::links;

/// Bytes of a name, as most file systems allow.
const NAME_BYTES: usize = 255;

/// Permissions that are shown.
const PERMISSIONS: u32 = 0o777;

/// Who attached the drive, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// The time of what has none.
    pub(crate) since: SystemTime,
}

/// What tells a file from others that were or will be at its path: then the system keeps their bytes apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Identity {
    /// Directories are the same as long as they have the same path.
    Directory(String),
    /// A file or a link: the drive, the block of its entry, and how many bytes a feed has that is seen as a file.
    Entry { path: String, drive: FeedKey, seq: Option<u64>, feed_bytes: Option<u64> },
}

/// A drive of which something is seen: the one that is attached, or one that is mounted.
#[derive(Debug)]
pub(crate) struct Within {
    drive: FeedKey,
    version: Option<u64>,
    /// The directory of it that is seen.
    top: DrivePath,
    /// The drive that mounts it.
    above: Option<Arc<Self>>,
}

/// What is at a path.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) path: DrivePath,
    /// The version of the drive in which it was found.
    pub(crate) version: u64,
    pub(crate) identity: Identity,
    pub(crate) attributes: FileAttr,
    /// Where it leads if it is a link, and that can be told.
    pub(crate) target: Option<String>,
    /// The drive that it lies in.
    pub(crate) within: Arc<Within>,
    pub(crate) inside: Inside,
}

/// What is in something.
#[derive(Debug, Clone)]
pub(crate) enum Inside {
    /// It is a file or a link.
    Nothing,
    /// It is a directory, and this is the drive that they lie in.
    Drive(Arc<Within>),
    /// Nothing says which drive is mounted there, or it is mounted within itself: that would never end.
    Empty,
}

impl Within {
    /// The drive that is attached; none if its newest version is, whichever that is.
    pub(crate) fn root(drive: FeedKey, version: Option<u64>) -> Arc<Self> {
        Arc::new(Self { drive, version, top: DrivePath::default(), above: None })
    }

    pub(crate) const fn drive(&self) -> FeedKey {
        self.drive
    }

    /// The drive that is mounted in this one.
    fn enter(self: &Arc<Self>, mount: &MountPoint) -> Inside {
        let MountPoint { key: drive, version, ref remote, .. } = *mount;
        let mut above = Some(self);
        while let Some(outer) = above {
            if (outer.drive, outer.version, &outer.top) == (drive, version, remote) {
                return Inside::Empty;
            }
            above = outer.above.as_ref();
        }
        Inside::Drive(Arc::new(Self { drive, version, top: remote.clone(), above: Some(Arc::clone(self)) }))
    }
}

impl Node {
    /// What was found at a path below `within`; none if it cannot be shown.
    pub(crate) fn new(within: &Arc<Within>, version: u64, located: &Located, owner: Owner) -> Option<Self> {
        let Located { place, entry, mount } = located;
        let kind = kind_of(entry)?;
        let inside = match (kind, mount) {
            (FileType::Directory, Some(mount)) => within.enter(mount),
            (FileType::Directory, None) if entry.is_mount => Inside::Empty,
            (FileType::Directory, None) => Inside::Drive(Arc::clone(within)),
            _ => Inside::Nothing,
        };
        let target = match kind {
            FileType::Symlink => {
                links::text(&place.path, entry.stat.target().unwrap_or_default(), &within.top)
            }
            _ => None,
        };
        let size = match (kind, &target) {
            (FileType::RegularFile, _) => entry.stat.size,
            (_, Some(target)) => target.len() as u64,
            _ => 0,
        };
        Some(Self {
            path: DrivePath::new(&entry.path),
            version,
            identity: Identity::of(entry, within.drive)?,
            attributes: attributes(kind, size, entry, owner),
            target,
            within: Arc::clone(within),
            inside,
        })
    }
}

impl Identity {
    /// That of an entry of a drive; none if it cannot be shown.
    pub(crate) fn of(entry: &Entry, drive: FeedKey) -> Option<Self> {
        let path = entry.path.clone();
        Some(match kind_of(entry)? {
            FileType::Directory => Self::Directory(path),
            _ => {
                Self::Entry { path, drive, seq: entry.seq, feed_bytes: entry.feed().map(|_| entry.stat.size) }
            }
        })
    }
}

/// What the system is told that an entry is; none of what cannot be shown.
pub(crate) fn kind_of(entry: &Entry) -> Option<FileType> {
    match entry.stat.kind() {
        _ if entry.is_mount => Some(FileType::Directory),
        Kind::Directory => Some(FileType::Directory),
        Kind::File => Some(FileType::RegularFile),
        // A link that leads nowhere has no text.
        Kind::Symlink => entry.stat.target().map(|_| FileType::Symlink),
        Kind::Other => None,
    }
}

/// The name by which the system is told of an entry in a directory; none if it means something else there, or cannot be found by it.
pub(crate) fn name_of<'a>(entry: &'a Entry, directory: &DrivePath) -> Option<&'a str> {
    let path = DrivePath::new(&entry.path);
    let name = entry.path.strip_prefix(directory.as_str())?;
    let name = if directory.is_root() { name } else { name.strip_prefix('/')? };
    (path.as_str() == entry.path && is_name(name)).then_some(name)
}

/// Whether something may have this name.
pub(crate) fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\\', '\0']) && name.len() <= NAME_BYTES
}

fn attributes(kind: FileType, size: u64, entry: &Entry, owner: Owner) -> FileAttr {
    let time = |ms: u64| match ms {
        0 => owner.since,
        ms => UNIX_EPOCH + Duration::from_millis(ms),
    };
    let stat = &entry.stat;
    let permissions = if kind == FileType::Symlink { PERMISSIONS } else { stat.permissions() & PERMISSIONS };
    FileAttr {
        ino: INodeNo::ROOT,
        size,
        blocks: size.div_ceil(512),
        atime: time(stat.mtime_ms),
        mtime: time(stat.mtime_ms),
        ctime: time(stat.ctime_ms),
        crtime: time(stat.ctime_ms),
        kind,
        perm: permissions as u16,
        // Of directories this says that nobody has counted those in it.
        nlink: 1,
        uid: owner.uid,
        gid: owner.gid,
        rdev: 0,
        blksize: 64 * 1024,
        flags: 0,
    }
}

#[cfg(test)]
mod tests {
    use dazaar::maps::hyperdrive::Stat;

    use super::*;

    fn entry(path: &str, stat: Stat) -> Entry {
        Entry { path: path.to_owned(), stat, seq: Some(1), is_mount: false }
    }

    #[test]
    fn names_that_mean_something_else_are_left_out() {
        let long = "x".repeat(256);
        let seen = |directory: &str, path: &str| {
            let entry = entry(path, Stat::file(0o644));
            name_of(&entry, &DrivePath::new(directory)).map(str::to_owned)
        };
        assert_eq!(seen("/", "a b").as_deref(), Some("a b"));
        assert_eq!(seen("/d", "d/a").as_deref(), Some("a"));
        for hidden in ["..", ".", "", "/a", "a//b", "a\\b", "a\0", "d/a", long.as_str()] {
            assert_eq!(seen("/", hidden), None, "{hidden:?}");
        }
        for hidden in ["d/..", "d/.", "d/", "d//a", "d/a/b", "other/a", "da"] {
            assert_eq!(seen("/d", hidden), None, "{hidden:?}");
        }
    }

    #[test]
    fn a_mount_within_itself_is_empty() {
        let [a, b] = [FeedKey([1; 32]), FeedKey([2; 32])];
        let root = Within::root(a, None);
        let mount = |key, version| MountPoint {
            path: DrivePath::new("/m"),
            key,
            version,
            remote: DrivePath::default(),
        };
        let Inside::Drive(inner) = root.enter(&mount(b, None)) else { panic!("another drive") };
        assert!(matches!(inner.enter(&mount(a, None)), Inside::Empty));
        let Inside::Drive(older) = inner.enter(&mount(a, Some(3))) else { panic!("another version") };
        assert!(matches!(older.enter(&mount(a, Some(3))), Inside::Empty));
        assert!(matches!(older.enter(&mount(b, None)), Inside::Empty));
    }

    #[test]
    fn no_file_runs_with_the_rights_of_its_owner() {
        let owner = Owner { uid: 7, gid: 8, since: UNIX_EPOCH + Duration::from_secs(9) };
        let entry = entry("a", Stat { mtime_ms: 1_600_000_000_123, size: 1 << 50, ..Stat::file(0o6755) });
        let found = attributes(FileType::RegularFile, 1 << 50, &entry, owner);
        assert_eq!((found.perm, found.uid, found.gid), (0o755, 7, 8));
        assert_eq!(found.mtime, UNIX_EPOCH + Duration::from_millis(1_600_000_000_123));
        assert_eq!(found.ctime, owner.since);
    }

    #[test]
    fn another_entry_is_another_file() {
        let drive = FeedKey([1; 32]);
        let first = entry("a", Stat::file(0o644));
        let second = Entry { seq: Some(2), ..first.clone() };
        assert_ne!(Identity::of(&first, drive), Identity::of(&second, drive));
        let directory = entry("d", Stat::directory(0o755));
        let changed = Entry { seq: Some(2), ..directory.clone() };
        assert_eq!(Identity::of(&directory, drive), Identity::of(&changed, drive));
        assert_eq!(Identity::of(&entry("device", Stat { mode: 0o020_644, ..Stat::default() }), drive), None);
    }
}
