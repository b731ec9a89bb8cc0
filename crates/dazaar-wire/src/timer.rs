//! When a session has to act by itself: keep the connection alive, or give a silent remote up.
//!
//! Grade: machine. The time for the handshake is one deadline, so that a remote that sends a byte now and then does
//! not hold a session open.
//! Source: classic protocol, section 4.8.

use std::time::Duration;

use crate::fault::PeerFault;
use crate::limits::{HANDSHAKE_TIMEOUT, KEEP_ALIVE_INTERVAL, SILENCE_TIMEOUT};

/// The clocks of one session.
#[derive(Debug)]
pub(crate) struct Timers {
    now: Duration,
    received: Duration,
    sent: Duration,
    /// When the handshake has to be done; `None` once it is.
    handshake: Option<Duration>,
}

impl Timers {
    pub(crate) fn new(now: Duration) -> Self {
        Self { now, received: now, sent: now, handshake: Some(now + HANDSHAKE_TIMEOUT) }
    }

    /// The remote sent bytes. That is never too late, unless the handshake should long be done.
    pub(crate) fn received(&mut self, now: Duration) -> Result<(), PeerFault> {
        self.now = now;
        self.received = now;
        self.handshake_in_time(now)
    }

    /// This side wrote bytes, at the time it was last told.
    pub(crate) fn sent(&mut self) {
        self.sent = self.now;
    }

    /// The handshake is done.
    pub(crate) fn established(&mut self) {
        self.handshake = None;
    }

    /// When to look again.
    pub(crate) fn next(&self) -> Duration {
        let silence = self.received + SILENCE_TIMEOUT;
        silence.min(self.handshake.unwrap_or(self.sent + KEEP_ALIVE_INTERVAL))
    }

    /// Whether a keep-alive is due now.
    ///
    /// # Errors
    /// [`PeerFault::HandshakeTimeout`] and [`PeerFault::Silent`] if the remote took too long.
    pub(crate) fn elapsed(&mut self, now: Duration) -> Result<bool, PeerFault> {
        self.now = now;
        self.handshake_in_time(now)?;
        if now >= self.received + SILENCE_TIMEOUT {
            return Err(PeerFault::Silent { limit: SILENCE_TIMEOUT });
        }
        Ok(self.handshake.is_none() && now >= self.sent + KEEP_ALIVE_INTERVAL)
    }

    fn handshake_in_time(&self, now: Duration) -> Result<(), PeerFault> {
        if self.handshake.is_some_and(|deadline| now >= deadline) {
            return Err(PeerFault::HandshakeTimeout { limit: HANDSHAKE_TIMEOUT });
        }
        Ok(())
    }
}
