use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

const OWN: NodeId = NodeId([0xff; 32]);
const TARGET: [u8; 32] = [0; 32];

fn contact(id: u32) -> Contact {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&id.to_be_bytes());
    Contact { id: NodeId(bytes), address: SocketAddrV4::new(Ipv4Addr::from(id), 1) }
}

/// Walks on until it is over; `answer` tells whom a node names, or nobody if it is dead.
fn run(walk: &mut Walk, answer: impl Fn(&Contact) -> Option<Vec<Contact>>) -> Vec<Contact> {
    let mut asked = Vec::new();
    while !walk.is_over() {
        while let Some(ask) = walk.poll() {
            asked.push(ask.contact);
            match answer(&ask.contact) {
                Some(closer) => {
                    walk.handle_answer(ask.path, ask.contact, Some(Token([1; 32])), &closer);
                }
                None => walk.handle_failure(ask.path, &ask.contact),
            }
        }
    }
    asked
}

fn closest(walk: &Walk) -> Vec<Contact> {
    let mut closest: Vec<Contact> = walk.closest().into_iter().map(|(contact, _)| contact).collect();
    closest.sort_by_key(|contact| contact.id);
    closest
}

#[test]
fn an_entrance_alone_is_found() {
    let mut walk = Walk::new(TARGET, OWN);
    assert!(walk.is_over());
    walk.handle_entrance(contact(5), Some(Token([1; 32])));
    assert_eq!(closest(&walk), [contact(5)]);
}

#[test]
fn we_do_not_ask_ourselves_or_anybody_twice() {
    let mut walk = Walk::new(TARGET, OWN);
    walk.deal(&[contact(5), contact(6), Contact { id: OWN, ..contact(7) }], None);
    let everybody = [contact(5), contact(6), Contact { id: OWN, ..contact(7) }];
    let mut asked = run(&mut walk, |_| Some(everybody.to_vec()));
    asked.sort_by_key(|contact| contact.id);
    assert_eq!(asked, [contact(5), contact(6)]);
}

#[test]
fn slow_nodes_are_waited_for_while_others_are_asked() {
    let mut walk = Walk::new(TARGET, OWN);
    let nodes: Vec<Contact> = (1..=4).map(contact).collect();
    walk.handle_entrance(contact(100), None);
    walk.turn = 0;
    walk.deal(&nodes[..1], None);
    let first = walk.poll().unwrap();
    walk.handle_answer(first.path, first.contact, None, &nodes[1..]);
    let waiting: Vec<Ask> = std::iter::from_fn(|| walk.poll()).collect();
    assert_eq!(waiting.len(), PATH_CONCURRENCY);
    walk.handle_slow(waiting[0].path, &waiting[0].contact);
    let third = walk.poll().unwrap();
    walk.handle_answer(third.path, third.contact, None, &[]);
    walk.handle_answer(waiting[1].path, waiting[1].contact, None, &[]);
    assert!(!walk.is_over());
    walk.handle_failure(waiting[0].path, &waiting[0].contact);
    assert!(walk.is_over());
}

#[test]
fn a_liar_that_always_knows_a_closer_node_is_left_after_a_while() {
    let mut walk = Walk::new(TARGET, OWN);
    walk.deal(&[contact(1_000_000)], None);
    let asked = run(&mut walk, |node| Some(vec![contact(u32::from(*node.address.ip()) - 1)]));
    assert_eq!(asked.len(), PATH_ASKED_MAX);
}

/// Half of the entrances name only each other, and are the closest of all.
#[test]
fn liars_mislead_their_own_paths_only() {
    let honest: Vec<Contact> = (1000..1100).map(contact).collect();
    let liars: Vec<Contact> = (1..60).map(contact).collect();
    let mut walk = Walk::new(TARGET, OWN);
    for (honest, liar) in honest.iter().zip(&liars).take(PATHS / 2) {
        walk.deal(&[*honest, *liar], None);
    }
    run(&mut walk, |node| {
        let camp = if liars.contains(node) { &liars } else { &honest };
        Some(camp.iter().take(20).copied().collect())
    });
    let found = closest(&walk);
    let honest_found = found.iter().filter(|node| honest.contains(node)).count();
    assert!(honest_found >= PATHS / 2 * PATH_NODES, "{honest_found} of {}", found.len());
}

proptest! {
    /// In a network where everybody tells the truth, the closest living nodes are found, wherever one begins.
    #[test]
    fn the_closest_nodes_are_found(
        ids in proptest::collection::btree_set(1u32.., 1..120),
        dead in proptest::collection::vec(any::<prop::sample::Index>(), 0..40),
        start in any::<prop::sample::Index>(),
    ) {
        let nodes: Vec<Contact> = ids.into_iter().map(contact).collect();
        let start = nodes[start.index(nodes.len())];
        let dead: Vec<Contact> =
            dead.iter().map(|index| nodes[index.index(nodes.len())]).filter(|node| *node != start).collect();
        // Everybody knows the twenty that are closest to the target: the most that an answer can say.
        let near: Vec<Contact> = nodes.iter().take(20).copied().collect();
        let mut walk = Walk::new(TARGET, OWN);
        walk.handle_entrance(start, Some(Token([1; 32])));
        walk.deal(&near, Some(start.address));
        run(&mut walk, |node| (!dead.contains(node)).then(|| near.clone()));
        let found = closest(&walk);
        let living: Vec<Contact> = near.iter().filter(|node| !dead.contains(node)).copied().collect();
        for node in living {
            prop_assert!(found.contains(&node), "{node:?} of {found:?}");
        }
    }
}
