//! What a stranger did wrong.
//!
//! Grade: plain. Each variant is one rule; breaking it ends that session and nothing else.

use std::time::Duration;

use dazaar_log::{DiscoveryKey, IdentityKey};

/// The rule that a remote broke. Its session is over: nothing more is read from it or sent to it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerFault {
    /// A handshake message is longer than any real one.
    #[error("handshake message of {bytes} bytes, at most {max} are accepted")]
    HandshakeTooLong {
        /// Announced length.
        bytes: u64,
        /// The limit.
        max: usize,
    },
    /// A handshake message is malformed, or was not made by the holder of the keys in it.
    #[error("handshake message {message} is not valid")]
    Handshake {
        /// Which of the three messages, counted from 1.
        message: u8,
    },
    /// The remote's key makes the shared secret zero, so that anybody would know it.
    #[error("the remote used a key of small order")]
    WeakKey,
    /// The payload of a handshake message has no nonce of 24 bytes.
    #[error("handshake message {message} carries no nonce")]
    Nonce {
        /// Which of the three messages, counted from 1.
        message: u8,
    },
    /// Somebody else than the expected peer answered.
    #[error("expected peer {expected}, reached {actual}")]
    WrongIdentity {
        /// Whom we wanted.
        expected: IdentityKey,
        /// Who answered.
        actual: IdentityKey,
    },
    /// A peer answered to whom there is another way.
    #[error("reached {actual}, to whom there is another way")]
    UnwantedIdentity {
        /// Who answered.
        actual: IdentityKey,
    },
    /// We require authenticated frames, and the remote does not offer them.
    #[error("the remote does not support authenticated frames")]
    NotAuthenticated,
    /// Bytes were changed on the way, or were never the remote's.
    #[error("encrypted record {record} is not authentic")]
    Tampered {
        /// Which record of this direction, counted from 0.
        record: u64,
    },
    /// A length or header is written in more bytes than any valid one.
    #[error("a frame's varint is longer than {max} bytes")]
    VarintTooLong {
        /// The limit.
        max: usize,
    },
    /// A frame is longer than the protocol allows.
    #[error("frame of {bytes} bytes, at most {max} are accepted")]
    FrameTooLong {
        /// Announced length.
        bytes: u64,
        /// The limit.
        max: usize,
    },
    /// A frame ends within its own header.
    #[error("a frame of {bytes} bytes ends within its header")]
    FrameTooShort {
        /// Announced length.
        bytes: u64,
    },
    /// The fields of a message cannot be read.
    #[error("a `{message}` message is not valid protobuf")]
    Malformed {
        /// Name of the message.
        message: &'static str,
    },
    /// A field has the wrong type, length or encoding.
    #[error("field `{field}` of a `{message}` message is not valid")]
    FieldInvalid {
        /// Name of the message.
        message: &'static str,
        /// Name of the field.
        field: &'static str,
    },
    /// A field that has to be there is not.
    #[error("a `{message}` message lacks `{field}`")]
    FieldMissing {
        /// Name of the message.
        message: &'static str,
        /// Name of the field.
        field: &'static str,
    },
    /// A field is repeated more often than any honest message needs.
    #[error("more than {max} times `{field}` in a `{message}` message")]
    FieldRepeated {
        /// Name of the message.
        message: &'static str,
        /// Name of the field.
        field: &'static str,
        /// The limit.
        max: usize,
    },
    /// The remote does not prove that it knows the feed that it opens.
    #[error("wrong capability for feed {discovery_key}")]
    Capability {
        /// The feed.
        discovery_key: DiscoveryKey,
    },
    /// The remote opens a feed on a number that is the stream's own or already in use.
    #[error("channel number {number} cannot be opened")]
    ChannelNumber {
        /// The number.
        number: u64,
    },
    /// The remote opens a feed a second time.
    #[error("feed {discovery_key} is already open")]
    OpenedTwice {
        /// The feed.
        discovery_key: DiscoveryKey,
    },
    /// The remote has too many channels open or too many feeds on offer.
    #[error("more than {max} channels")]
    TooManyChannels {
        /// The limit.
        max: usize,
    },
    /// The remote goes on sending but does not read the answers.
    #[error("{bytes} bytes wait to be read by the remote, at most {max} may")]
    NotReading {
        /// Bytes that wait.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The handshake was not done in time.
    #[error("no handshake within {} s", .limit.as_secs())]
    HandshakeTimeout {
        /// The limit.
        limit: Duration,
    },
    /// The remote went silent.
    #[error("nothing received for {} s", .limit.as_secs())]
    Silent {
        /// The limit.
        limit: Duration,
    },
}

#[cfg(test)]
mod tests;
