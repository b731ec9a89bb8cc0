//! Attaching a drive to a folder, and taking it away again.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use dazaar::drive::{DriveAccessError, Shown};
use fuser::{BackgroundSession, Config, MountOption, Session};
use rustix::mount::UnmountFlags;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::task::spawn_blocking;

use crate::answer::Answers;
use crate::files::Files;
use crate::node::Owner;

/// What the system offers file systems of programs by.
const DEVICE: &str = "/dev/fuse";

/// What the system says of a folder whose program is gone.
const NOT_CONNECTED: i32 = rustix::io::Errno::NOTCONN.raw_os_error();

/// A drive that is seen in a folder. Dropping it takes it away.
#[derive(Debug)]
pub struct Attached {
    folder: PathBuf,
    session: Option<BackgroundSession>,
    ended: oneshot::Receiver<()>,
}

/// Why a drive was not attached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// The folder cannot be used.
    #[error("{}: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A program that had attached something there ended without taking it away.
    #[error("{} is what is left of a program that has ended", folder.display())]
    Left {
        /// The folder.
        folder: PathBuf,
    },
    /// It would hide what is in the folder.
    #[error("{} is not empty", folder.display())]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
    },
    /// Something is mounted there.
    #[error("something is mounted at {} already", folder.display())]
    Taken {
        /// The folder.
        folder: PathBuf,
    },
    /// The system has no FUSE.
    #[error("there is no {DEVICE}: this system, or this container, has no FUSE")]
    NoFuse,
    /// The user may not use FUSE.
    #[error("{DEVICE}: {0}")]
    NotAllowed(io::Error),
    /// The user may not mount, and the program that may for them cannot be run.
    #[error("this takes root, or the program fusermount3 (package fuse3): {0}")]
    NoHelper(io::Error),
    /// The drive cannot be read.
    #[error(transparent)]
    Drive(#[from] DriveAccessError),
    /// The system refuses for another reason.
    #[error(transparent)]
    System(io::Error),
}

/// Shows the drive that is the newest in `shown` in an empty folder, to the user who runs this program and to nobody else. To be called
/// within a runtime, in which questions are answered.
///
/// # Errors
/// Why it is not seen there.
pub async fn attach(folder: &Path, shown: watch::Receiver<Shown>) -> Result<Attached, AttachError> {
    check(folder)?;
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let answers = Arc::new(Answers::new(shown, Owner { uid, gid, since: SystemTime::now() }).await?);
    let (sender, ended) = oneshot::channel();
    let files = Files::new(Arc::clone(&answers), Handle::current(), sender);
    let place = folder.to_owned();
    // The system asks its first question before this returns.
    let begin = move || Session::new(files, place, &config()).and_then(Session::spawn);
    let session = spawn_blocking(begin).await.map_err(|error| AttachError::System(error.into()))?;
    let session = session.map_err(|error| match error.kind() {
        // What was looked at before is there and may be used, so it is the other program that is not.
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => AttachError::NoHelper(error),
        _ => AttachError::System(error),
    })?;
    answers.begin(session.notifier());
    Ok(Attached { folder: folder.to_owned(), session: Some(session), ended })
}

impl Attached {
    /// Waits until somebody else has taken the drive away.
    pub async fn ended(&mut self) {
        // Nothing is ever sent.
        let _ = (&mut self.ended).await;
    }

    /// Takes the drive away. A program that still uses the folder keeps what it has open for as long as this one runs; then false.
    ///
    /// # Errors
    /// That of the system.
    pub async fn detach(mut self) -> io::Result<bool> {
        let Some(session) = self.session.take() else { return Ok(true) };
        let Err(error) = spawn_blocking(|| session.umount_and_join()).await? else { return Ok(true) };
        match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
            Some(rustix::io::Errno::BUSY) => {
                rustix::mount::unmount(&self.folder, UnmountFlags::DETACH)?;
                Ok(false)
            }
            // Somebody else has taken it away.
            Some(rustix::io::Errno::INVAL) => Ok(true),
            _ => Err(error),
        }
    }
}

/// Looks for what the system would not say clearly, or not at all.
fn check(folder: &Path) -> Result<(), AttachError> {
    let wrong = |source: io::Error| match source.raw_os_error() {
        Some(NOT_CONNECTED) => AttachError::Left { folder: folder.to_owned() },
        _ => AttachError::Folder { folder: folder.to_owned(), source },
    };
    let device = fs::metadata(folder).map_err(wrong)?.dev();
    if fs::read_dir(folder).map_err(wrong)?.next().is_some() {
        return Err(AttachError::NotEmpty { folder: folder.to_owned() });
    }
    if fs::metadata(folder.join("..")).is_ok_and(|above| above.dev() != device) {
        return Err(AttachError::Taken { folder: folder.to_owned() });
    }
    match fs::OpenOptions::new().read(true).write(true).open(DEVICE) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(AttachError::NotAllowed(error)),
        Err(_) => Err(AttachError::NoFuse),
    }
}

fn config() -> Config {
    let mut config = Config::default();
    config.mount_options = vec![
        MountOption::FSName("dazaar".to_owned()),
        MountOption::RO,
        MountOption::NoSuid,
        MountOption::NoDev,
        MountOption::NoAtime,
        MountOption::DefaultPermissions,
    ];
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_cannot_be_used_are_told() {
        let scene = tempfile::tempdir().expect("a folder");
        let file = scene.path().join("file");
        fs::write(&file, "x").expect("a file");
        assert!(matches!(check(&scene.path().join("none")), Err(AttachError::Folder { .. })));
        assert!(matches!(check(&file), Err(AttachError::Folder { .. })));
        assert!(matches!(check(scene.path()), Err(AttachError::NotEmpty { .. })));
        assert!(matches!(check(Path::new("/proc")), Err(AttachError::NotEmpty { .. })));
    }
}
