//! Every bound on what a stranger can make a session hold, and the session's times.
//!
//! Grade: plain. Numbers marked "classic" are the protocol's own: changing one breaks compatibility.
//! Source: classic protocol, sections 4.1, 4.4, 4.8 and 9.

use std::time::Duration;

/// Longest handshake message. The classic ones have 58, 122 and 90 bytes; the rest is room for unknown fields.
pub const HANDSHAKE_BYTES_MAX: usize = 1024;

/// Longest body of a frame (classic): peers end the session when a body is longer.
pub const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Longest header of a frame, which is a varint of channel and type.
pub const HEADER_BYTES_MAX: usize = VARINT_BYTES_MAX;

/// Most bytes of a varint in front of or at the head of a frame (classic): seven groups of seven bits.
pub const VARINT_BYTES_MAX: usize = 7;

/// Longest encrypted record of an authenticated session, with its tag: what its two length bytes can say.
pub const RECORD_BYTES_MAX: usize = u16::MAX as usize;

/// Most nodes in one `Data`. A complete proof of a feed of 2^63 blocks needs fewer than 128.
pub const NODES_MAX: usize = 256;

/// Most blocks in one `Blocks`.
pub const RANGE_BLOCKS_MAX: u64 = 4096;

/// Most channels that a remote can have open, with those it was not answered on.
pub const CHANNELS_MAX: usize = 128;

/// Most feeds that a remote can offer without an answer from us.
pub const OFFERS_MAX: usize = 32;

/// Most extensions that a remote can announce, on the stream and on each channel.
pub const EXTENSIONS_MAX: usize = 64;

/// Longest name of an extension.
pub const EXTENSION_NAME_BYTES_MAX: usize = 128;

/// Most bytes that wait for the socket while the remote goes on sending. Drivers stop sending blocks long before; what
/// is left are answers to a remote that does not read them.
pub const OUTGOING_BYTES_MAX: usize = 8 * BODY_BYTES_MAX;

/// Time in which the whole handshake has to be done, however busily the remote sends.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);

/// A remote that has sent nothing for so long is gone (classic).
pub const SILENCE_TIMEOUT: Duration = Duration::from_secs(20);

/// After so long without sending, a keep-alive is sent (classic).
pub const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);

const _: () = assert!(OFFERS_MAX <= CHANNELS_MAX);
const _: () = assert!(dazaar_log::limits::MAX_READ_BLOCKS <= RANGE_BLOCKS_MAX);
const _: () = assert!(BODY_BYTES_MAX < 1 << (7 * VARINT_BYTES_MAX));
const _: () = assert!(KEEP_ALIVE_INTERVAL.as_secs() * 2 <= SILENCE_TIMEOUT.as_secs());
