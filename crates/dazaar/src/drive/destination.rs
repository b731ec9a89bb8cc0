//! A folder of the disk that is written into, and never left, whatever the names say.
//!
//! Every folder on the way is opened below the one before it, without following links. A file is written under another name
//! first, and then takes its own, so that nobody sees a part of it.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, Timespec, Timestamps};
use rustix::path::Arg;

use dazaar_trie::hyperdrive::{Kind, Stat};

use super::store::FolderId;

/// Bytes of a name, as most file systems allow.
const NAME_BYTES: usize = 255;

/// Levels of folders, so that nobody makes a tree that other programs cannot remove.
pub(super) const LEVELS: usize = 256;

/// How files begin and end that are not whole yet.
const PART: (&str, &str) = (".dazaar-", ".part");

/// Names that are tried for a file that is not whole.
const PART_TRIES: usize = 16;

/// Permissions that are kept: no file of somebody else's becomes one that runs with the rights of its owner.
const PERMISSIONS: u32 = 0o777;

/// A folder that is written into.
#[derive(Debug)]
pub(super) struct Destination {
    root: OwnedFd,
    /// A folder that is not entered: that of the drive, with its secret keys.
    closed: FolderId,
    /// Whether folders on the way are made.
    makes: bool,
    /// The folder that was used last.
    last: Option<(Vec<String>, OwnedFd)>,
}

/// A place in the destination: a name in a folder that exists.
#[derive(Debug)]
pub(super) struct Place<'a> {
    folder: &'a OwnedFd,
    closed: FolderId,
    name: String,
}

impl Destination {
    /// Opens a folder, and makes it if it is missing.
    pub(super) fn open(path: &Path, closed: FolderId) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let root = rustix::fs::open(path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { root, closed, makes: true, last: None })
    }

    /// Opens a folder, if it is there, to take away what is in it: no folder is made on the way.
    pub(super) fn find(path: &Path, closed: FolderId) -> io::Result<Option<Self>> {
        match rustix::fs::open(path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
            Err(rustix::io::Errno::NOENT) => Ok(None),
            root => Ok(Some(Self { root: root?, closed, makes: false, last: None })),
        }
    }

    /// Takes files away from the folder itself that did not become whole because the program that wrote them is gone.
    pub(super) fn tidy(&self) -> io::Result<()> {
        tidy(&self.root)
    }

    /// The place of a path, names with `/` between them.
    pub(super) fn place(&mut self, path: &str) -> io::Result<Place<'_>> {
        let mut names: Vec<String> = path.split('/').map(str::to_owned).collect();
        if names.len() > LEVELS {
            return Err(io::Error::other(format!("more than {LEVELS} levels of folders")));
        }
        names.iter().try_for_each(|name| check(name))?;
        let name = names.pop().unwrap_or_default();
        if self.last.as_ref().is_none_or(|(last, _)| *last != names) {
            let mut folder = self.root.try_clone()?;
            for name in &names {
                folder = if self.makes { enter(&folder, name)? } else { open_folder(&folder, name)? };
                check_open(&folder, self.closed)?;
            }
            self.last = Some((names, folder));
        }
        let (_, folder) = self.last.as_ref().ok_or(io::ErrorKind::NotFound)?;
        Ok(Place { folder, closed: self.closed, name })
    }
}

impl Place<'_> {
    /// Whether there is a file of this size and time already. Only its permissions are set then.
    pub(super) fn is_same(&self, stat: &Stat) -> io::Result<bool> {
        let Ok(found) = rustix::fs::statat(self.folder, &self.name, AtFlags::SYMLINK_NOFOLLOW) else {
            return Ok(false);
        };
        let is_file = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
        let modified = i128::from(found.st_mtime) * 1000 + i128::from(found.st_mtime_nsec) / 1_000_000;
        if !is_file || found.st_size as u64 != stat.size || modified != i128::from(stat.mtime_ms) {
            return Ok(false);
        }
        if found.st_mode & 0o7777 != stat.permissions() & PERMISSIONS {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let file = rustix::fs::openat(self.folder, &self.name, flags, Mode::empty())?;
            rustix::fs::fchmod(file, permissions(stat))?;
        }
        Ok(true)
    }

    /// Begins a file that nobody sees yet. As long as it is open it is locked: that tells it from what is left of a program that is gone.
    pub(super) fn begin(&self) -> io::Result<(File, String)> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        for _ in 0..PART_TRIES {
            let part = format!("{}{:x}{}", PART.0, rand::random::<u64>(), PART.1);
            let file = match rustix::fs::openat(self.folder, &part, flags, Mode::from_raw_mode(0o600)) {
                Err(rustix::io::Errno::EXIST) => continue,
                file => file?,
            };
            // Some file systems have no locks: then nobody takes it for left behind either.
            let is_taken = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)
                == Err(rustix::io::Errno::WOULDBLOCK);
            // Somebody who tidies up may have come by before it was locked.
            if !is_taken && rustix::fs::fstat(&file)?.st_nlink > 0 {
                return Ok((file.into(), part));
            }
        }
        Err(io::Error::other("others take away what is being written there"))
    }

    /// Gives a file its name, once it is whole, has been [sealed](seal), and is safe from a power cut.
    pub(super) fn finish(&self, part: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(self.folder, part, self.folder, &self.name)?)
    }

    /// Takes a file away that did not become whole.
    pub(super) fn abandon(&self, part: &str) {
        // A part that stays is taken away by the next export.
        let _ = rustix::fs::unlinkat(self.folder, part, AtFlags::empty());
    }

    /// Makes a link, in place of another link or file. False if it is there.
    pub(super) fn link(&self, target: &str, number: u64) -> io::Result<bool> {
        if self.leads_to(target) {
            return Ok(false);
        }
        let part = format!("{}{number:x}{}", PART.0, PART.1);
        self.abandon(&part);
        rustix::fs::symlinkat(target, self.folder, &part)?;
        let renamed = rustix::fs::renameat(self.folder, &part, self.folder, &self.name);
        if renamed.is_err() {
            self.abandon(&part);
        }
        renamed?;
        Ok(true)
    }

    /// Whether there is a link with this target.
    fn leads_to(&self, target: &str) -> bool {
        let found = rustix::fs::readlinkat(self.folder, &self.name, Vec::new());
        found.is_ok_and(|found| found.as_bytes() == target.as_bytes())
    }

    /// Removes what was written here, a link with this target, unless it is gone or was changed since; whether it was removed.
    pub(super) fn remove(&self, stat: &Stat, target: Option<&str>) -> io::Result<bool> {
        let flags = match stat.kind() {
            Kind::Directory => AtFlags::REMOVEDIR,
            Kind::Symlink if target.is_some_and(|target| self.leads_to(target)) => AtFlags::empty(),
            Kind::File if self.is_same(stat)? => AtFlags::empty(),
            _ => return Ok(false),
        };
        match rustix::fs::unlinkat(self.folder, &self.name, flags) {
            Ok(()) => Ok(true),
            // Somebody has something of their own in that folder.
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTEMPTY | rustix::io::Errno::NOTDIR) => {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Takes files away from this folder that did not become whole because the program that wrote them is gone.
    pub(super) fn tidy(&self) -> io::Result<()> {
        tidy(&open_folder(self.folder, &self.name)?)
    }

    /// Makes a folder, which is as closed to others as it will be. False if it is there.
    pub(super) fn folder(&self, stat: &Stat) -> io::Result<bool> {
        let mode = permissions(stat) | Mode::RWXU;
        match rustix::fs::mkdirat(self.folder, &self.name, mode) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::EXIST) => {
                check_open(&open_folder(self.folder, &self.name)?, self.closed).map(|()| false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Gives a folder its permissions and its time, once nothing is written into it any more.
    pub(super) fn finish_folder(&self, stat: &Stat) -> io::Result<()> {
        let folder = open_folder(self.folder, &self.name)?;
        check_open(&folder, self.closed)?;
        rustix::fs::fchmod(&folder, permissions(stat))?;
        Ok(rustix::fs::futimens(&folder, &times(stat))?)
    }
}

/// Gives a file that is whole its permissions and its time.
pub(super) fn seal(file: &File, stat: &Stat) -> io::Result<()> {
    rustix::fs::fchmod(file, permissions(stat))?;
    Ok(rustix::fs::futimens(file, &times(stat))?)
}

/// Checks that a folder is not the one that is closed.
fn check_open(folder: &OwnedFd, closed: FolderId) -> io::Result<()> {
    let found = rustix::fs::fstat(folder)?;
    match FolderId::new(found.st_dev, found.st_ino) == closed {
        true => Err(io::Error::other("the drive itself is there")),
        false => Ok(()),
    }
}

/// Checks that a name means a file in its folder and nothing else.
fn check(name: &str) -> io::Result<()> {
    let fault = match name {
        "" => "a name is empty",
        "." | ".." => "`.` and `..` are no names",
        _ if name.contains(['/', '\0']) => "a name has a zero byte",
        _ if name.len() > NAME_BYTES => "a name has more than 255 bytes",
        _ if name.starts_with(PART.0) && name.ends_with(PART.1) => "the name is for files that are not whole",
        _ => return Ok(()),
    };
    Err(io::Error::other(fault))
}

/// Takes away what has the name of a part, is a file, and is locked by nobody.
fn tidy(folder: &OwnedFd) -> io::Result<()> {
    for entry in Dir::read_from(folder)? {
        let name = entry?.file_name().to_owned();
        if !name.to_str().is_ok_and(is_part) {
            continue;
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        // What cannot be opened is no file of ours, or somebody else was faster.
        let Ok(file) = rustix::fs::openat(folder, &*name, flags, Mode::empty()) else { continue };
        let is_file = FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) == FileType::RegularFile;
        if is_file && rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            match rustix::fs::unlinkat(folder, &*name, AtFlags::empty()) {
                Ok(()) | Err(rustix::io::Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

/// Whether a name is one of those that files have before they are whole.
fn is_part(name: &str) -> bool {
    let number = name.strip_prefix(PART.0).and_then(|rest| rest.strip_suffix(PART.1));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Opens a folder in a folder, and makes it if it is missing.
fn enter(folder: &OwnedFd, name: &str) -> io::Result<OwnedFd> {
    match rustix::fs::mkdirat(folder, name, Mode::from_raw_mode(0o777)) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => open_folder(folder, name),
        Err(error) => Err(error.into()),
    }
}

/// Opens a folder in a folder, and follows no link.
pub(super) fn open_folder(folder: &OwnedFd, name: impl Arg) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let text = name.to_string_lossy().into_owned();
    rustix::fs::openat(folder, name, flags, Mode::empty()).map_err(|error| match error {
        rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP => {
            io::Error::new(io::ErrorKind::NotADirectory, format!("{text} is in the way, which is no folder"))
        }
        error => error.into(),
    })
}

const fn permissions(stat: &Stat) -> Mode {
    Mode::from_raw_mode(stat.permissions() & PERMISSIONS)
}

fn times(stat: &Stat) -> Timestamps {
    let time = Timespec {
        tv_sec: i64::try_from(stat.mtime_ms / 1000).unwrap_or(0),
        tv_nsec: (stat.mtime_ms % 1000 * 1_000_000) as _,
    };
    Timestamps { last_access: time, last_modification: time }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_closed_folder_keeps_its_mode() {
        let scene = tempfile::tempdir().unwrap();
        let secret = scene.path().join("secret");
        fs::create_dir(&secret).unwrap();
        let before = fs::metadata(&secret).unwrap();
        let mut destination = Destination::open(scene.path(), FolderId::of(&secret).unwrap()).unwrap();
        let stat = Stat::directory(0o777);
        assert!(destination.place("secret").unwrap().folder(&stat).is_err());
        assert!(destination.place("secret").unwrap().finish_folder(&stat).is_err());
        assert_eq!(fs::metadata(&secret).unwrap().permissions(), before.permissions());
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let scene = tempfile::tempdir().unwrap();
        let mut destination =
            Destination::open(&scene.path().join("to"), FolderId::of(scene.path()).unwrap()).unwrap();
        let long = "x".repeat(256);
        for path in ["../up", "a/../../up", "/etc", "a//b", "", ".", "a\0b", ".dazaar-1.part", &long] {
            assert!(destination.place(path).is_err(), "{path:?}");
        }
        assert!(destination.place(&vec!["x"; 257].join("/")).is_err());
        assert_eq!(fs::read_dir(scene.path()).unwrap().count(), 1);
    }

    #[test]
    fn links_on_the_way_are_not_followed() {
        let scene = tempfile::tempdir().unwrap();
        let (outside, to) = (scene.path().join("outside"), scene.path().join("to"));
        fs::create_dir(&outside).unwrap();
        let mut destination = Destination::open(&to, FolderId::of(scene.path()).unwrap()).unwrap();
        symlink(&outside, to.join("dir")).unwrap();
        symlink(outside.join("file"), to.join("file")).unwrap();
        assert!(destination.place("dir/x").is_err());
        assert!(destination.place("dir").unwrap().folder(&Stat::directory(0o755)).is_err());
        assert!(destination.place("dir").unwrap().finish_folder(&Stat::directory(0o700)).is_err());
        // A link in the place of a file is replaced, and not written through.
        let place = destination.place("file").unwrap();
        assert!(!place.is_same(&Stat::file(0o644)).unwrap());
        let (file, part) = place.begin().unwrap();
        seal(&file, &Stat::file(0o4644)).unwrap();
        place.finish(&part).unwrap();
        let made = fs::symlink_metadata(to.join("file")).unwrap();
        assert!(made.is_file());
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&made.permissions()) & 0o7777, 0o644);
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    }

    #[test]
    fn what_is_left_of_a_program_that_is_gone_is_taken_away_and_what_is_being_written_stays() {
        let scene = tempfile::tempdir().unwrap();
        let to = scene.path().join("to");
        let mut destination = Destination::open(&to, FolderId::of(scene.path()).unwrap()).unwrap();
        let (file, running) = destination.place("folder/file").unwrap().begin().unwrap();
        let (other, gone) = destination.place("folder/file").unwrap().begin().unwrap();
        drop(other);
        let folder = to.join("folder");
        // Names and things that others might have.
        for name in [".dazaar-1f.part", ".dazaar-x.part", ".dazaar-.part", "file.part"] {
            fs::write(folder.join(name), "mine").unwrap();
            fs::write(to.join(name), "mine").unwrap();
        }
        fs::create_dir(folder.join(".dazaar-2.part")).unwrap();
        symlink("/etc/passwd", folder.join(".dazaar-3.part")).unwrap();
        destination.place("folder").unwrap().tidy().unwrap();
        destination.tidy().unwrap();
        let names = |folder: &Path| {
            let entries = fs::read_dir(folder).unwrap();
            let mut names: Vec<_> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        let mut expected =
            [".dazaar-.part", ".dazaar-2.part", ".dazaar-3.part", ".dazaar-x.part", "file.part", &running];
        expected.sort_unstable();
        assert_eq!(names(&folder), expected, "and not {gone}");
        assert_eq!(names(&to), [".dazaar-.part", ".dazaar-x.part", "file.part", "folder"]);
        seal(&file, &Stat::file(0o644)).unwrap();
        destination.place("folder/file").unwrap().finish(&running).unwrap();
        assert!(folder.join("file").is_file());
    }
}
