//! What the system asks, answered by the drive.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use dazaar::drive::{DriveAccessError, Located, Shown};
use dazaar::maps::hyperdrive::{DriveError, Reach};
use fuser::{Errno, FileAttr, FileType, INodeNo, Notifier};
use tokio::sync::watch;

use crate::inodes::{Inodes, KNOWN_MAX};
use crate::node::{Identity, Inside, Node, Owner, Within, is_name, kind_of, name_of};

/// A drive, as the system knows it.
#[derive(Debug)]
pub(crate) struct Answers {
    shown: watch::Receiver<Shown>,
    owner: Owner,
    inodes: Mutex<Inodes>,
    /// Tells the system what to forget.
    notifier: OnceLock<Notifier>,
    is_shedding: AtomicBool,
}

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) number: u64,
    pub(crate) kind: FileType,
    pub(crate) name: String,
}

impl Answers {
    /// Begins with the root.
    pub(crate) async fn new(shown: watch::Receiver<Shown>, owner: Owner) -> Result<Self, DriveAccessError> {
        let Shown { drive, version } = shown.borrow().clone();
        let located = drive.locate(version, &Default::default()).await?;
        let within = Within::root(drive.key(), (version < drive.version()).then_some(version));
        let root = Node::new(&within, version, &located, owner).ok_or(DriveAccessError::Empty)?;
        let inodes = Mutex::new(Inodes::new(root));
        Ok(Self { shown, owner, inodes, notifier: OnceLock::new(), is_shedding: AtomicBool::new(false) })
    }

    fn inodes(&self) -> MutexGuard<'_, Inodes> {
        self.inodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn node(&self, number: u64) -> Result<Arc<Node>, Errno> {
        self.inodes().get(number).ok_or(Errno::ESTALE)
    }

    /// From now on the system can be told what to forget.
    pub(crate) fn begin(&self, notifier: Notifier) {
        // There is one beginning.
        let _ = self.notifier.set(notifier);
    }

    /// Lets the system forget some of what it knows, if that is too much.
    pub(crate) fn shed(self: &Arc<Self>) {
        let Some(notifier) = self.notifier.get().cloned() else { return };
        if self.is_shedding.swap(true, Ordering::Relaxed) {
            return;
        }
        let excess = self.inodes().excess(KNOWN_MAX);
        if excess.is_empty() {
            self.is_shedding.store(false, Ordering::Relaxed);
            return;
        }
        let answers = Arc::clone(self);
        // On a thread that answers nothing: the system may first wait for an answer about the directory.
        tokio::task::spawn_blocking(move || {
            for (directory, name) in excess {
                // What it cannot forget it is asked again later.
                let _ = notifier.inval_entry(INodeNo(directory), OsStr::new(&name));
            }
            answers.is_shedding.store(false, Ordering::Relaxed);
        });
    }

    pub(crate) fn forget(&self, number: u64, times: u64) {
        self.inodes().forget(number, times);
    }

    /// What has a name in a directory.
    pub(crate) async fn look_up(&self, parent: u64, name: &str) -> Result<FileAttr, Errno> {
        let parent = self.node(parent)?;
        let within = match &parent.inside {
            Inside::Drive(within) if is_name(name) => within,
            Inside::Nothing => return Err(Errno::ENOTDIR),
            Inside::Drive(_) | Inside::Empty => return Err(Errno::ENOENT),
        };
        let Shown { drive, version } = self.shown.borrow().clone();
        let located = drive.locate(version, &parent.path.join(name)).await.map_err(|error| errno(&error))?;
        let node = Node::new(within, version, &located, self.owner).ok_or(Errno::ENOENT)?;
        let attributes = node.attributes;
        let number = self.inodes().look_up(node);
        Ok(FileAttr { ino: INodeNo(number), ..attributes })
    }

    /// What is known of a file or a directory. Files and links never change: another version of them is another file.
    pub(crate) async fn attributes(&self, number: u64) -> Result<FileAttr, Errno> {
        let mut attributes = self.node(number)?.attributes;
        if attributes.kind == FileType::Directory {
            attributes = self.directory(number).await?;
        }
        Ok(FileAttr { ino: INodeNo(number), ..attributes })
    }

    /// Looks at a directory anew.
    async fn directory(&self, number: u64) -> Result<FileAttr, Errno> {
        let known = self.node(number)?;
        let Shown { drive, version } = self.shown.borrow().clone();
        let located = drive.locate(version, &known.path).await.map_err(|error| errno(&error))?;
        let node = Node::new(&known.within, version, &located, self.owner)
            .filter(|node| node.identity == known.identity)
            .ok_or(Errno::ESTALE)?;
        let attributes = node.attributes;
        self.inodes().renew(number, node);
        Ok(attributes)
    }

    /// Where a link leads.
    pub(crate) fn target(&self, number: u64) -> Result<String, Errno> {
        let node = self.node(number)?;
        match node.attributes.kind {
            FileType::Symlink => node.target.clone().ok_or(Errno::EIO),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Bytes of a file, fewer at its end.
    pub(crate) async fn read(&self, number: u64, offset: u64, size: u32) -> Result<Vec<u8>, Errno> {
        let node = self.node(number)?;
        // What was found in an older version is read in that.
        let drive = self.shown.borrow().drive.clone();
        let range = offset..offset.saturating_add(size.into());
        let reader = drive.read(node.version, &node.path, range).await;
        let mut reader = reader.map_err(|error| errno(&error))?;
        // A mounted drive may have another file there by now.
        if Identity::of(reader.entry(), node.within.drive()).as_ref() != Some(&node.identity) {
            return Err(Errno::ESTALE);
        }
        reader.read_to_end().await.map_err(|error| errno(&error))
    }

    /// What is in a directory, each name once.
    pub(crate) async fn list(&self, number: u64) -> Result<Vec<Listed>, Errno> {
        let node = self.node(number)?;
        let within = match &node.inside {
            Inside::Nothing => return Err(Errno::ENOTDIR),
            Inside::Empty => return Ok(Vec::new()),
            Inside::Drive(within) => within,
        };
        let Shown { drive, version } = self.shown.borrow().clone();
        let entries = drive.list(version, &node.path, Reach::Directory).await;
        let mut listed = BTreeMap::new();
        for mut entry in entries.map_err(|error| errno(&error))? {
            let (Some(name), Some(kind)) = (name_of(&entry, &node.path).map(str::to_owned), kind_of(&entry))
            else {
                continue;
            };
            if entry.feed().is_some()
                && let Ok(Located { entry: now, .. }) = drive.locate(version, &node.path.join(&name)).await
            {
                entry = now;
            }
            if let Some(identity) = Identity::of(&entry, within.drive()) {
                let number = self.inodes().number(&identity);
                listed.insert(name.clone(), Listed { number, kind, name });
            }
        }
        Ok(listed.into_values().collect())
    }
}

/// What the system is told is wrong.
fn errno(error: &DriveAccessError) -> Errno {
    let errno = match error {
        DriveAccessError::Within { source, .. } => return errno(source),
        DriveAccessError::Drive(DriveError::NotFound { .. }) => return Errno::ENOENT,
        DriveAccessError::Drive(DriveError::NotADirectory { .. }) => Errno::ENOTDIR,
        DriveAccessError::Drive(DriveError::IsADirectory { .. }) => Errno::EISDIR,
        DriveAccessError::Drive(DriveError::LinkLoop { .. } | DriveError::TooDeep { .. }) => Errno::ELOOP,
        DriveAccessError::TooManyMounted { .. } => Errno::ENFILE,
        _ => Errno::EIO,
    };
    tracing::info!(%error, "not read");
    errno
}
