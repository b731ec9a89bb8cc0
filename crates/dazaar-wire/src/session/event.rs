//! What a session tells its driver, and what it cannot do for it.
//!
//! Grade: plain.

use bytes::Bytes;
use dazaar_log::{DiscoveryKey, IdentityKey};

use crate::channel::Channel;
use crate::handshake::Security;
use crate::message::Message;

/// Something happened on a session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The handshake is done.
    Connected {
        /// Who the other side has proved to be.
        remote: IdentityKey,
        /// Whether frames are authenticated.
        security: Security,
    },
    /// The remote opened a feed that this side has not opened: open or refuse it.
    Offered {
        /// The feed.
        discovery_key: DiscoveryKey,
    },
    /// Both sides have opened a feed.
    Opened {
        /// Our channel of it.
        channel: Channel,
    },
    /// A message on an open channel.
    Message {
        /// Our channel of the feed.
        channel: Channel,
        /// The message; nothing in it is verified.
        message: Message,
    },
    /// The remote closed a feed; the channel is gone.
    Closed {
        /// Our channel of the feed.
        channel: Channel,
    },
    /// The remote does not open a feed that this side opened; the channel is gone.
    Refused {
        /// Our channel of the feed.
        channel: Channel,
        /// The feed.
        discovery_key: DiscoveryKey,
    },
    /// An extension message of the stream, of a name that both sides know.
    Extension {
        /// The extension.
        name: String,
        /// Shares memory with the bytes that it was received in.
        payload: Bytes,
    },
    /// An extension message of a channel, of a name that both sides know.
    ChannelExtension {
        /// Our channel of the feed.
        channel: Channel,
        /// The extension.
        name: String,
        /// Shares memory with the bytes that it was received in.
        payload: Bytes,
    },
    /// The remote closed the last channel that there was. Classic peers end the connection now.
    Ended,
}

/// Why a feed was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The handshake is not done, or the session has ended.
    #[error("the session is not connected")]
    NotConnected,
    /// The remote offered the feed but does not prove that it knows its key.
    #[error("the remote does not prove that it knows feed {discovery_key}")]
    Capability {
        /// The feed.
        discovery_key: DiscoveryKey,
    },
}

/// Why a message was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The handshake is not done, or the session has ended.
    #[error("the session is not connected")]
    NotConnected,
    /// The message is longer than a peer accepts.
    #[error("message of {bytes} bytes, at most {max} can be sent")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The name is not among the extensions that were set.
    #[error("this side has no extension of that name")]
    UnknownExtension,
}
