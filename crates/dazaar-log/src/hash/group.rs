//! Messages that are hashed together: eight at a time where the processor can.
//!
//! Grade: plain.

use super::{Hash, Message, lanes};

/// Messages in a full group.
pub(crate) const GROUP_MAX: usize = lanes::LANES;

/// Up to eight messages.
#[derive(Debug)]
pub(crate) struct Group<'a> {
    messages: [Message<'a>; GROUP_MAX],
    count: usize,
}

impl<'a> Group<'a> {
    /// Fewer messages are hashed one by one: lanes that stay empty take as long as the others.
    const WORTH_LANES: usize = 3;

    /// The next messages; `None` if there are none.
    pub(crate) fn next(messages: &mut impl Iterator<Item = Message<'a>>) -> Option<Self> {
        let mut group = Self { messages: [Message::Leaf(&[]); GROUP_MAX], count: 0 };
        for (place, message) in group.messages.iter_mut().zip(messages) {
            *place = message;
            group.count += 1;
        }
        (group.count > 0).then_some(group)
    }

    /// The messages.
    pub(crate) fn messages(&self) -> &[Message<'a>] {
        &self.messages[..self.count]
    }

    /// Their hashes; zeros where there is no message.
    pub(crate) fn hashes(&self) -> [Hash; GROUP_MAX] {
        let several = self.count >= Self::WORTH_LANES;
        several.then(|| lanes::hash(&self.messages)).flatten().unwrap_or_else(|| {
            let mut hashes = [Hash([0; Hash::BYTES]); GROUP_MAX];
            hashes.iter_mut().zip(self.messages()).for_each(|(hash, message)| *hash = message.hash());
            hashes
        })
    }
}
