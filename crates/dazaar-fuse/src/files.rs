//! The door to the system: each question is answered by a task of its own, so that one which waits keeps no other waiting.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fuser::{
    Errno, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, InitFlags, KernelConfig,
    LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, Request,
};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::answer::{Answers, Listed};

/// How long the system takes what it was told for true: a newer version is seen after that.
const TIME_TO_LIVE: Duration = Duration::from_secs(1);

/// How long an answer may take. Whoever asks cannot even be killed meanwhile.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Directories that are being listed at once.
const LISTS_MAX: usize = 4096;

/// A drive for the system.
#[derive(Debug)]
pub(crate) struct Files {
    answers: Arc<Answers>,
    runtime: Handle,
    lists: Arc<Mutex<Lists>>,
    /// Dropped with this, which is the end.
    _ended: oneshot::Sender<()>,
}

/// Directories that are being listed, as they were when that began.
#[derive(Debug, Default)]
struct Lists {
    open: HashMap<u64, Arc<[Listed]>>,
    next: u64,
}

impl Files {
    pub(crate) fn new(answers: Arc<Answers>, runtime: Handle, ended: oneshot::Sender<()>) -> Self {
        Self { answers, runtime, lists: Arc::default(), _ended: ended }
    }

    /// Lets `answer` be found, and hands it over.
    fn answer<T: Send + 'static>(
        &self,
        answer: impl Future<Output = Result<T, Errno>> + Send + 'static,
        tell: impl FnOnce(Result<T, Errno>) + Send + 'static,
    ) {
        self.runtime.spawn(async move {
            tell(timeout(ANSWER_TIMEOUT, answer).await.unwrap_or(Err(Errno::ETIMEDOUT)));
        });
    }
}

impl Lists {
    fn open(&mut self, list: Vec<Listed>) -> Result<u64, Errno> {
        if self.open.len() >= LISTS_MAX {
            return Err(Errno::ENFILE);
        }
        self.next += 1;
        self.open.insert(self.next, list.into());
        Ok(self.next)
    }
}

impl Filesystem for Files {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        // A system that cannot do it asks one question after the other.
        let _ = config.add_capabilities(InitFlags::FUSE_PARALLEL_DIROPS | InitFlags::FUSE_CACHE_SYMLINKS);
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        // No name in a drive is anything but text.
        let Some(name) = name.to_str().map(str::to_owned) else { return reply.error(Errno::ENOENT) };
        let (answers, told) = (Arc::clone(&self.answers), Arc::clone(&self.answers));
        self.answer(async move { answers.look_up(parent.0, &name).await }, move |found| match found {
            Ok(attributes) => {
                reply.entry(&TIME_TO_LIVE, &attributes, Generation(0));
                told.shed();
            }
            Err(errno) => reply.error(errno),
        });
    }

    fn forget(&self, _: &Request, number: INodeNo, times: u64) {
        self.answers.forget(number.0, times);
    }

    fn getattr(&self, _: &Request, number: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        let answers = Arc::clone(&self.answers);
        self.answer(async move { answers.attributes(number.0).await }, |found| match found {
            Ok(attributes) => reply.attr(&TIME_TO_LIVE, &attributes),
            Err(errno) => reply.error(errno),
        });
    }

    fn readlink(&self, _: &Request, number: INodeNo, reply: ReplyData) {
        match self.answers.target(number.0) {
            Ok(target) => reply.data(target.as_bytes()),
            Err(errno) => reply.error(errno),
        }
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        // The bytes of a number never change.
        reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE);
    }

    fn read(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let answers = Arc::clone(&self.answers);
        self.answer(async move { answers.read(number.0, offset, size).await }, |read| match read {
            Ok(bytes) => reply.data(&bytes),
            Err(errno) => reply.error(errno),
        });
    }

    fn opendir(&self, _: &Request, number: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let (answers, lists) = (Arc::clone(&self.answers), Arc::clone(&self.lists));
        let open = async move {
            let list = answers.list(number.0).await?;
            lists.lock().unwrap_or_else(PoisonError::into_inner).open(list)
        };
        self.answer(open, |opened| match opened {
            Ok(handle) => reply.opened(FileHandle(handle), FopenFlags::empty()),
            Err(errno) => reply.error(errno),
        });
    }

    fn readdir(
        &self,
        _: &Request,
        number: INodeNo,
        handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(list) = lists.open.get(&handle.0).cloned() else { return reply.error(Errno::EBADF) };
        drop(lists);
        let dots = [".", ".."].map(|name| (number.0, FileType::Directory, name));
        let names = list.iter().map(|listed| (listed.number, listed.kind, listed.name.as_str()));
        let skipped = usize::try_from(offset).unwrap_or(usize::MAX);
        for (next, (number, kind, name)) in (1..).zip(dots.into_iter().chain(names)).skip(skipped) {
            if reply.add(INodeNo(number), next, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn releasedir(&self, _: &Request, _: INodeNo, handle: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).open.remove(&handle.0);
        reply.ok();
    }
}
