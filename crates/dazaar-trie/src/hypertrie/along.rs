//! What two of our programs say beside the messages of the extension, so that blocks come with the answer that names them.
//!
//! Grade: plain. Fields behind those of the message, which npm hypertrie skips.
//! Source: docs/structures.md, blocks that come along.

use std::ops::Range;

use dazaar_log::codec::protobuf::{Reader, encode_bytes, encode_varint};
use dazaar_log::codec::varint;

use crate::fault::Fault;
use crate::fields;
use crate::limits::MAX_HELD_RANGES;

/// What is said beside a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Along {
    /// With a question: send the blocks along, all but these, which are here.
    pub held: Option<Vec<Range<u64>>>,
    /// With an answer: the blocks that it names are sent without being asked for.
    pub is_sent: bool,
}

impl Along {
    /// Asks for the blocks, of which these are here, in ascending order. If there are too many to say, those at the end are said.
    pub fn all_but(held: impl IntoIterator<Item = Range<u64>>) -> Self {
        let mut held: Vec<_> = held.into_iter().collect();
        held.drain(..held.len().saturating_sub(MAX_HELD_RANGES));
        Self { held: Some(held), is_sent: false }
    }

    /// Says that the blocks come.
    pub const fn sent() -> Self {
        Self { held: None, is_sent: true }
    }

    /// Adds this to a message.
    pub fn append_to(&self, payload: &mut Vec<u8>) {
        if let Some(held) = &self.held {
            let mut packed = Vec::new();
            let mut end = 0;
            for range in held {
                varint::encode(range.start.saturating_sub(end), &mut packed);
                varint::encode(range.end.saturating_sub(range.start), &mut packed);
                end = range.end;
            }
            encode_bytes(14, &packed, payload);
        }
        if self.is_sent {
            encode_varint(15, 1, payload);
        }
    }

    /// Reads what is said beside a message.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn decode(payload: &[u8]) -> Result<Self, Fault> {
        let mut along = Self::default();
        for field in Reader::new(payload) {
            match field? {
                (14, value) => along.held = Some(ranges(fields::bytes(14, value)?)?),
                (15, value) => along.is_sent = fields::integer(15, value)? != 0,
                _ => {}
            }
        }
        Ok(along)
    }
}

/// Ranges of blocks: for each how many are between it and the one before, and how many it has.
fn ranges(mut packed: &[u8]) -> Result<Vec<Range<u64>>, Fault> {
    let (mut ranges, mut end) = (Vec::new(), 0_u64);
    while !packed.is_empty() && ranges.len() < MAX_HELD_RANGES {
        let start = end.saturating_add(fields::take_varint(&mut packed)?);
        end = start.saturating_add(fields::take_varint(&mut packed)?);
        ranges.push(start..end);
    }
    Ok(ranges)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hypertrie::ExtensionMessage;

    #[test]
    fn it_is_read_and_the_message_is_as_without_it() {
        let message = ExtensionMessage::Get { head: 7, key: "a".to_owned() };
        for along in [Along::default(), Along::all_but([]), Along::all_but([0..3, 9..10]), Along::sent()] {
            let mut payload = message.encode();
            along.append_to(&mut payload);
            assert_eq!(ExtensionMessage::decode(&payload), Ok(Some(message.clone())));
            assert_eq!(Along::decode(&payload), Ok(along));
        }
        let many = Along::all_but((0..5000).map(|nth| 2 * nth..2 * nth + 1));
        let mut payload = Vec::new();
        many.append_to(&mut payload);
        let held = Along::decode(&payload).unwrap().held.unwrap();
        assert_eq!((held.len(), held.last()), (MAX_HELD_RANGES, Some(&(9998..9999))));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = Along::decode(&bytes);
            let mut payload = Vec::new();
            encode_bytes(14, &bytes, &mut payload);
            let _ = Along::decode(&payload);
        }
    }
}
