//! What the seller's and the buyer's sessions share.
//!
//! Grade: machine. `now` is the time since an origin that the driver chose.
//! Source: classic protocol, sections 7.4 and 7.5.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;

use crate::extension::{self, Extension};
use crate::limits::{ACTIONS_QUEUED_MAX, JSON_BYTES_MAX};
use crate::terms::AcceptanceError;

/// How often each side asks again whether the other still qualifies, unless told otherwise.
pub const VALIDATE_INTERVAL: Duration = Duration::from_secs(1);

/// What a validator says about the other side.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Serve them.
    Admit {
        /// Told to the other side if it is an object.
        info: Option<Value>,
    },
    /// Don't.
    Refuse {
        /// Told to the other side.
        reason: String,
    },
}

/// What a peer did that ends its session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerFault {
    /// A payload over the limit of its message.
    #[error("`{}` of {bytes} bytes, more than the {max} allowed", extension.name())]
    PayloadTooLong {
        /// The message.
        extension: Extension,
        /// Bytes received.
        bytes: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// The key in a `one-time-feed` is not 32 bytes.
    #[error("a feed key of {bytes} bytes instead of 32")]
    FeedKeyLength {
        /// Bytes received.
        bytes: usize,
    },
    /// Terms of use that are no text.
    #[error("terms of use that are not UTF-8")]
    TermsNotUtf8,
    /// An acceptance that does not verify.
    #[error("the acceptance of the terms: {0}")]
    Acceptance(#[from] AcceptanceError),
    /// More feeds together than anybody sells.
    #[error("more than {max} feeds come with one")]
    TooManyFeeds {
        /// Feeds allowed.
        max: usize,
    },
    /// Messages come faster than they can be acted upon.
    #[error("more than {max} messages wait to be acted upon")]
    TooManyMessages {
        /// Actions that may wait.
        max: usize,
    },
}

/// Why a user message cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// There is no peer: not yet, or no more.
    #[error("nobody is connected")]
    NotConnected,
    /// The message is longer than the other side takes.
    #[error("a message of {bytes} bytes, more than the {max} allowed")]
    TooLong {
        /// Bytes of the message as JSON.
        bytes: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// The driver has not yet acted upon what it was told before.
    #[error("more than {max} messages wait to be sent")]
    QueueFull {
        /// Actions that may wait.
        max: usize,
    },
}

/// Actions in the order in which the driver must carry them out.
#[derive(Debug)]
pub(crate) struct Actions<A>(VecDeque<A>);

impl<A> Actions<A> {
    pub(crate) const fn new() -> Self {
        Self(VecDeque::new())
    }

    pub(crate) fn push(&mut self, action: A) {
        self.0.push_back(action);
    }

    pub(crate) fn poll(&mut self) -> Option<A> {
        self.0.pop_front()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether the driver must catch up before anything that a peer or the user wants is taken.
    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= ACTIONS_QUEUED_MAX
    }

    /// The payload of a user message, if there is room for it.
    pub(crate) fn user_message(&self, name: &str, message: &Value) -> Result<Vec<u8>, SendError> {
        if self.is_full() {
            return Err(SendError::QueueFull { max: ACTIONS_QUEUED_MAX });
        }
        let payload = extension::encode_user_message(name, message);
        if payload.len() > JSON_BYTES_MAX {
            return Err(SendError::TooLong { bytes: payload.len(), max: JSON_BYTES_MAX });
        }
        Ok(payload)
    }
}

/// One question at a time, asked again an interval after its answer.
#[derive(Debug)]
pub(crate) struct Revalidation {
    interval: Duration,
    step: Step,
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Idle,
    Asked,
    Answered,
    Resting { until: Duration },
}

impl Revalidation {
    pub(crate) const fn new(interval: Duration) -> Self {
        Self { interval, step: Step::Idle }
    }

    /// A question is going out.
    pub(crate) const fn ask(&mut self) {
        self.step = Step::Asked;
    }

    /// An answer came. Whether it was asked for.
    pub(crate) fn answer(&mut self) -> bool {
        let asked = self.step == Step::Asked;
        if asked {
            self.step = Step::Answered;
        }
        asked
    }

    /// The answer has taken effect: ask again after the interval.
    pub(crate) const fn rest(&mut self, now: Duration) {
        self.step = Step::Resting { until: now.saturating_add(self.interval) };
    }

    /// When to ask again.
    pub(crate) const fn poll_timeout(&self) -> Option<Duration> {
        match self.step {
            Step::Resting { until } => Some(until),
            Step::Idle | Step::Asked | Step::Answered => None,
        }
    }

    /// Whether there is an answer, and nothing is out.
    pub(crate) fn is_resting(&self) -> bool {
        self.poll_timeout().is_some()
    }

    /// Whether it is time to ask again.
    pub(crate) fn is_due(&self, now: Duration) -> bool {
        self.poll_timeout().is_some_and(|until| until <= now)
    }
}

/// How the last answer was, so that only a change is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Unknown,
    Admitted,
    Refused,
}

impl Standing {
    /// Moves to `next`; whether that is a change.
    pub(crate) fn change_to(&mut self, next: Self) -> bool {
        std::mem::replace(self, next) != next
    }
}
