//! What is told of each file while many are read or written.

/// What became of one file, directory or link.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileNotice {
    /// It was written.
    Written {
        /// Its path.
        path: String,
        /// Bytes of the file; 0 of a directory or a link.
        bytes: u64,
    },
    /// It was the same already.
    Unchanged {
        /// Its path.
        path: String,
        /// Bytes of the file; 0 of a directory or a link.
        bytes: u64,
    },
    /// So many more bytes were copied, of a file of which nothing else was told yet.
    Copied {
        /// How many.
        bytes: u64,
    },
    /// It was deleted, for it is gone where it came from.
    Deleted {
        /// Its path.
        path: String,
    },
    /// It was left out.
    Failed {
        /// Its path.
        path: String,
        /// Why.
        error: String,
    },
}

/// What many files came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files, directories and links that were written.
    pub written: u64,
    /// Those that were the same already.
    pub unchanged: u64,
    /// Those that were deleted.
    pub deleted: u64,
    /// Those that were left out.
    pub failed: u64,
    /// Bytes that were written.
    pub bytes: u64,
}

impl Summary {
    /// Adds what others came to.
    pub const fn add(&mut self, other: &Self) {
        self.written += other.written;
        self.unchanged += other.unchanged;
        self.deleted += other.deleted;
        self.failed += other.failed;
        self.bytes += other.bytes;
    }

    /// Counts what a notice tells.
    pub(super) const fn count(&mut self, notice: &FileNotice) {
        match notice {
            FileNotice::Written { bytes, .. } => {
                self.written += 1;
                self.bytes += *bytes;
            }
            FileNotice::Unchanged { .. } => self.unchanged += 1,
            FileNotice::Deleted { .. } => self.deleted += 1,
            FileNotice::Failed { .. } => self.failed += 1,
            FileNotice::Copied { .. } => {}
        }
    }
}
