//! How often strangers are answered.
//!
//! Grade: machine. A datagram's sender can be forged, so an answer may hit somebody who asked nothing: each address gets only so
//! many. Addresses share a fixed number of counters by a secret hash, so that memory has an end and nobody chooses whom to
//! share with.

use std::net::Ipv4Addr;
use std::time::Duration;

use dazaar_log::key::keyed_hash;

use super::limits::{REQUESTS_IN_ALL, REQUESTS_PER_IP};

/// Counters for addresses.
const COUNTERS: usize = 1024;

/// A rate with a burst: the generic cell rate algorithm, whose whole state is the time up to which the rate is used up.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    used_until: Duration,
}

impl Default for Rate {
    fn default() -> Self {
        Self::new()
    }
}

impl Rate {
    /// Nothing is used up yet.
    pub const fn new() -> Self {
        Self { used_until: Duration::ZERO }
    }

    /// Whether one more is allowed now, at so many a second and so many at once.
    pub fn allows(&mut self, now: Duration, (per_second, at_once): (u32, u32)) -> bool {
        let each = Duration::from_secs(1) / per_second;
        let used = self.used_until.max(now) + each;
        let allowed = used <= now + each * at_once;
        if allowed {
            self.used_until = used;
        }
        allowed
    }
}

/// The rates of everybody.
#[derive(Debug)]
pub(super) struct Rates {
    secret: [u8; 32],
    counters: Vec<Rate>,
    all: Rate,
}

impl Rates {
    pub(super) fn new(secret: [u8; 32]) -> Self {
        Self { secret, counters: vec![Rate::new(); COUNTERS], all: Rate::new() }
    }

    /// Whether something that came from `ip` is answered.
    pub(super) fn allows(&mut self, now: Duration, ip: Ipv4Addr) -> bool {
        let [low, high, ..] = keyed_hash(&self.secret, &[&ip.octets()]);
        let place = usize::from(u16::from_le_bytes([low, high])) % COUNTERS;
        let counter = self.counters.get_mut(place);
        counter.is_some_and(|counter| counter.allows(now, REQUESTS_PER_IP))
            && self.all.allows(now, REQUESTS_IN_ALL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_answered_and_then_the_rate() {
        let mut rate = Rate::new();
        let start = Duration::from_secs(100);
        assert_eq!((0..50).filter(|_| rate.allows(start, (10, 20))).count(), 20);
        let later = |tenths: u32| start + Duration::from_millis(100) * tenths;
        assert_eq!((1..=30).filter(|tenths| rate.allows(later(*tenths), (10, 20))).count(), 30);
        assert!(!rate.allows(later(30), (10, 20)));
    }

    #[test]
    fn one_address_does_not_use_up_what_others_have() {
        let mut rates = Rates::new([7; 32]);
        let (now, flood, other) =
            (Duration::from_secs(1), Ipv4Addr::new(8, 0, 0, 1), Ipv4Addr::new(8, 0, 0, 2));
        let answered = (0..100_000).filter(|_| rates.allows(now, flood)).count();
        assert_eq!(answered, REQUESTS_PER_IP.1 as usize);
        assert!(rates.allows(now, other));
    }

    #[test]
    fn all_addresses_together_have_a_limit() {
        let mut rates = Rates::new([7; 32]);
        let answered = (0..100_000u32).filter(|ip| rates.allows(Duration::ZERO, Ipv4Addr::from(*ip))).count();
        assert_eq!(answered, REQUESTS_IN_ALL.1 as usize);
    }
}
