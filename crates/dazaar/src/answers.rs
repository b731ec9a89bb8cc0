//! Answers to what peers ask about a feed besides its blocks, and how many one connection may cause.

use std::time::Instant;

use dazaar_wire::discovery::Rate;
use dazaar_wire::session::Channel;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::connection::{Connection, ConnectionError};

/// Questions and messages of answers that one connection may cause: a second, and at once. What is more has no answer; blocks come
/// without one too.
const ANSWERS: (u32, u32) = (400, 2000);

/// How much one connection made us answer.
#[derive(Debug)]
pub(crate) struct Answers {
    since: Instant,
    rate: Rate,
}

impl Answers {
    pub(crate) fn new() -> Self {
        Self { since: Instant::now(), rate: Rate::new() }
    }

    /// Sends the answers to one message, unless there were too many.
    pub(crate) fn give<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        connection: &mut Connection<S>,
        (channel, name): (Channel, &str),
        answers: impl FnOnce() -> Vec<Vec<u8>>,
    ) -> Result<(), ConnectionError> {
        if !self.allow_one() {
            return Ok(());
        }
        for answer in answers() {
            // What a long answer took is off what the next questions may take.
            self.allow_one();
            connection.session().send_channel_extension(channel, name, &answer)?;
        }
        Ok(())
    }

    fn allow_one(&mut self) -> bool {
        self.rate.allows(self.since.elapsed(), ANSWERS)
    }
}
