//! Worlds of peers from a seed: the pure machines, driven over a made-up network and clock.
//!
//! A world has honest hosts, each with a log, feeds and real encrypted sessions; lines that are slow, end or die; and malicious
//! peers. A seed decides all of it. What has to hold in every world is in `check`. See the README.

mod attack;
mod attacker;
mod check;
mod clock;
pub mod dht;
mod dice;
mod host;
mod link;
mod pipe;
mod plan;
mod trace;
mod wishes;
mod world;

#[cfg(test)]
mod tests;

use plan::Plan;
use trace::Trace;
use world::World;

pub use world::Outcome;

/// What is wrong with the world of a seed.
#[derive(Debug, thiserror::Error)]
#[error("seed {seed}: {reason}\nreplay it: cargo run -p dazaar-sim -- --seed {seed} --trace")]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What does not hold.
    pub reason: String,
}

/// Runs the world of a seed. What happens is told to `sink`.
///
/// # Errors
/// What does not hold in it.
pub fn simulate(seed: u64, sink: Option<fn(String)>) -> Result<Outcome, Failure> {
    World::run(Plan::new(seed), Trace::new(sink)).map_err(|reason| Failure { seed, reason })
}
