//! What a buyer may be sent, and was: one for all of their connections.

use std::sync::atomic::{AtomicU64, Ordering};

/// No limit.
const UNLIMITED: u64 = u64::MAX;

/// Bytes of blocks that may be sent, and those that were and nobody charged yet.
#[derive(Debug)]
pub(crate) struct Allowance {
    left: AtomicU64,
    sent: AtomicU64,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { left: AtomicU64::new(UNLIMITED), sent: AtomicU64::new(0) }
    }
}

impl Allowance {
    /// What may be sent; none if there is no limit.
    pub(crate) fn left(&self) -> Option<u64> {
        let left = self.left.load(Ordering::Relaxed);
        (left != UNLIMITED).then_some(left)
    }

    /// So much was sent.
    pub(crate) fn use_up(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
        let used = |left: u64| (left != UNLIMITED).then(|| left.saturating_sub(bytes));
        // No limit stays no limit.
        let _ = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, used);
    }

    /// What was sent since it was last asked: it is charged now.
    pub(crate) fn take_sent(&self) -> u64 {
        self.sent.swap(0, Ordering::Relaxed)
    }

    /// So much is left by the records, or there is no limit. What was sent and is not in them yet is off that.
    pub(crate) fn set(&self, left: Option<u64>) {
        let left = left.map_or(UNLIMITED, |left| left.saturating_sub(self.sent.load(Ordering::Relaxed)));
        self.left.store(left, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_off_what_is_left() {
        let allowance = Allowance::default();
        allowance.use_up(5);
        assert_eq!(allowance.left(), None);
        allowance.set(Some(12));
        assert_eq!(allowance.left(), Some(7));
        allowance.use_up(10);
        assert_eq!((allowance.left(), allowance.take_sent(), allowance.take_sent()), (Some(0), 15, 0));
        allowance.set(Some(3));
        assert_eq!(allowance.left(), Some(3));
        allowance.set(None);
        assert_eq!(allowance.left(), None);
    }
}
