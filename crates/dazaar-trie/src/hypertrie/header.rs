//! Block 0: what the log is.
//!
//! Grade: plain. Source: docs/structures.md, header.

use dazaar_log::codec::protobuf::{Reader, encode_bytes};

use super::TrieError;
use crate::fault::Fault;
use crate::fields;

/// What block 0 calls the log.
const TYPE: &[u8] = b"hypertrie";

/// What block 0 says beside that this is a trie.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// Any bytes of the user's. A drive has the key of its content feed here.
    pub metadata: Option<Vec<u8>>,
    /// What is stored in the trie.
    pub subtype: Option<String>,
}

impl Header {
    /// The block.
    pub fn encode(&self) -> Vec<u8> {
        let mut block = Vec::new();
        encode_bytes(1, TYPE, &mut block);
        if let Some(metadata) = &self.metadata {
            encode_bytes(2, metadata, &mut block);
        }
        if let Some(subtype) = &self.subtype {
            encode_bytes(3, subtype.as_bytes(), &mut block);
        }
        block
    }

    /// Reads block 0.
    ///
    /// # Errors
    /// [`TrieError::NotATrie`] if the log is something else, [`TrieError::Block`] if it is nothing.
    pub fn decode(block: &[u8]) -> Result<Self, TrieError> {
        let (mut kind, mut header) = (None, Self::default());
        for field in Reader::new(block) {
            match field.map_err(|error| malformed(error.into()))? {
                (1, value) => kind = value.bytes(),
                (2, value) => header.metadata = Some(fields::bytes(2, value).map_err(malformed)?.to_vec()),
                (3, value) => {
                    let subtype = fields::bytes(3, value).map_err(malformed)?;
                    header.subtype = Some(String::from_utf8_lossy(subtype).into_owned());
                }
                _ => {}
            }
        }
        if kind == Some(TYPE) { Ok(header) } else { Err(TrieError::NotATrie) }
    }
}

const fn malformed(fault: Fault) -> TrieError {
    TrieError::Block { seq: 0, fault }
}
