//! Bytes that wait for the socket, in one piece.
//!
//! Grade: machine. Frames are written behind one another in clear, and encrypted where they lie when the socket asks
//! for them: so that many small frames are encrypted at once.

use std::fmt;

use crate::link::Link;

/// The bytes that the socket has not yet taken.
#[derive(Default)]
pub(crate) struct Outgoing {
    bytes: Vec<u8>,
    /// How many of the first bytes the socket has taken.
    taken: usize,
    /// How many of the first bytes are encrypted.
    sealed: usize,
}

impl Outgoing {
    /// How many bytes wait; encrypting may add some.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.taken
    }

    /// Where to append frames. Taken bytes are dropped first if they are the larger part, so that what is left is moved
    /// no more often than bytes are sent.
    pub(crate) fn frames(&mut self) -> &mut Vec<u8> {
        if self.taken * 2 >= self.bytes.len() {
            self.bytes.drain(..self.taken);
            self.sealed -= self.taken;
            self.taken = 0;
        }
        &mut self.bytes
    }

    /// Appends bytes of the handshake, which are sent as they are.
    pub(crate) fn push_sealed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.sealed = self.bytes.len();
    }

    /// Encrypts what is not yet encrypted.
    pub(crate) fn seal(&mut self, link: &mut Link) {
        if self.sealed < self.bytes.len() {
            link.seal(&mut self.bytes, self.sealed);
            self.sealed = self.bytes.len();
        }
    }

    /// What can be sent.
    pub(crate) fn sealed(&self) -> &[u8] {
        &self.bytes[self.taken..self.sealed]
    }

    /// The socket took the first `count` bytes.
    pub(crate) fn consume(&mut self, count: usize) {
        self.taken = (self.taken + count).min(self.sealed);
    }

    /// Gives the memory back that nothing waits in. For a pause: a busy sender needs it at once.
    pub(crate) fn shrink(&mut self) {
        if self.len() == 0 {
            self.clear();
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("len", &self.len()).finish_non_exhaustive()
    }
}
