//! Tokens: proof that who announces can be reached at the address that it announces from.
//!
//! Grade: machine. Every answer carries one for the asker's IP address, and an announcement has to bring it along.
//! Source: classic protocol, section 8.2. How a token is made is its maker's own affair: ours are keyed hashes.

use std::net::Ipv4Addr;
use std::time::Duration;

use dazaar_log::key::keyed_hash;

use super::limits::TOKEN_INTERVAL;
use super::message::Token;
use super::random::Random;

/// The secrets behind the tokens: the present one, and the one before.
pub(super) struct Tokens {
    secrets: [[u8; 32]; 2],
    next: Duration,
}

impl Tokens {
    pub(super) fn new(now: Duration, random: &mut Random) -> Self {
        Self { secrets: [random.bytes(), random.bytes()], next: now + TOKEN_INTERVAL }
    }

    /// Changes the secret if it is time to.
    pub(super) fn rotate(&mut self, now: Duration, random: &mut Random) {
        if now >= self.next {
            // After a long pause both are too old.
            let older = if now >= self.next + TOKEN_INTERVAL { random.bytes() } else { self.secrets[0] };
            self.secrets = [random.bytes(), older];
            self.next = now + TOKEN_INTERVAL;
        }
    }

    /// When to rotate next.
    pub(super) const fn next(&self) -> Duration {
        self.next
    }

    /// The token for an address.
    pub(super) fn token(&self, ip: Ipv4Addr) -> Token {
        token(&self.secrets[0], ip)
    }

    /// Whether this is a token for an address, and not too old.
    pub(super) fn verify(&self, ip: Ipv4Addr, given: &Token) -> bool {
        self.secrets.iter().any(|secret| token(secret, ip) == *given)
    }
}

fn token(secret: &[u8; 32], ip: Ipv4Addr) -> Token {
    Token(keyed_hash(secret, &[&ip.octets()]))
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("next", &self.next).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_address_and_for_two_intervals_at_most() {
        let mut random = Random::new([1; 32]);
        let mut tokens = Tokens::new(Duration::ZERO, &mut random);
        let (ours, other) = (Ipv4Addr::new(8, 0, 0, 1), Ipv4Addr::new(8, 0, 0, 2));
        let token = tokens.token(ours);
        assert!(tokens.verify(ours, &token) && !tokens.verify(other, &token));
        tokens.rotate(TOKEN_INTERVAL, &mut random);
        assert!(tokens.verify(ours, &token));
        assert_ne!(tokens.token(ours), token);
        tokens.rotate(2 * TOKEN_INTERVAL, &mut random);
        assert!(!tokens.verify(ours, &token));
    }

    #[test]
    fn a_node_that_slept_takes_no_old_token() {
        let mut random = Random::new([1; 32]);
        let mut tokens = Tokens::new(Duration::ZERO, &mut random);
        let ip = Ipv4Addr::new(8, 0, 0, 1);
        let token = tokens.token(ip);
        tokens.rotate(10 * TOKEN_INTERVAL, &mut random);
        assert!(!tokens.verify(ip, &token));
    }
}
