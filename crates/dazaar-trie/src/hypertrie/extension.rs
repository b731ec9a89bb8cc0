//! Messages of the `hypertrie` extension: a reader says what it is looking for, and hears which blocks it will need.
//!
//! Grade: plain. Source: docs/structures.md, extension.

use dazaar_log::codec::protobuf::{Reader, encode_bytes, encode_varint};
use dazaar_log::codec::varint;

use super::{Iter, IterOptions};
use crate::fault::Fault;
use crate::fields;
use crate::limits::{MAX_EXTENSION_BLOCKS, MAX_KEY_BYTES};

/// The name of the extension, announced on the feed's channel.
pub const EXTENSION: &str = "hypertrie";

/// A message of the extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExtensionMessage {
    /// These blocks will be needed.
    Cache {
        /// The lowest of the blocks.
        start: u64,
        /// The highest, and one more.
        end: u64,
        /// The blocks, in the order in which they are needed.
        blocks: Vec<u64>,
    },
    /// The sender lists entries.
    Iterator {
        /// The newest block of the version that it lists.
        head: u64,
        /// The prefix.
        key: String,
        /// How: the bits of [`ExtensionMessage::RECURSIVE`] and so on.
        flags: u64,
        /// Where it is.
        checkpoint: Option<Vec<u8>>,
    },
    /// The sender looks a key up.
    Get {
        /// The newest block of the version that it looks in.
        head: u64,
        /// The key.
        key: String,
    },
}

impl ExtensionMessage {
    /// A list of everything below, not only of direct children.
    pub const RECURSIVE: u64 = 1;
    /// A list in reverse order.
    pub const REVERSE: u64 = 2;
    /// A list without the entry of the prefix itself.
    pub const BELOW_ONLY: u64 = 4;
    /// A list of hidden entries.
    pub const HIDDEN: u64 = 8;

    /// Says that entries are being listed, from the beginning.
    pub fn iterator(head: u64, options: &IterOptions<'_>) -> Self {
        let flag = |is_set: bool, flag: u64| if is_set { flag } else { 0 };
        let flags = flag(options.is_recursive, Self::RECURSIVE)
            | flag(options.is_reverse, Self::REVERSE)
            | flag(options.is_below_only, Self::BELOW_ONLY)
            | flag(options.is_hidden, Self::HIDDEN);
        Self::Iterator { head, key: options.prefix.to_owned(), flags, checkpoint: None }
    }

    /// Says what of a list is still to come. JavaScript only looks at the place if there is no key.
    pub fn rest_of(iter: &Iter, head: u64) -> Self {
        let checkpoint = Some(iter.checkpoint());
        Self::Iterator { head, key: String::new(), flags: Self::RECURSIVE, checkpoint }
    }

    /// The payload.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let field = match self {
            Self::Cache { start, end, blocks } => {
                encode_varint(1, *start, &mut body);
                encode_varint(2, *end, &mut body);
                let mut packed = Vec::new();
                blocks.iter().for_each(|block| varint::encode(*block, &mut packed));
                encode_bytes(3, &packed, &mut body);
                1
            }
            Self::Iterator { head, key, flags, checkpoint } => {
                encode_varint(1, *head, &mut body);
                encode_bytes(2, key.as_bytes(), &mut body);
                encode_varint(3, *flags, &mut body);
                if let Some(checkpoint) = checkpoint {
                    encode_bytes(4, checkpoint, &mut body);
                }
                2
            }
            Self::Get { head, key } => {
                encode_varint(1, *head, &mut body);
                encode_bytes(2, key.as_bytes(), &mut body);
                3
            }
        };
        let mut out = Vec::with_capacity(body.len() + 4);
        encode_bytes(field, &body, &mut out);
        out
    }

    /// Reads a payload; none if it holds nothing that is known.
    ///
    /// # Errors
    /// The rule that it breaks. JavaScript ignores such messages.
    pub fn decode(payload: &[u8]) -> Result<Option<Self>, Fault> {
        let mut found = None;
        for field in Reader::new(payload) {
            match field? {
                (1, value) => found = Some(Self::decode_cache(fields::bytes(1, value)?)?),
                (2, value) => found = Some(Self::decode_iterator(fields::bytes(2, value)?)?),
                (3, value) => found = Some(Self::decode_get(fields::bytes(3, value)?)?),
                _ => {}
            }
        }
        Ok(found)
    }

    fn decode_cache(body: &[u8]) -> Result<Self, Fault> {
        let (mut start, mut end, mut blocks) = (0, 0, Vec::new());
        for field in Reader::new(body) {
            match field? {
                (1, value) => start = fields::integer(1, value)?,
                (2, value) => end = fields::integer(2, value)?,
                (3, value) => {
                    let mut rest = fields::bytes(3, value)?;
                    while !rest.is_empty() && blocks.len() < MAX_EXTENSION_BLOCKS {
                        blocks.push(fields::take_varint(&mut rest)?);
                    }
                }
                _ => {}
            }
        }
        Ok(Self::Cache { start, end, blocks })
    }

    fn decode_iterator(body: &[u8]) -> Result<Self, Fault> {
        let (mut head, mut key, mut flags, mut checkpoint) = (0, "", 0, None);
        for field in Reader::new(body) {
            match field? {
                (1, value) => head = fields::integer(1, value)?,
                (2, value) => key = text(fields::bytes(2, value)?)?,
                (3, value) => flags = fields::integer(3, value)?,
                (4, value) => checkpoint = Some(fields::bytes(4, value)?),
                _ => {}
            }
        }
        Ok(Self::Iterator { head, key: key.to_owned(), flags, checkpoint: checkpoint.map(<[u8]>::to_vec) })
    }

    fn decode_get(body: &[u8]) -> Result<Self, Fault> {
        let (mut head, mut key) = (0, "");
        for field in Reader::new(body) {
            match field? {
                (1, value) => head = fields::integer(1, value)?,
                (2, value) => key = text(fields::bytes(2, value)?)?,
                _ => {}
            }
        }
        Ok(Self::Get { head, key: key.to_owned() })
    }
}

fn text(bytes: &[u8]) -> Result<&str, Fault> {
    if bytes.len() > MAX_KEY_BYTES {
        return Err(Fault::KeyTooLong { bytes: bytes.len() });
    }
    std::str::from_utf8(bytes).map_err(|_| Fault::KeyNotUtf8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn known() -> [(ExtensionMessage, &'static str); 4] {
        let iterator = |flags, key: &str, checkpoint: Option<&[u8]>| ExtensionMessage::Iterator {
            head: 7,
            key: key.to_owned(),
            flags,
            checkpoint: checkpoint.map(<[u8]>::to_vec),
        };
        [
            (ExtensionMessage::Get { head: 7, key: "a/b".to_owned() }, "1a0708071203612f62"),
            (iterator(1, "a", None), "120708071201611801"),
            (iterator(5, "", Some(&[0x21, 3])), "120a08071200180522022103"),
            (
                ExtensionMessage::Cache { start: 1, end: 301, blocks: vec![3, 1, 300] },
                "0a0b080110ad021a040301ac02",
            ),
        ]
    }

    #[test]
    fn known_bytes() {
        for (message, bytes) in known() {
            assert_eq!(hex::encode(message.encode()), bytes);
            assert_eq!(ExtensionMessage::decode(&message.encode()), Ok(Some(message)));
        }
        assert_eq!(ExtensionMessage::decode(&[]), Ok(None));
    }

    #[test]
    fn more_blocks_than_anybody_may_name_are_left_out() {
        let blocks: Vec<u64> = (1..5000).collect();
        let message = ExtensionMessage::Cache { start: 1, end: 5000, blocks };
        let Ok(Some(ExtensionMessage::Cache { blocks, .. })) = ExtensionMessage::decode(&message.encode())
        else {
            panic!("a cache message");
        };
        assert_eq!(blocks.len(), MAX_EXTENSION_BLOCKS);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, flip in 0..1_000_usize) {
            let _ = ExtensionMessage::decode(&bytes);
            for (message, _) in known() {
                let mut near = message.encode();
                let place = flip % near.len();
                near[place] ^= 1 << (flip % 8);
                let _ = ExtensionMessage::decode(&near);
            }
        }
    }
}
