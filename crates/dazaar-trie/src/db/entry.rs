//! Blocks of a writer's feed, as they are written: entries in the writer's own numbering of feeds.
//!
//! Grade: plain. Source: docs/structures.md, hyperdb entries.

use dazaar_log::FeedKey;
use dazaar_log::codec::protobuf::{Reader, Value, encode_bytes, encode_varint};

use super::index::Index;
use crate::fault::Fault;
use crate::fields;
use crate::limits::MAX_WRITERS;
use crate::path::Path;

/// What block 0 of each feed calls the protocol.
const PROTOCOL: &[u8] = b"hyperdb";

/// An entry in the numbering of its writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: Path,
    pub(super) value: Option<Box<[u8]>>,
    pub(super) is_deleted: bool,
    /// Pointers by the writer's numbers of feeds.
    pub(super) index: Index,
    /// How many blocks of each feed the writer knew, by its numbers.
    pub(super) clock: Vec<u64>,
    /// The block of this feed that has the list by which feeds are numbered here.
    pub(super) list: u64,
}

/// The feeds that a writer knows, and how it numbers them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct List {
    pub(super) feeds: Vec<FeedKey>,
    /// Writers whose rights the owner ended, and how many blocks of theirs stay.
    pub(super) revoked: Vec<(FeedKey, u64)>,
}

/// Block 0.
pub(super) fn encode_header() -> Vec<u8> {
    let mut block = Vec::new();
    encode_bytes(1, PROTOCOL, &mut block);
    block
}

/// Whether this is block 0 of a writer's feed.
pub fn is_header(block: &[u8]) -> bool {
    let mut protocol = None;
    for field in Reader::new(block) {
        match field {
            Ok((1, value)) => protocol = value.bytes(),
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    protocol == Some(PROTOCOL)
}

impl Entry {
    /// Reads block `seq`.
    pub(super) fn decode(seq: u64, block: &[u8]) -> Result<Self, Fault> {
        let (mut key, mut value, mut index, mut clock) = (None, None, None, Vec::new());
        let (mut is_deleted, mut list) = (false, 0);
        for field in Reader::new(block) {
            match field? {
                (1, found) => key = Some(fields::bytes(1, found)?),
                (2, found) => value = Some(fields::bytes(2, found)?),
                (3, found) => is_deleted = fields::integer(3, found)? != 0,
                (4, found) => index = Some(fields::bytes(4, found)?),
                (5, found) => read_clock(found, &mut clock)?,
                (6, found) => list = fields::integer(6, found)?,
                _ => {}
            }
        }
        let path = fields::key(key)?;
        if list == 0 || list > seq || clock.len() > MAX_WRITERS {
            return Err(Fault::Clock);
        }
        let index = index.ok_or(Fault::NoField { field: 4 })?;
        let index = Index::decode(index, path.digits() + 1)?;
        Ok(Self { path, value: value.map(Into::into), is_deleted, index, clock, list })
    }

    /// The block, with the list if it has one of its own.
    pub(super) fn encode(&self, list: Option<&List>) -> Vec<u8> {
        let mut block = Vec::new();
        encode_bytes(1, self.path.text().as_bytes(), &mut block);
        if let Some(value) = &self.value {
            encode_bytes(2, value, &mut block);
        }
        if self.is_deleted {
            encode_varint(3, 1, &mut block);
        }
        encode_bytes(4, &self.index.encode(), &mut block);
        self.clock.iter().for_each(|length| encode_varint(5, *length, &mut block));
        encode_varint(6, self.list, &mut block);
        if let Some(list) = list {
            list.encode(&mut block);
        }
        block
    }
}

/// A clock is a field for each feed. Packed ones are read too.
fn read_clock(value: Value<'_>, clock: &mut Vec<u64>) -> Result<(), Fault> {
    match value {
        Value::Varint(length) => clock.push(length),
        Value::Bytes(mut rest) => {
            while !rest.is_empty() && clock.len() <= MAX_WRITERS {
                clock.push(fields::take_varint(&mut rest)?);
            }
        }
    }
    // More would be refused at the end, but must not take memory before.
    if clock.len() > MAX_WRITERS { Err(Fault::Clock) } else { Ok(()) }
}

impl List {
    fn encode(&self, block: &mut Vec<u8>) {
        for feed in &self.feeds {
            let mut message = Vec::new();
            encode_bytes(1, &feed.0, &mut message);
            encode_bytes(7, &message, block);
        }
        for (feed, length) in &self.revoked {
            let mut message = Vec::new();
            encode_bytes(1, &feed.0, &mut message);
            encode_varint(2, *length, &mut message);
            encode_bytes(9, &message, block);
        }
    }

    /// Reads the list in a block that has one.
    pub(super) fn decode(block: &[u8]) -> Result<Self, Fault> {
        let mut list = Self::default();
        for field in Reader::new(block) {
            match field? {
                (7, value) => list.feeds.push(feed(fields::bytes(7, value)?)?.0),
                (9, value) => list.revoked.push(feed(fields::bytes(9, value)?)?),
                _ => {}
            }
            if list.feeds.len().max(list.revoked.len()) > MAX_WRITERS {
                return Err(Fault::List);
            }
        }
        if list.feeds.is_empty() { Err(Fault::List) } else { Ok(list) }
    }
}

/// A feed, and how many of its blocks stay.
fn feed(message: &[u8]) -> Result<(FeedKey, u64), Fault> {
    let (mut key, mut length) = (None, 0);
    for field in Reader::new(message) {
        match field? {
            (1, value) => key = fields::bytes(1, value)?.try_into().ok(),
            (2, value) => length = fields::integer(2, value)?,
            _ => {}
        }
    }
    key.map(|key| (FeedKey(key), length)).ok_or(Fault::List)
}
