use super::*;

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn found(text: &str, via: Via) -> Found {
    Found { address: text.parse().unwrap(), via }
}

fn candidates(link: &[&str]) -> (Candidates, Instant) {
    let (now, link) = (Instant::now(), link.iter().map(|text| address(text)).collect::<Vec<_>>());
    (Candidates::new(now, &link, None, DIALLED_MAX), now)
}

#[test]
fn the_nearest_comes_first_and_each_has_a_head_start() {
    let (mut candidates, now) = candidates(&["8.0.0.1:1"]);
    candidates.handle_found(now, found("8.0.0.2:1", Via::Dht));
    candidates.handle_found(now, found("192.168.0.2:1", Via::Lan));
    assert_eq!(candidates.dial(now), Some(address("192.168.0.2:1")));
    assert_eq!(candidates.dial(now), None);
    assert_eq!(candidates.due(), Some(now + STAGGER));
    assert_eq!(candidates.dial(now + STAGGER), Some(address("8.0.0.1:1")));
    assert_eq!(candidates.dial(now + 2 * STAGGER), Some(address("8.0.0.2:1")));
    assert_eq!((candidates.dial(now + 3 * STAGGER), candidates.due()), (None, None));
}

#[test]
fn the_next_one_does_not_wait_for_what_has_failed() {
    let (mut candidates, now) = candidates(&["8.0.0.1:1", "8.0.0.2:1"]);
    let first = candidates.dial(now).unwrap();
    candidates.handle_failure(now, &first);
    assert_eq!(candidates.dial(now), Some(address("8.0.0.2:1")));
}

#[test]
fn whom_many_name_comes_before_whom_one_names() {
    let (mut candidates, now) = candidates(&[]);
    for liar in 0..50 {
        candidates.handle_found(now, found(&format!("9.0.0.{liar}:1"), Via::Dht));
        candidates.handle_found(now, found("8.0.0.1:1", Via::Dht));
    }
    assert_eq!(candidates.dial(now), Some(address("8.0.0.1:1")));
}

#[test]
fn an_impostor_is_not_dialled_again() {
    let (mut candidates, now) = candidates(&[]);
    candidates.handle_found(now, found("8.0.0.1:1", Via::Dht));
    let impostor = candidates.dial(now).unwrap();
    candidates.handle_impostor(&impostor);
    candidates.handle_found(now, found("8.0.0.1:1", Via::Lan));
    assert!(candidates.is_exhausted() && candidates.due().is_none());
}

#[test]
fn pauses_grow_until_there_is_a_good_connection() {
    let (mut candidates, now) = candidates(&["8.0.0.1:1"]);
    let only = address("8.0.0.1:1");
    let pause = |candidates: &Candidates| candidates.due().unwrap() - now;
    for failures in 0..20 {
        candidates.handle_failure(now, &only);
        let whole = PAUSE_MAX.min(PAUSE_FIRST * 2u32.pow(failures.min(10)));
        assert!(whole / 2 <= pause(&candidates) && pause(&candidates) <= whole);
    }
    candidates.handle_served(now, &only);
    assert!(pause(&candidates) <= PAUSE_FIRST);
}

#[test]
fn a_flood_of_addresses_has_an_end_and_hides_nobody() {
    let (mut candidates, now) = candidates(&["8.0.0.1:1"]);
    for number in 0..2000u16 {
        let liar = format!("9.0.{}.{}:1", number >> 8, number & 0xff);
        candidates.handle_found(now, found(&liar, Via::Dht));
    }
    candidates.handle_found(now, found("8.0.0.2:1", Via::Dht));
    assert_eq!(candidates.count(Origin::Dht), CANDIDATES_MAX);
    assert!(candidates.find(&address("8.0.0.1:1")).is_some());
    assert!(candidates.find(&address("8.0.0.2:1")).is_some());
}

#[test]
fn a_stranger_who_names_our_own_network_comes_last_and_hides_nobody() {
    let (mut candidates, now) = candidates(&[]);
    for host in 0..=255 {
        candidates.handle_found(now, found(&format!("192.168.0.{host}:631"), Via::DhtNear));
    }
    assert_eq!(candidates.candidates.len(), HEARSAY_MAX);
    candidates.handle_found(now, found("8.0.0.1:1", Via::Dht));
    assert_eq!(candidates.dial(now), Some(address("8.0.0.1:1")));
}

#[test]
fn a_host_of_the_local_network_gets_a_few_places_and_the_network_not_all() {
    let (mut candidates, now) = candidates(&[]);
    candidates.handle_found(now, found("192.168.0.2:1", Via::Lan));
    for port in 1..=1000 {
        candidates.handle_found(now, found(&format!("192.168.0.3:{port}"), Via::Lan));
    }
    assert_eq!(candidates.candidates.len(), 1 + LAN_PER_HOST_MAX);
    candidates.handle_found(now, found("8.0.0.1:1", Via::Dht));
    for host in 4..=255 {
        candidates.handle_found(now, found(&format!("192.168.0.{host}:1"), Via::Lan));
        candidates.handle_found(now, found(&format!("192.168.1.{host}:1"), Via::Dht));
        candidates.handle_found(now, found(&format!("192.168.1.{host}:1"), Via::Lan));
    }
    assert_eq!(candidates.count(Origin::Lan), LAN_MAX);
    assert!(candidates.find(&address("8.0.0.1:1")).is_some());
}

/// What is dialled while we are connected at an address, until nothing is left to wait for or so many attempts were made; and when.
fn moves(candidates: &mut Candidates, now: Instant, present: &str, most: usize) -> Vec<(Duration, Address)> {
    let (mut dialled, present) = (Vec::new(), address(present));
    while let Some(due) = candidates.better_due(&present).filter(|_| dialled.len() < most) {
        dialled.push((due - now, candidates.dial_better(due, &present).unwrap()));
        assert_eq!(candidates.dial_better(due, &present), None, "one at a time");
    }
    dialled
}

#[test]
fn only_a_better_address_is_worth_a_move() {
    let iroh = format!("iroh:{}", "ab".repeat(32));
    for (link, found_at, present, better) in [
        (&["8.0.0.1:1", "8.0.0.2:1"][..], None, "8.0.0.1:1", None),
        (&["8.0.0.1:1"], Some(("192.168.0.2:1", Via::Lan)), "8.0.0.1:1", Some("192.168.0.2:1")),
        (&["8.0.0.1:1", "192.168.0.2:1"], None, "8.0.0.1:1", Some("192.168.0.2:1")),
        // Somebody on the local network says that they are at a public address.
        (&["8.0.0.1:1"], Some(("8.0.0.2:1", Via::Lan)), "8.0.0.1:1", None),
        (&["8.0.0.1:1"], Some(("192.168.0.2:1", Via::DhtNear)), "8.0.0.1:1", None),
        (&["8.0.0.1:1", &iroh], None, "8.0.0.1:1", None),
        (&["8.0.0.1:1", &iroh], None, &iroh, Some("8.0.0.1:1")),
        // Anybody may say in the DHT that they are the seller, and pass on what it says.
        (&[&iroh], Some(("8.0.0.1:1", Via::Dht)), &iroh, None),
        (&["192.168.0.2:1", "192.168.0.3:1", "8.0.0.1:1"], None, "192.168.0.2:1", None),
    ] {
        let (mut candidates, now) = candidates(link);
        if let Some((found_at, via)) = found_at {
            candidates.handle_found(now, found(found_at, via));
        }
        candidates.handle_connected(now);
        let dialled = moves(&mut candidates, now, present, 1);
        let expected = better.map(|better| (BETTER_PAUSE, address(better)));
        assert_eq!(dialled, expected.into_iter().collect::<Vec<_>>(), "{link:?} {found_at:?} {present}");
    }
}

#[test]
fn whoever_is_not_better_is_tried_less_and_less() {
    let (mut candidates, now) = candidates(&["8.0.0.1:1"]);
    for host in [2, 3] {
        candidates.handle_found(now, found(&format!("192.168.0.{host}:1"), Via::Lan));
    }
    candidates.handle_connected(now);
    // Pauses are drawn, so one of them may have an attempt or two more than the other.
    let dialled = moves(&mut candidates, now, "8.0.0.1:1", 24);
    let of = |host: u8| {
        let host = address(&format!("192.168.0.{host}:1"));
        let mut times = dialled.iter().filter(|(_, dialled)| *dialled == host).map(|(at, _)| *at);
        let mut last = times.next().unwrap();
        let pauses: Vec<_> = times.map(|at| at - std::mem::replace(&mut last, at)).collect();
        pauses
    };
    for pauses in [of(2), of(3)] {
        assert!(pauses.len() >= 7, "{pauses:?}");
        for (nth, pause) in pauses.into_iter().enumerate() {
            let whole = BETTER_PAUSE_MAX.min(BETTER_PAUSE_FIRST * 2u32.pow(nth as u32));
            // The other one may be in the way for a moment.
            assert!(whole.mul_f64(0.75) <= pause && pause <= whole.mul_f64(1.25) + BETTER_PAUSE, "{pause:?}");
        }
    }
    // None of that keeps an address from being dialled when the connection has ended.
    let end = now + dialled.last().unwrap().0;
    assert_eq!(candidates.due(), Some(now));
    assert!(candidates.dial(end).is_some_and(|next| next != address("8.0.0.1:1")));
    // One that has served is as good as new.
    candidates.handle_served(end, &address("192.168.0.2:1"));
    assert_eq!(moves(&mut candidates, end, "8.0.0.1:1", 1)[0].1, address("192.168.0.2:1"));
    // But not if we moved there, and were cut off soon.
    let better = address("192.168.0.2:1");
    candidates.handle_moved(end, &better);
    candidates.handle_served(end + Duration::from_secs(25), &better);
    let next = moves(&mut candidates, end + Duration::from_secs(25), "8.0.0.1:1", 40);
    let back = next.iter().find(|(_, dialled)| *dialled == better);
    assert!(back.is_none_or(|(after, _)| *after >= BETTER_PAUSE_MAX), "{back:?}");
}
