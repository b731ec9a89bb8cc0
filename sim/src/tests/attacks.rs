//! Each malicious behaviour alone: the victim names the fault, or stands it; the others go on in any case.

use std::collections::BTreeSet;

use super::run;
use crate::attack::Behaviour;
use crate::plan::{AttackerPlan, Plan, attacker};

/// Worlds of each behaviour.
const SEEDS: u64 = 20;

/// What a behaviour is ended for in some world; `None` if it breaks no rule.
const fn expected(behaviour: Behaviour) -> Option<&'static str> {
    match behaviour {
        Behaviour::Cancels | Behaviour::Channels | Behaviour::Flapping => None,
        Behaviour::Offers | Behaviour::Withdraws => None,
        Behaviour::AsksForMore => Some("which is not in our tree"),
        Behaviour::BadHandshake => Some("handshake message"),
        Behaviour::FalseHaves => Some("claims"),
        Behaviour::Garbage => Some("is not authentic"),
        Behaviour::HugeVarint => Some("varint is longer than"),
        Behaviour::Half | Behaviour::OtherRange | Behaviour::Silent => Some("no requested block within"),
        Behaviour::FetchFlood | Behaviour::NotReading | Behaviour::RequestFlood => {
            Some("unanswered requests")
        }
        Behaviour::SlowLoris => Some("no handshake within"),
        Behaviour::Repeats | Behaviour::Unasked => Some("blocks that nobody asked for"),
        Behaviour::WantFlood => Some("unanswered `Want`s"),
        Behaviour::Fork | Behaviour::WrongData | Behaviour::WrongProof => Some("does not verify"),
    }
}

/// The world of a seed with three peers of one behaviour.
fn world(seed: u64, behaviour: Behaviour) -> Plan {
    let mut plan = Plan::new(seed);
    plan.attackers.clear();
    for _ in 0..3 {
        let attacker = attacker(&plan.hosts, &plan.edges, &mut plan.dice);
        plan.attackers.push(AttackerPlan { behaviour, ..attacker });
    }
    plan
}

#[test]
fn every_behaviour_is_stood_or_named() {
    for behaviour in Behaviour::ALL {
        let mut faults = BTreeSet::new();
        for seed in 0..SEEDS {
            let outcome = run(world(seed, behaviour));
            faults.extend(
                outcome.unwrap_or_else(|reason| panic!("{behaviour:?}, seed {seed}: {reason}")).faults,
            );
        }
        let found = |expected| faults.iter().any(|fault| fault.contains(expected));
        assert!(expected(behaviour).is_none_or(found), "{behaviour:?} is ended for {faults:#?}");
    }
}
