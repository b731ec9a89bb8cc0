//! Text as it comes in, held until its rows are complete. Grade: over a door (any `BufRead`).

use std::fmt;
use std::io::{self, BufRead};

use super::limits::TAKE_BYTES;

/// Bytes that were read and not yet used.
pub(super) struct Source {
    input: Box<dyn BufRead + Send>,
    held: Vec<u8>,
    /// Bytes of `held` that were used.
    used: usize,
    /// Bytes used before those in `held`.
    before: u64,
    ended: bool,
}

impl Source {
    pub(super) const fn new(input: Box<dyn BufRead + Send>) -> Self {
        Self { input, held: Vec::new(), used: 0, before: 0, ended: false }
    }

    /// What is there.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.held[self.used..]
    }

    /// Whether nothing comes after that.
    pub(super) const fn ended(&self) -> bool {
        self.ended
    }

    /// Bytes that were used.
    pub(super) const fn used(&self) -> u64 {
        self.before + self.used as u64
    }

    /// Marks the first bytes as used.
    pub(super) const fn advance(&mut self, bytes: usize) {
        self.used += bytes;
    }

    /// Takes what the input has, waiting for it if that is nothing.
    pub(super) fn fill(&mut self) -> io::Result<()> {
        if self.used > 0 {
            self.held.drain(..self.used);
            self.before += self.used as u64;
            self.used = 0;
        }
        loop {
            match self.input.fill_buf() {
                Ok(buffer) => {
                    let taken = buffer.len().min(TAKE_BYTES);
                    self.held.extend_from_slice(&buffer[..taken]);
                    self.ended = taken == 0;
                    self.input.consume(taken);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("used", &self.used()).finish_non_exhaustive()
    }
}
