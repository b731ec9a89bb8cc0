//! What a seed decides before anything happens: who there is, who knows whom, what they want, and what goes wrong.
//!
//! Grade: plain. A family is everybody whose log has the same key: the writer's own, or that of a re-keyed feed. Members serve
//! each other; the first of a family gets its blocks from somebody outside, who re-keys its log for it.

use std::ops::Range;
use std::time::Duration;

use dazaar_wire::{Download, Role, SecurityPolicy};

use crate::attack::Behaviour;
use crate::dice::Dice;
use crate::pipe::Quality;

/// A world before its beginning.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Host 0 is the writer.
    pub(crate) hosts: Vec<HostPlan>,
    pub(crate) edges: Vec<EdgePlan>,
    pub(crate) attackers: Vec<AttackerPlan>,
    /// What happens from outside.
    pub(crate) steps: Vec<(Duration, Step)>,
    /// When that is over, and everything works again.
    pub(crate) heal: Duration,
    /// Blocks at the beginning.
    pub(crate) blocks: u64,
    pub(crate) block_bytes: u64,
    /// Decides the rest.
    pub(crate) dice: Dice,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct HostPlan {
    pub(crate) family: u8,
    pub(crate) download: Download,
    /// Bytes that may wait for the socket before nothing more is said.
    pub(crate) high_water: usize,
    pub(crate) pace: Pace,
}

/// How fast a program reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) bytes: usize,
    pub(crate) pause: Duration,
}

/// Two hosts that know each other; the second connects.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EdgePlan {
    pub(crate) ends: [usize; 2],
    /// Whose key they speak about.
    pub(crate) family: u8,
    pub(crate) security: [SecurityPolicy; 2],
    pub(crate) quality: Quality,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct AttackerPlan {
    pub(crate) victim: usize,
    /// A family whose key the victim serves.
    pub(crate) family: u8,
    pub(crate) behaviour: Behaviour,
    pub(crate) role: Role,
    pub(crate) security: SecurityPolicy,
    pub(crate) quality: Quality,
    /// How often it connects.
    pub(crate) lives: u32,
}

/// Something that happens to the world.
#[cfg_attr(not(test), expect(dead_code, reason = "the planted ones are for the tests"))]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    Append(u64),
    Clear {
        host: usize,
        blocks: Range<u64>,
    },
    Want {
        host: usize,
        blocks: Range<u64>,
    },
    Update {
        host: usize,
    },
    Upload {
        host: usize,
        on: bool,
    },
    Download {
        host: usize,
        on: bool,
    },
    Restart {
        host: usize,
    },
    Stall {
        host: usize,
        time: Duration,
    },
    Cut {
        edge: usize,
    },
    /// The line is dead, and nobody is told.
    Kill {
        edge: usize,
    },
    /// Planted, to be found: the line loses a few bytes and goes on.
    Lose {
        edge: usize,
    },
    /// Planted, to be found: the host does not tell of what is appended.
    Forget {
        host: usize,
    },
    /// Planted, to be found: the host says nothing.
    Mute {
        host: usize,
    },
    /// Planted, to be found: a byte of the host's disk changes.
    Corrupt {
        host: usize,
    },
}

impl Plan {
    /// The world of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let (blocks, block_bytes) = size(&mut dice);
        let (hosts, edges) = people(&mut dice, block_bytes > 1000);
        let mut attackers = Vec::new();
        if dice.chance(50) {
            attackers = (0..dice.within(1..4)).map(|_| attacker(&hosts, &edges, &mut dice)).collect();
        }
        let mut steps: Vec<_> =
            (1..hosts.len()).filter_map(|host| first_wish(host, &hosts, blocks, &mut dice)).collect();
        let busy = if dice.chance(50) { 2_000 } else { 25_000 };
        for _ in 0..dice.within(0..12) {
            steps.push((dice.millis(0..busy), step(hosts.len(), edges.len(), blocks, &mut dice)));
        }
        let last = steps.iter().map(|(at, _)| *at).max().unwrap_or_default();
        Self { hosts, edges, attackers, steps, heal: last + dice.millis(0..2000), blocks, block_bytes, dice }
    }
}

/// How many blocks, and how large: many large ones would take too long.
const fn size(dice: &mut Dice) -> (u64, u64) {
    match dice.within(0..20) {
        0 => (dice.within(1..12), 60_000),
        1..=3 => (dice.within(1..60), 2_000),
        4 => (dice.within(150..500), 30),
        5..=8 => (dice.within(40..120), 60),
        _ => (dice.within(0..40), 60),
    }
}

fn people(dice: &mut Dice, large: bool) -> (Vec<HostPlan>, Vec<EdgePlan>) {
    let count = 2 + dice.place(6).min(dice.place(6));
    let shape = dice.within(0..3);
    let strangers = dice.pick(&[0, 0, 20, 60]);
    let mut hosts = vec![host(0, Download::None, dice)];
    let mut edges = Vec::new();
    for number in 1..count {
        let parent = match shape {
            0 => 0,
            1 => number - 1,
            _ => dice.place(number),
        };
        let family = if dice.chance(strangers) { number as u8 } else { hosts[parent].family };
        let download = dice.pick(&[Download::All, Download::All, Download::Linear, Download::Sparse]);
        hosts.push(host(family, download, dice));
        edges.push(edge([parent, number], family, large, dice));
        let relatives = (1..number).filter(|&other| other != parent && hosts[other].family == family);
        for other in relatives.filter(|_| shape == 2) {
            if dice.chance(50) {
                edges.push(edge([other, number], family, large, dice));
            }
        }
    }
    (hosts, edges)
}

fn host(family: u8, download: Download, dice: &mut Dice) -> HostPlan {
    let high_water = dice.pick(&[500, 16 << 10, 256 << 10]);
    let slow = Pace { bytes: 500 + dice.place(2000), pause: dice.millis(1..15) };
    let pace = if dice.chance(15) { slow } else { Pace { bytes: 64 << 10, pause: Duration::ZERO } };
    HostPlan { family, download, high_water, pace }
}

fn edge(ends: [usize; 2], family: u8, large: bool, dice: &mut Dice) -> EdgePlan {
    use SecurityPolicy::{Classic, Offer, Require};
    let security = [[Offer, Offer], [Classic, Offer], [Offer, Classic], [Classic, Classic], [Require, Offer]];
    EdgePlan { ends, family, security: dice.pick(&security), quality: quality(large, dice) }
}

fn quality(large: bool, dice: &mut Dice) -> Quality {
    let slowest = if large { 200 } else { 30 };
    Quality {
        latency: dice.millis(0..dice.clone().pick(&[2, 20, 200])),
        jitter: dice.millis(0..dice.clone().pick(&[1, 10, 100])),
        bytes_per_ms: slowest * dice.pick(&[1, 10, 1000]),
        buffer: if large { 64 << 10 } else { dice.pick(&[1000, 4 << 10, 64 << 10]) },
        piece: if large { 64 << 10 } else { dice.pick(&[40, 1460, 64 << 10]) },
    }
}

pub(crate) fn attacker(hosts: &[HostPlan], edges: &[EdgePlan], dice: &mut Dice) -> AttackerPlan {
    let victim = dice.place(hosts.len());
    let served: Vec<_> = edges.iter().filter(|edge| edge.ends[0] == victim).map(|edge| edge.family).collect();
    let family = if served.is_empty() || dice.chance(70) { hosts[victim].family } else { dice.pick(&served) };
    AttackerPlan {
        victim,
        family,
        behaviour: dice.pick(&Behaviour::ALL),
        role: dice.pick(&[Role::Initiator, Role::Responder]),
        security: dice.pick(&[SecurityPolicy::Classic, SecurityPolicy::Offer]),
        quality: quality(false, dice),
        lives: dice.within(1..4) as u32,
    }
}

/// Who fetches only what it asks for asks for something, mostly.
fn first_wish(host: usize, hosts: &[HostPlan], blocks: u64, dice: &mut Dice) -> Option<(Duration, Step)> {
    let sparse = hosts[host].download == Download::Sparse;
    sparse.then(|| (dice.millis(0..300), Step::Want { host, blocks: range(blocks, dice) }))
}

fn step(hosts: usize, edges: usize, blocks: u64, dice: &mut Dice) -> Step {
    let (host, edge, on) = (dice.place(hosts), dice.place(edges), dice.chance(50));
    match dice.within(0..20) {
        0..=4 => Step::Append(dice.within(1..20)),
        5..=6 => Step::Clear { host, blocks: range(blocks, dice) },
        7..=8 => Step::Want { host, blocks: range(blocks, dice) },
        9 => Step::Update { host },
        10..=11 => Step::Upload { host, on },
        12 => Step::Download { host, on },
        13..=14 => Step::Restart { host },
        15 => Step::Stall { host, time: dice.millis(1..dice.clone().pick(&[100, 1000, 30_000])) },
        16 => Step::Kill { edge },
        _ => Step::Cut { edge },
    }
}

/// Blocks, some perhaps after the end.
const fn range(blocks: u64, dice: &mut Dice) -> Range<u64> {
    let start = dice.within(0..blocks + 5);
    start..start + dice.within(1..blocks / 2 + 5)
}
