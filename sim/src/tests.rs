//! Thousands of worlds, and proof that the checks see what is wrong.

mod attacks;
mod planted;

use crate::plan::Plan;
use crate::trace::Trace;
use crate::world::World;
use crate::{Outcome, simulate};

/// Worlds in each run of the tests.
const SEEDS: u64 = 2000;

fn run(plan: Plan) -> Result<Outcome, String> {
    World::run(plan, Trace::new(None))
}

#[track_caller]
fn run_seeds(seeds: std::ops::Range<u64>) {
    let mut stored = 0;
    for seed in seeds.clone() {
        match simulate(seed, None) {
            Ok(outcome) => stored += outcome.stored,
            Err(failure) => panic!("{failure}"),
        }
    }
    assert!(stored > 50 * (seeds.end - seeds.start), "{stored} blocks are not worth the while");
}

#[test]
fn every_world_is_as_it_should_be() {
    run_seeds(0..SEEDS / 2);
}

#[test]
fn every_other_world_is_as_it_should_be() {
    run_seeds(SEEDS / 2..SEEDS);
}

#[test]
fn a_seed_is_a_world() {
    let hashes = |seeds: std::ops::Range<u64>| -> Vec<u64> {
        seeds.map(|seed| simulate(seed, None).unwrap().hash).collect()
    };
    let once = hashes(0..20);
    assert_eq!(once, hashes(0..20));
    let mut different = once;
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), 20);
}

#[test]
fn a_failure_says_how_to_replay_it() {
    let failure = crate::Failure { seed: 17, reason: "host 1 lacks block 3".to_owned() };
    assert!(failure.to_string().ends_with("cargo run -p dazaar-sim -- --seed 17 --trace"), "{failure}");
}
