//! Messages of an Arrow IPC stream, each of a size that was checked before anything is allocated for it.
//!
//! Grade: over a door (any `BufRead`).

use std::io::{BufRead, Read};

use arrow::buffer::Buffer;
use arrow::error::ArrowError;
use arrow::ipc::{Message, RecordBatch, root_as_message};

use super::super::error::ImportError;
use super::super::limits::MESSAGE_BYTES_MAX;
use super::damaged;

/// A file begins with this and zeros, and ends with this.
const MAGIC: &[u8; 6] = b"ARROW1";

/// The old format of this name has nothing in common with the new one.
const FEATHER_1: &[u8; 4] = b"FEA1";

/// Comes before the size of a message, except in old streams.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// A message.
pub(super) struct Whole {
    head: Vec<u8>,
    pub(super) body: Buffer,
}

impl Whole {
    pub(super) fn head(&self) -> Result<Message<'_>, ArrowError> {
        root_as_message(&self.head).map_err(|error| ArrowError::IpcError(error.to_string()))
    }
}

/// Reads messages.
pub(super) struct Messages {
    input: Box<dyn BufRead + Send>,
    /// What was read of the next message.
    held: Vec<u8>,
    /// Bytes read.
    bytes: u64,
    is_file: bool,
    ended: bool,
}

impl Messages {
    pub(super) fn open(input: Box<dyn BufRead + Send>) -> Result<Self, ImportError> {
        let mut messages = Self { input, held: Vec::new(), bytes: 0, is_file: false, ended: false };
        messages.hold(8)?;
        if messages.held.starts_with(FEATHER_1) {
            return Err(damaged(0, "it is Feather of version 1; write version 2".to_owned()));
        }
        messages.is_file = messages.held.starts_with(MAGIC);
        if messages.is_file {
            messages.held.clear();
            // The stream inside begins at a multiple of 8 or 64.
            while messages.hold(8)? && messages.held == [0; 8] {
                messages.held.clear();
            }
        }
        Ok(messages)
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next message; `rows` came before it.
    pub(super) fn next(&mut self, rows: u64) -> Result<Option<Whole>, ImportError> {
        if self.ended {
            return Ok(None);
        }
        let size_at = match self.hold(4)? {
            true if self.held.starts_with(&CONTINUATION) => 4,
            _ => 0,
        };
        if !self.hold(size_at + 4)? {
            return self.end(rows, self.held.is_empty());
        }
        let begin = size_at + 4;
        let size = self.held[size_at..].first_chunk().map_or(0, |size| u32::from_le_bytes(*size));
        if size == 0 {
            self.held.clear();
            return self.end(rows, true);
        }
        let cut = || damaged(rows, "it ends within a message".to_owned());
        let end = fits(begin, size.into()).ok_or(ImportError::MessageTooLong { rows })?;
        if !self.hold(end)? {
            return Err(cut());
        }
        let head = self.held[begin..end].to_vec();
        self.held.clear();
        let body = root_as_message(&head).map_err(|error| damaged(rows, error.to_string()))?.bodyLength();
        let body = u64::try_from(body).map_err(|_| damaged(rows, "a length below zero".to_owned()))?;
        let body = fits(0, body).ok_or(ImportError::MessageTooLong { rows })?;
        if !self.hold(body)? {
            return Err(cut());
        }
        let whole = Whole { head, body: Buffer::from_vec(std::mem::take(&mut self.held)) };
        if whole.head().is_ok_and(|head| unpacked_bytes(head, &whole.body) > MESSAGE_BYTES_MAX) {
            return Err(ImportError::MessageTooLong { rows });
        }
        Ok(Some(whole))
    }

    /// Reads until so many bytes are held; false if there are not so many.
    fn hold(&mut self, bytes: usize) -> Result<bool, ImportError> {
        let missing = bytes.saturating_sub(self.held.len());
        let read = (&mut self.input).take(missing as u64).read_to_end(&mut self.held)?;
        self.bytes += read as u64;
        Ok(self.held.len() >= bytes)
    }

    fn end(&mut self, rows: u64, whole: bool) -> Result<Option<Whole>, ImportError> {
        self.ended = true;
        if !whole {
            return Err(damaged(rows, "it ends within a message".to_owned()));
        }
        let tail = self.tail()?;
        match self.is_file {
            // A file that was cut may end with a whole message.
            true if tail != MAGIC => Err(damaged(rows, "its footer is missing".to_owned())),
            false if !tail.is_empty() => Err(damaged(rows, "it goes on after its end".to_owned())),
            _ => Ok(None),
        }
    }

    /// The last bytes of the input.
    fn tail(&mut self) -> Result<Vec<u8>, ImportError> {
        const STEP: usize = 1 << 16;
        let mut tail = Vec::new();
        while self.hold(STEP)? || !self.held.is_empty() {
            tail.append(&mut self.held);
            tail.drain(..tail.len().saturating_sub(MAGIC.len()));
        }
        Ok(tail)
    }
}

/// Where the bytes after `begin` end, if that is not too much.
fn fits(begin: usize, bytes: u64) -> Option<usize> {
    if bytes > MESSAGE_BYTES_MAX { None } else { begin.checked_add(usize::try_from(bytes).ok()?) }
}

/// Bytes of the values of a message when they are unpacked, as it says itself.
fn unpacked_bytes(message: Message<'_>, body: &[u8]) -> u64 {
    let dictionary = message.header_as_dictionary_batch().and_then(|dictionary| dictionary.data());
    let Some(batch) = message.header_as_record_batch().or(dictionary) else { return 0 };
    if batch.compression().is_none() {
        return 0;
    }
    buffers(batch, body).fold(0, u64::saturating_add)
}

/// What each buffer says it has when it is unpacked.
fn buffers<'a>(batch: RecordBatch<'a>, body: &'a [u8]) -> impl Iterator<Item = u64> + 'a {
    batch.buffers().into_iter().flatten().map(|buffer| {
        let size = usize::try_from(buffer.offset()).ok().and_then(|at| body.get(at..)?.first_chunk());
        // Below zero: not packed.
        size.and_then(|size| u64::try_from(i64::from_le_bytes(*size)).ok()).unwrap_or(0)
    })
}
