//! The door between a log and the disk: nine files, six synchronous operations.
//!
//! Grade: over a door. This crate opens nothing; a folder on disk is a [`Storage`] that the shell implements.
//! Source: classic protocol, section 3 (the names of the files).

use std::io;
use std::ops::Range;

mod memory;
mod overlay;

pub use memory::MemoryStorage;
pub(crate) use overlay::Overlay;

/// A file of a log's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileName {
    /// The public key, 32 bytes.
    Key,
    /// Seed and public key, 64 bytes; missing for a log that only reads.
    SecretKey,
    /// The blocks, back to back.
    Data,
    /// Hash and size of every tree node.
    Tree,
    /// The signature of every length that has one.
    Signatures,
    /// Which blocks and nodes are held.
    Bitfield,
    /// Our commit record; Hypercore does not know it.
    Commit,
    /// Blocks appended since the last sync of the other files; ours as well.
    Journal,
    /// The proof that the key signed another history; Hypercore does not know it.
    Fork,
}

impl FileName {
    /// Every file of a folder.
    pub const ALL: [Self; 9] = [
        Self::Key,
        Self::SecretKey,
        Self::Data,
        Self::Tree,
        Self::Signatures,
        Self::Bitfield,
        Self::Commit,
        Self::Journal,
        Self::Fork,
    ];

    /// The files that a checkpoint syncs before the commit record that speaks of them.
    pub const CHECKPOINTED: [Self; 4] = [Self::Data, Self::Tree, Self::Signatures, Self::Bitfield];

    /// The name in the folder.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::SecretKey => "secret_key",
            Self::Data => "data",
            Self::Tree => "tree",
            Self::Signatures => "signatures",
            Self::Bitfield => "bitfield",
            Self::Commit => "commit",
            Self::Journal => "journal",
            Self::Fork => "fork",
        }
    }
}

impl std::fmt::Display for FileName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The files of one log, exclusively ours while we hold this value.
///
/// What `write` took may be lost in a power cut until `sync` returned; a killed process loses nothing that `write`
/// returned from.
pub trait Storage: Send {
    /// Bytes of `file`; 0 if it does not exist.
    ///
    /// # Errors
    /// Whatever the medium reports.
    fn len(&self, file: FileName) -> io::Result<u64>;

    /// Fills `buffer` from `offset` on. Parts of a file that were never written read as zeros.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] if the file ends before.
    fn read(&self, file: FileName, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`, creating or growing the file as needed.
    ///
    /// # Errors
    /// Whatever the medium reports; any part of `bytes` may have been written then.
    fn write(&mut self, file: FileName, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts or grows (with zeros) the file to `len` bytes.
    ///
    /// # Errors
    /// Whatever the medium reports.
    fn set_len(&mut self, file: FileName, len: u64) -> io::Result<()>;

    /// Returns once everything written to `file` survives a power cut.
    ///
    /// # Errors
    /// Whatever the medium reports. What was written since the last success may be lost then, even if a later call
    /// succeeds.
    fn sync(&mut self, file: FileName) -> io::Result<()>;

    /// Gives the space of `bytes` back to the medium if it can. Their content is undefined afterwards; the length of
    /// the file does not change.
    ///
    /// # Errors
    /// Whatever the medium reports.
    fn release(&mut self, file: FileName, bytes: Range<u64>) -> io::Result<()>;
}

impl<S: Storage + ?Sized> Storage for &mut S {
    fn len(&self, file: FileName) -> io::Result<u64> {
        (**self).len(file)
    }

    fn read(&self, file: FileName, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        (**self).read(file, offset, buffer)
    }

    fn write(&mut self, file: FileName, offset: u64, bytes: &[u8]) -> io::Result<()> {
        (**self).write(file, offset, bytes)
    }

    fn set_len(&mut self, file: FileName, len: u64) -> io::Result<()> {
        (**self).set_len(file, len)
    }

    fn sync(&mut self, file: FileName) -> io::Result<()> {
        (**self).sync(file)
    }

    fn release(&mut self, file: FileName, bytes: Range<u64>) -> io::Result<()> {
        (**self).release(file, bytes)
    }
}
