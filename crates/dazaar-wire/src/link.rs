//! The encrypted stream of frames of a session whose handshake is done.
//!
//! Grade: machine. What is received is decrypted at once and cut into frames only when asked, so that it never holds
//! more than one incomplete frame and what was last received, as long as its owner asks until there is no more.
//! Source: classic protocol, sections 4.2 and 4.4.

use bytes::BytesMut;

use crate::capability::SplitKeys;
use crate::cipher::{Opener, Sealer};
use crate::fault::PeerFault;
use crate::frame::{self, Frame};
use crate::handshake::{Established, Security};

/// Both directions of the stream.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) keys: SplitKeys,
    sealer: Sealer,
    opener: Opener,
    /// `clear` bytes of frames, then perhaps the beginning of an encrypted record.
    buffer: BytesMut,
    clear: usize,
}

impl Link {
    pub(crate) fn new(established: Established) -> Self {
        let Established { keys, nonce, remote_nonce, security, .. } = established;
        let (sealer, opener) = match security {
            Security::Classic => {
                (Sealer::classic(&keys.tx, &nonce), Opener::classic(&keys.rx, &remote_nonce))
            }
            Security::Authenticated => (Sealer::authenticated(&keys.tx), Opener::authenticated(&keys.rx)),
        };
        Self { keys, sealer, opener, buffer: BytesMut::new(), clear: 0 }
    }

    /// Takes received bytes.
    pub(crate) fn handle_bytes(&mut self, bytes: &[u8]) -> Result<(), PeerFault> {
        self.opener.open(bytes, &mut self.buffer, &mut self.clear)
    }

    /// The next complete frame.
    pub(crate) fn poll_frame(&mut self) -> Result<Option<Frame>, PeerFault> {
        frame::cut(&mut self.buffer, &mut self.clear)
    }

    /// Memory that received bytes take.
    #[cfg(test)]
    pub(crate) fn buffered(&self) -> usize {
        self.buffer.capacity()
    }

    /// Encrypts in place what lies behind the first `from` bytes of `buffer`.
    pub(crate) fn seal(&mut self, buffer: &mut Vec<u8>, from: usize) {
        self.sealer.seal(buffer, from);
    }
}
