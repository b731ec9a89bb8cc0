//! What is known of a file, a directory or a link: the value of its entry.
//!
//! Grade: plain. Source: docs/structures.md, stat.

use std::collections::BTreeMap;

use dazaar_log::FeedKey;
use dazaar_log::codec::protobuf::{Reader, Value, encode_bytes, encode_varint};

use crate::fault::Fault;
use crate::fields;
use crate::limits::MAX_INTEGER;

/// The bits of a mode that say what it is.
const KIND_BITS: u32 = 0o170_000;

const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_000;

/// The mode of what nobody gave one.
const DEFAULT_DIRECTORY: u32 = 0o755;
const DEFAULT_SYMLINK: u32 = 0o644;

/// What is known of a file, a directory or a link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stat {
    /// Kind and permissions, as in Unix.
    pub mode: u32,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// Bytes of the file.
    pub size: u64,
    /// Blocks of the file.
    pub blocks: u64,
    /// Its first block in the content feed.
    pub offset: u64,
    /// Its first byte in the content feed.
    pub byte_offset: u64,
    /// When its bytes changed, in milliseconds since 1970. Npm hyperdrive reads 0 as now.
    pub mtime_ms: u64,
    /// When anything of it changed, in milliseconds since 1970.
    pub ctime_ms: u64,
    /// Where a link leads, relative to its directory or from the root.
    pub linkname: Option<String>,
    /// What is mounted here.
    pub mount: Option<Mount>,
    /// What users noted. An entry without bytes was taken away: that is how npm hyperdrive writes it.
    pub metadata: BTreeMap<String, Option<Vec<u8>>>,
}

/// Another feed that is to be seen at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The key of the other drive, or of a feed.
    pub key: FeedKey,
    /// The version of it; none for the newest.
    pub version: Option<u64>,
    /// A hash of its tree.
    pub hash: Option<Vec<u8>>,
    /// Whether it is no drive, but a feed whose bytes are those of this file.
    pub is_feed: bool,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Bytes.
    File,
    /// What has others below it.
    Directory,
    /// A name for something else.
    Symlink,
    /// A device, a pipe or a socket.
    Other,
}

impl Stat {
    /// An empty file with these permissions.
    pub fn file(permissions: u32) -> Self {
        Self { mode: REGULAR | permissions & !KIND_BITS, ..Self::default() }
    }

    /// A directory with these permissions.
    pub fn directory(permissions: u32) -> Self {
        Self { mode: DIRECTORY | permissions & !KIND_BITS, ..Self::default() }
    }

    /// A directory of which nothing is known: the root, or one that only has something below it.
    pub fn implicit_directory() -> Self {
        Self::directory(DEFAULT_DIRECTORY)
    }

    /// A link.
    pub fn symlink(target: &str) -> Self {
        Self { mode: SYMLINK | DEFAULT_SYMLINK, linkname: Some(target.to_owned()), ..Self::default() }
    }

    /// What it is. Npm hyperdrive follows whatever has a link's target, so that is a link.
    pub fn kind(&self) -> Kind {
        match self.mode & KIND_BITS {
            _ if self.target().is_some() => Kind::Symlink,
            REGULAR => Kind::File,
            DIRECTORY => Kind::Directory,
            SYMLINK => Kind::Symlink,
            _ => Kind::Other,
        }
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.kind() == Kind::Directory
    }

    /// Permissions, the bits that say what it is left out.
    pub const fn permissions(&self) -> u32 {
        self.mode & !KIND_BITS
    }

    /// Replaces the permissions.
    pub const fn set_permissions(&mut self, permissions: u32) {
        self.mode = self.mode & KIND_BITS | permissions & !KIND_BITS;
    }

    /// Where it leads if it is a link.
    pub fn target(&self) -> Option<&str> {
        self.linkname.as_deref().filter(|target| !target.is_empty())
    }

    /// The value of its entry.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        let numbers = [
            u64::from(self.mode),
            u64::from(self.uid),
            u64::from(self.gid),
            self.size,
            self.blocks,
            self.offset,
            self.byte_offset,
            self.mtime_ms,
            self.ctime_ms,
        ];
        for (field, number) in (1..).zip(numbers) {
            encode_varint(field, number, &mut out);
        }
        if let Some(linkname) = &self.linkname {
            encode_bytes(10, linkname.as_bytes(), &mut out);
        }
        if let Some(mount) = &self.mount {
            encode_bytes(11, &mount.encode(), &mut out);
        }
        for (name, value) in &self.metadata {
            let mut entry = Vec::new();
            encode_bytes(1, name.as_bytes(), &mut entry);
            if let Some(value) = value {
                encode_bytes(2, value, &mut entry);
            }
            encode_bytes(12, &entry, &mut out);
        }
        out
    }

    /// Reads the value of an entry.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn decode(value: &[u8]) -> Result<Self, Fault> {
        let (mut stat, mut has_mode) = (Self::default(), false);
        for field in Reader::new(value) {
            match field? {
                (1, value) => (stat.mode, has_mode) = (small(1, value)?, true),
                (2, value) => stat.uid = small(2, value)?,
                (3, value) => stat.gid = small(3, value)?,
                (4, value) => stat.size = number(4, value)?,
                (5, value) => stat.blocks = number(5, value)?,
                (6, value) => stat.offset = number(6, value)?,
                (7, value) => stat.byte_offset = number(7, value)?,
                (8, value) => stat.mtime_ms = number(8, value)?,
                (9, value) => stat.ctime_ms = number(9, value)?,
                (10, value) => stat.linkname = Some(text(10, value)?),
                (11, value) => stat.mount = Some(Mount::decode(fields::bytes(11, value)?)?),
                (12, value) => {
                    let (name, value) = note(fields::bytes(12, value)?)?;
                    stat.metadata.insert(name, value);
                }
                _ => {}
            }
        }
        if has_mode { Ok(stat) } else { Err(Fault::NoField { field: 1 }) }
    }
}

impl Mount {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        encode_bytes(1, self.key.as_bytes(), &mut out);
        if let Some(version) = self.version {
            encode_varint(2, version, &mut out);
        }
        if let Some(hash) = &self.hash {
            encode_bytes(3, hash, &mut out);
        }
        encode_varint(4, self.is_feed.into(), &mut out);
        out
    }

    fn decode(message: &[u8]) -> Result<Self, Fault> {
        let (mut key, mut version, mut hash, mut is_feed) = (None, None, None, false);
        for field in Reader::new(message) {
            match field? {
                (1, value) => {
                    let bytes = fields::bytes(1, value)?.try_into().map_err(|_| Fault::Key { field: 11 })?;
                    key = Some(FeedKey(bytes));
                }
                (2, value) => version = Some(number(2, value)?),
                (3, value) => hash = Some(fields::bytes(3, value)?.to_vec()),
                (4, value) => is_feed = fields::integer(4, value)? != 0,
                _ => {}
            }
        }
        let key = key.ok_or(Fault::Key { field: 11 })?;
        // JavaScript writes none as 0, too.
        Ok(Self { key, version: version.filter(|&version| version > 0), hash, is_feed })
    }
}

/// An entry of the map of notes.
fn note(message: &[u8]) -> Result<(String, Option<Vec<u8>>), Fault> {
    let (mut name, mut note) = (String::new(), None);
    for field in Reader::new(message) {
        match field? {
            (1, value) => name = text(12, value)?,
            (2, value) => note = Some(fields::bytes(12, value)?.to_vec()),
            _ => {}
        }
    }
    Ok((name, note))
}

pub(super) fn text(field: u64, value: Value<'_>) -> Result<String, Fault> {
    let bytes = fields::bytes(field, value)?;
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Fault::Text { field })
}

/// A number that JavaScript can hold; negative ones are larger.
pub(super) fn number(field: u64, value: Value<'_>) -> Result<u64, Fault> {
    let value = fields::integer(field, value)?;
    if value > MAX_INTEGER { Err(Fault::Number { field, value }) } else { Ok(value) }
}

fn small(field: u64, value: Value<'_>) -> Result<u32, Fault> {
    let value = fields::integer(field, value)?;
    u32::try_from(value).map_err(|_| Fault::Number { field, value })
}
