//! What the handshake messages carry: a nonce, and in ours the offer of authenticated frames.
//!
//! Grade: plain. The offer is field 20, which the classic protocol does not know and its peers skip. It is written
//! only where the message that carries it is itself authenticated, so nobody on the way can strip it.
//! Source: classic protocol, section 4.1.
//!
//! ```text
//! NoisePayload { required bytes nonce = 1 (24 bytes); optional bool authenticated = 20 }
//! ```

use dazaar_log::codec::protobuf::{self, Reader};

use crate::fault::PeerFault;

/// Bytes of the nonce of a classic keystream.
pub(crate) const NONCE_BYTES: usize = 24;

const NONCE: u64 = 1;
const AUTHENTICATED: u64 = 20;

/// The payload of a handshake message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Payload {
    /// Nonce of the sender's classic keystream.
    pub(crate) nonce: [u8; NONCE_BYTES],
    /// From the responder: offers authenticated frames. From the initiator: takes the offer.
    pub(crate) authenticated: bool,
}

impl Payload {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        protobuf::encode_bytes(NONCE, &self.nonce, &mut out);
        if self.authenticated {
            protobuf::encode_varint(AUTHENTICATED, 1, &mut out);
        }
        out
    }

    /// Reads the payload of the handshake message with this number.
    pub(crate) fn decode(bytes: &[u8], message: u8) -> Result<Self, PeerFault> {
        let fault = PeerFault::Nonce { message };
        let (mut nonce, mut authenticated) = (None, false);
        for field in Reader::new(bytes) {
            match field.map_err(|_| fault.clone())? {
                (NONCE, value) => nonce = value.bytes().and_then(|bytes| bytes.try_into().ok()),
                (AUTHENTICATED, value) => authenticated = value.varint().is_some_and(|value| value != 0),
                _ => {}
            }
        }
        Ok(Self { nonce: nonce.ok_or(fault)?, authenticated })
    }
}
