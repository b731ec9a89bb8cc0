//! Time that a seller grants a buyer, and the meter that uses it up.
//!
//! Grade: machine. Milliseconds as integers. Differs from the reference, whose clock runs from the moment of payment:
//! this meter runs only from a delivery to the moment when the buyer is gone or the time is used up, so nobody pays
//! for a seller who is away, and time that was not granted is never charged later.
//! Invariant: granted = used + remaining, and none of them is negative.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use crate::limits::GRANT_ID_BYTES_MAX;
use crate::session::Verdict;

/// What a buyer reads when nothing is left; the words of the reference.
const NO_TIME_REASON: &str = "No time left on subscription";

/// What makes a grant the same grant when it comes again: a payment's hash, a name that the seller chose.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GrantId(String);

impl GrantId {
    /// The identifier `text`.
    ///
    /// # Errors
    /// [`CreditError::GrantId`] if it is empty or too long.
    pub fn new(text: &str) -> Result<Self, CreditError> {
        if text.is_empty() || text.len() > GRANT_ID_BYTES_MAX {
            return Err(CreditError::GrantId { bytes: text.len(), max: GRANT_ID_BYTES_MAX });
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a grant is news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granted {
    /// The credit grew.
    Added,
    /// This grant was there already; nothing changed.
    Repeated,
}

/// One buyer's time with one seller.
#[derive(Debug, Default)]
pub struct TimeCredit {
    grants: BTreeMap<GrantId, u64>,
    granted_ms: u64,
    used_ms: u64,
    running_since: Option<Duration>,
}

impl TimeCredit {
    /// Nothing granted, nothing used, and the meter stands.
    pub fn new() -> Self {
        Self::default()
    }

    /// The credit as it was stored: its grants, and the milliseconds that [`used_ms`](Self::used_ms) told. The meter
    /// stands.
    ///
    /// # Errors
    /// What [`grant`](Self::grant) returns; [`CreditError::Overdrawn`].
    pub fn restore(
        grants: impl IntoIterator<Item = (GrantId, u64)>,
        used_ms: u64,
    ) -> Result<Self, CreditError> {
        let mut credit = Self::new();
        for (id, granted_ms) in grants {
            credit.grant(Duration::ZERO, id, granted_ms)?;
        }
        if used_ms > credit.granted_ms {
            return Err(CreditError::Overdrawn { granted_ms: credit.granted_ms, used_ms });
        }
        credit.used_ms = used_ms;
        Ok(credit)
    }

    /// Adds `granted_ms` milliseconds, once for each `id`.
    ///
    /// # Errors
    /// [`CreditError::Conflict`] if `id` was granted with another amount; [`CreditError::Overflow`].
    pub fn grant(&mut self, now: Duration, id: GrantId, granted_ms: u64) -> Result<Granted, CreditError> {
        if let Some(&known_ms) = self.grants.get(&id) {
            return if known_ms == granted_ms {
                Ok(Granted::Repeated)
            } else {
                Err(CreditError::Conflict { id, known_ms, granted_ms })
            };
        }
        let total_ms = self.granted_ms.checked_add(granted_ms).ok_or(CreditError::Overflow)?;
        // What has run until now is charged to what was there until now.
        self.charge(now);
        self.granted_ms = total_ms;
        self.grants.insert(id, granted_ms);
        Ok(Granted::Added)
    }

    /// Something was delivered: the meter runs, if it does not run already and time is left.
    pub fn start(&mut self, now: Duration) {
        if self.running_since.is_none() && self.remaining_ms() > 0 {
            self.running_since = Some(now);
        }
    }

    /// The buyer is gone, or is not served: the meter stands until the next delivery.
    pub fn pause(&mut self, now: Duration) {
        self.charge(now);
        self.running_since = None;
    }

    /// Takes the time that has run until `now` off the credit. When nothing is left, the meter stands.
    /// A clock that goes back takes nothing.
    pub fn charge(&mut self, now: Duration) {
        let Some(since) = self.running_since else { return };
        let elapsed_ms = u64::try_from(now.saturating_sub(since).as_millis()).unwrap_or(u64::MAX);
        let charged_ms = elapsed_ms.min(self.remaining_ms());
        self.used_ms += charged_ms;
        // The fraction of a millisecond that was not charged stays on the meter.
        self.running_since = (self.remaining_ms() > 0).then(|| since + Duration::from_millis(charged_ms));
    }

    /// Milliseconds used until the last charge: what to store.
    pub const fn used_ms(&self) -> u64 {
        self.used_ms
    }

    /// Milliseconds left at the last charge.
    pub const fn remaining_ms(&self) -> u64 {
        self.granted_ms - self.used_ms
    }

    /// Charges until `now`, and says whether the buyer is to be served.
    pub fn verdict(&mut self, now: Duration) -> Verdict {
        self.charge(now);
        match self.remaining_ms() {
            0 => Verdict::Refuse { reason: NO_TIME_REASON.to_owned() },
            remaining => Verdict::Admit { info: Some(json!({ "type": "time", "remaining": remaining })) },
        }
    }
}

/// Why credit cannot be given or restored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CreditError {
    /// An identifier that is empty or too long.
    #[error("the identifier of a grant has 1 to {max} bytes, this one has {bytes}")]
    GrantId {
        /// Bytes of the text.
        bytes: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// The same identifier with another amount.
    #[error("the grant `{}` is known with {known_ms} ms, not {granted_ms} ms", id.as_str())]
    Conflict {
        /// The identifier.
        id: GrantId,
        /// Milliseconds granted before.
        known_ms: u64,
        /// Milliseconds asked for now.
        granted_ms: u64,
    },
    /// More milliseconds than 64 bits hold.
    #[error("more time than can be counted")]
    Overflow,
    /// A stored meter that used more than there was.
    #[error("{used_ms} ms used of {granted_ms} ms granted")]
    Overdrawn {
        /// Milliseconds granted.
        granted_ms: u64,
        /// Milliseconds used.
        used_ms: u64,
    },
}

#[cfg(test)]
mod tests;
