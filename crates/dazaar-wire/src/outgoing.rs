//! Encrypted bytes that wait for the socket, in one piece.
//!
//! Grade: machine.

/// The bytes not yet taken by the socket.
#[derive(Default)]
pub(crate) struct Outgoing {
    bytes: Vec<u8>,
    /// How many of the first bytes the socket has taken.
    taken: usize,
}

impl Outgoing {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    /// Where to append. Taken bytes are dropped first if they are the larger part, so that each is moved at most once.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        if self.taken * 2 >= self.bytes.len() {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
        &mut self.bytes
    }

    /// The socket took the first `count` bytes.
    pub(crate) fn consume(&mut self, count: usize) {
        self.taken = (self.taken + count).min(self.bytes.len());
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing").field("bytes", &self.bytes().len()).finish()
    }
}
