//! Faults that are planted in a world, so that we know that the checks see them.

use std::time::Duration;

use dazaar_wire::{Download, SecurityPolicy};

use super::run;
use crate::plan::{EdgePlan, HostPlan, Plan, Step};

/// A writer and a reader of 30 blocks, and what happens to them.
fn two(steps: Vec<(u64, Step)>) -> Plan {
    let mut plan = Plan::new(1);
    let host = HostPlan { family: 0, download: Download::Linear, ..plan.hosts[0] };
    plan.hosts = vec![HostPlan { download: Download::None, ..host }, host];
    plan.edges = vec![EdgePlan { ends: [0, 1], family: 0, ..plan.edges[0] }];
    plan.attackers.clear();
    plan.steps = steps.into_iter().map(|(ms, step)| (Duration::from_millis(ms), step)).collect();
    plan.heal = Duration::from_secs(5);
    (plan.blocks, plan.block_bytes) = (30, 60);
    plan
}

#[track_caller]
fn assert_found(plan: Plan, expected: &str) {
    let found = run(plan).unwrap_err();
    assert!(found.contains(expected), "{found}");
}

#[test]
fn without_a_fault_there_is_nothing_to_find() {
    let outcome = run(two(vec![(1000, Step::Append(5)), (2000, Step::Restart { host: 1 })])).unwrap();
    assert_eq!((outcome.stored, outcome.faults.len()), (35, 0));
}

#[test]
fn a_network_that_loses_bytes_in_silence() {
    let lose = || vec![(1000, Step::Lose { edge: 0 }), (1001, Step::Append(5))];
    for security in [SecurityPolicy::Classic, SecurityPolicy::Offer] {
        let mut plan = two(lose());
        plan.edges[0].security = [security; 2];
        let found = run(plan).unwrap_err();
        // Who misses the head of a record may wait for one that seems to be long.
        let expected = ["ends a connection, Edge(0)", "host 1 lacks block 30"];
        assert!(expected.iter().any(|expected| found.contains(expected)), "{security:?}: {found}");
    }
}

#[test]
fn a_host_that_does_not_tell_of_what_it_appends() {
    let mut plan = two(vec![(1000, Step::Forget { host: 0 }), (1001, Step::Append(5))]);
    // What is pushed need not be told.
    plan.edges[0].security = [SecurityPolicy::Classic; 2];
    assert_found(plan, "host 1 lacks block 30, which host 0 has");
}

#[test]
fn a_host_that_never_answers_when_nobody_else_has_the_blocks() {
    assert_found(two(vec![(0, Step::Mute { host: 0 })]), "host 1 lacks block 0, which host 0 has");
}

#[test]
fn a_disk_that_changes() {
    assert_found(two(vec![(4000, Step::Corrupt { host: 1 })]), "host 1");
}
