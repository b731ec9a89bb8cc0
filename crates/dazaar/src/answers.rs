//! Answers to what peers ask about a feed besides its blocks, and how many one connection may cause.

use std::time::Instant;

use dazaar_wire::discovery::Rate;
use dazaar_wire::session::Channel;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::connection::{Connection, ConnectionError};
use crate::peer::{Along, Answer, Reaction};

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

    /// Does what there is to do about one message, unless there were too many: sends answers, and blocks along with them.
    pub(crate) fn give<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        connection: &mut Connection<S>,
        (channel, name): (Channel, &str),
        reaction: impl FnOnce() -> Reaction,
    ) -> Result<(), ConnectionError> {
        if !self.allow_one() {
            return Ok(());
        }
        let Reaction { answers, expected, .. } = reaction();
        if !expected.is_empty() {
            connection.expect(channel, &expected);
        }
        for Answer { payload, along } in answers {
            // What a long answer took is off what the next questions may take.
            self.allow_one();
            let sent =
                along.and_then(|Along { blocks, say }| Some((connection.send_along(channel, &blocks)?, say)));
            let payload = match sent {
                None => payload,
                // What was sent before is here, or on its way.
                Some((sent, _)) if sent.is_empty() => continue,
                Some((sent, say)) => say(&sent),
            };
            connection.session().send_channel_extension(channel, name, &payload)?;
        }
        Ok(())
    }

    fn allow_one(&mut self) -> bool {
        self.rate.allows(self.since.elapsed(), ANSWERS)
    }
}
