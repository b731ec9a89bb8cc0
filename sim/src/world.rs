//! A world: everybody in it, what is between them, and what happens next.
//!
//! Grade: machine.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dazaar_log::{FileName, Log, LogError, MemoryStorage};
use dazaar_wire::{Role, SecurityPolicy};

use crate::attack::Behaviour;
use crate::attacker::Attacker;
use crate::clock::Clock;
use crate::dice::Dice;
use crate::host::{Dial, Ending, Host, pair};
use crate::link::{Link, Origin, Party};
use crate::pipe::{Fate, Pipe};
use crate::plan::{AttackerPlan, EdgePlan, Plan, Step};
use crate::trace::Trace;

/// More than any world needs: one that takes so many does not come to rest.
const HAPPENINGS_MAX: u64 = 5_000_000;

/// Time to finish in after the last fault, and for each time that somebody malicious may still hold everybody up.
const PATIENCE: Duration = Duration::from_secs(180);
const PATIENCE_PER_ATTACK: Duration = Duration::from_secs(45);

/// How a world ended that is as it should be.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The same for the same seed.
    pub hash: u64,
    /// What was noted.
    pub entries: u64,
    /// Virtual time.
    pub time: Duration,
    /// Blocks that were fetched.
    pub stored: u64,
    /// Why honest hosts ended connections to malicious peers, without repetitions.
    pub faults: BTreeSet<String>,
}

/// A world while it runs.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) clock: Clock<Happening>,
    dice: Dice,
    trace: Trace,
    pub(crate) hosts: Vec<Host>,
    /// Hosts that do nothing until then.
    stalled: Vec<Duration>,
    pub(crate) edges: Vec<Edge>,
    pub(crate) attackers: Vec<Attacker>,
    links: BTreeMap<u64, Link>,
    links_ever: u64,
    steps: Vec<Step>,
    block_bytes: u64,
    /// The blocks that the writer appended.
    pub(crate) truth: Vec<Vec<u8>>,
    /// The other history that the key signed, if somebody shows one.
    pub(crate) fork: Option<Log<MemoryStorage>>,
    outcome: Outcome,
}

/// Two hosts that know each other.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) plan: EdgePlan,
    link: Option<u64>,
    failures: u32,
}

/// What can happen.
#[derive(Debug)]
pub(crate) enum Happening {
    Turn {
        link: u64,
        end: usize,
    },
    /// An end notices that the other one has left.
    Eof {
        link: u64,
        end: usize,
    },
    Connect {
        edge: usize,
    },
    Intrude {
        attacker: usize,
    },
    Step {
        number: usize,
    },
    Heal,
}

/// What is noted of it.
#[derive(Debug, Hash)]
enum Entry<'a> {
    Connect { link: u64, origin: Origin, parties: [Party; 2] },
    Turn { link: u64, end: usize, read: usize, written: usize },
    Stored { host: usize, blocks: &'a [u64] },
    End { link: u64, party: Party, why: &'a str },
    Step { step: &'a Step },
    Heal,
}

impl World {
    /// Runs a world until it is finished.
    ///
    /// # Errors
    /// What does not hold in it.
    pub(crate) fn run(plan: Plan, trace: Trace) -> Result<Outcome, String> {
        let attacks: u32 = plan.attackers.iter().map(|attacker| attacker.lives).sum();
        let deadline = plan.heal + PATIENCE + PATIENCE_PER_ATTACK * attacks;
        let heal = plan.heal;
        trace.tell(&plan);
        let mut world = Self::new(plan, trace).map_err(|error| format!("a log fails: {error}"))?;
        let mut look = heal;
        for _ in 0..HAPPENINGS_MAX {
            if world.clock.now() > look {
                look = world.clock.now() + Duration::from_secs(1);
                match world.unfinished() {
                    None => return world.close(),
                    Some(reason) if look > deadline => return Err(reason),
                    Some(_) => {}
                }
            }
            let Some(happening) = world.clock.next() else {
                return world.unfinished().map_or_else(|| world.close(), Err);
            };
            world.handle(happening)?;
        }
        Err("it does not come to rest".to_owned())
    }

    fn new(plan: Plan, trace: Trace) -> Result<Self, LogError> {
        let Plan {
            hosts: host_plans,
            edges,
            attackers: attacker_plans,
            steps,
            heal,
            blocks,
            block_bytes,
            mut dice,
        } = plan;
        let truth: Vec<_> = (0..blocks).map(|_| block(block_bytes, &mut dice)).collect();
        let mut hosts = Vec::new();
        for (number, plan) in host_plans.into_iter().enumerate() {
            let served = edges.iter().filter(|edge| edge.ends[0] == number).map(|edge| edge.family);
            let families: Vec<u8> = [plan.family].into_iter().chain(served).collect();
            hosts.push(Host::new(plan, number == 0, &families, &mut dice)?);
        }
        hosts[0].append(&truth)?;
        let forked = forked(&truth, &mut dice);
        let (mut attackers, mut fork) = (Vec::new(), None);
        for plan in attacker_plans {
            let forks = plan.behaviour == Behaviour::Fork;
            // Some know only a part of the feed.
            let known = if dice.chance(30) { dice.place(truth.len() + 1) } else { truth.len() };
            let blocks = if forks { &forked[..] } else { &truth[..known] };
            let log = full_log(plan.family, blocks)?;
            attackers.push(Attacker::new(plan, log, &mut dice));
            if forks {
                fork = Some(full_log(plan.family, &forked)?);
            }
        }
        let mut clock = Clock::new();
        (0..edges.len()).for_each(|edge| clock.plan(dice.millis(0..100), Happening::Connect { edge }));
        (0..attackers.len())
            .for_each(|attacker| clock.plan(dice.millis(0..500), Happening::Intrude { attacker }));
        steps.iter().enumerate().for_each(|(number, (at, _))| clock.plan(*at, Happening::Step { number }));
        clock.plan(heal, Happening::Heal);
        Ok(Self {
            clock,
            dice,
            trace,
            stalled: vec![Duration::ZERO; hosts.len()],
            hosts,
            edges: edges.into_iter().map(|plan| Edge { plan, link: None, failures: 0 }).collect(),
            attackers,
            links: BTreeMap::new(),
            links_ever: 0,
            steps: steps.into_iter().map(|(_, step)| step).collect(),
            block_bytes,
            truth,
            fork,
            outcome: Outcome::default(),
        })
    }

    fn handle(&mut self, happening: Happening) -> Result<(), String> {
        match happening {
            Happening::Turn { link, end } => self.turn(link, end),
            Happening::Eof { link, end } => self.leave(link, end, Ending::Lost),
            Happening::Connect { edge } => {
                self.connect(edge);
                Ok(())
            }
            Happening::Intrude { attacker } => {
                self.intrude(attacker);
                Ok(())
            }
            Happening::Step { number } => self.step(number),
            Happening::Heal => {
                self.trace.note(self.clock.now(), &Entry::Heal);
                for host in 0..self.hosts.len() {
                    self.hosts[host].set_uploading(true);
                    self.hosts[host].set_downloading(true);
                    self.wake(host);
                }
                Ok(())
            }
        }
    }

    fn step(&mut self, number: usize) -> Result<(), String> {
        let step = self.steps[number].clone();
        let now = self.clock.now();
        self.trace.note(now, &Entry::Step { step: &step });
        match step {
            Step::Append(count) => {
                let blocks: Vec<_> = (0..count).map(|_| block(self.block_bytes, &mut self.dice)).collect();
                match self.hosts[0].append(&blocks) {
                    Ok(()) => self.truth.extend(blocks),
                    // Somebody has shown the writer that its key signed another history.
                    Err(LogError::Forked { .. }) if self.fork.is_some() => {}
                    Err(error) => return Err(error.to_string()),
                }
                self.wake(0);
            }
            Step::Clear { host, blocks } => {
                self.hosts[host].clear(blocks).map_err(|error| error.to_string())?;
                self.wake(host);
            }
            Step::Want { host, blocks } => {
                self.hosts[host].want(blocks);
                self.wake(host);
            }
            Step::Update { host } => {
                self.hosts[host].update();
                self.wake(host);
            }
            Step::Upload { host, on } => {
                self.hosts[host].set_uploading(on);
                self.wake(host);
            }
            Step::Download { host, on } => {
                self.hosts[host].set_downloading(on);
                self.wake(host);
            }
            Step::Restart { host } => self.restart(host, |_| {})?,
            Step::Stall { host, time } => self.stalled[host] = now + time,
            Step::Cut { edge } => {
                let Some(link) = self.edges[edge].link else { return Ok(()) };
                self.leave(link, 0, Ending::Lost)?;
                self.leave(link, 1, Ending::Lost)?;
            }
            Step::Kill { edge } => self.set_fate(edge, Fate::Vanishes),
            Step::Lose { edge } => self.set_fate(edge, Fate::LosesOne),
            Step::Forget { host } => self.hosts[host].forgetful = true,
            Step::Mute { host } => self.hosts[host].mute = true,
            Step::Corrupt { host } => self.restart(host, |storage| {
                let mut data = storage.bytes(FileName::Data).to_vec();
                data.iter_mut().take(1).for_each(|byte| *byte ^= 1);
                storage.replace(FileName::Data, data);
            })?,
        }
        Ok(())
    }

    /// Whether honest hosts may seem to be silent.
    pub(crate) fn is_delayed(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step, Step::Kill { .. } | Step::Stall { .. } | Step::Mute { .. }))
    }

    fn set_fate(&mut self, edge: usize, fate: Fate) {
        if let Some(link) = self.edges[edge].link.and_then(|link| self.links.get_mut(&link)) {
            link.pipes.iter_mut().for_each(|pipe| pipe.fate = fate);
        }
    }

    /// Ends a host's program and starts it again, after its disk was looked at.
    fn restart(&mut self, number: usize, disk: impl FnOnce(&mut MemoryStorage)) -> Result<(), String> {
        let links: Vec<u64> = self.hosts[number].connections.keys().copied().collect();
        for link in links {
            let end = usize::from(self.links[&link].parties[0] != Some(Party::Host(number)));
            self.leave(link, end, Ending::Lost)?;
        }
        let faithful = self.is_faithful(number);
        let host = self.hosts.remove(number);
        let before = held(&host);
        let host =
            host.restart(disk).map_err(|error| format!("host {number} does not open its log: {error}"))?;
        let after = held(&host);
        self.hosts.insert(number, host);
        if before == after || !faithful {
            Ok(())
        } else {
            Err(format!("host {number} held {before:?} and holds {after:?} after a restart"))
        }
    }

    fn connect(&mut self, edge: usize) {
        let EdgePlan { ends, family, security, quality } = self.edges[edge].plan;
        if self.edges[edge].link.is_some() {
            return;
        }
        let parties = ends.map(Party::Host);
        let link = self.link(Link::new(parties, quality, Origin::Edge(edge)));
        self.edges[edge].link = Some(link);
        for (end, role) in [Role::Responder, Role::Initiator].into_iter().enumerate() {
            let expected = (role == Role::Initiator).then(|| self.hosts[ends[0]].identity());
            self.dial(link, ends[end], Dial { family, role, security: security[end], expected });
        }
    }

    fn intrude(&mut self, number: usize) {
        let AttackerPlan { victim, family, role, quality, .. } = self.attackers[number].plan;
        self.attackers[number].lives -= 1;
        let link =
            Link::new([Party::Host(victim), Party::Attacker(number)], quality, Origin::Attacker(number));
        let link = self.link(link);
        let other = if role == Role::Initiator { Role::Responder } else { Role::Initiator };
        let expected = Some(self.attackers[number].identity()).filter(|_| other == Role::Initiator);
        self.dial(link, victim, Dial { family, role: other, security: SecurityPolicy::Offer, expected });
        self.attackers[number].connect(Some(self.hosts[victim].identity()), self.clock.now(), &mut self.dice);
    }

    fn link(&mut self, link: Link) -> u64 {
        self.links_ever += 1;
        let (number, now) = (self.links_ever, self.clock.now());
        let [Some(first), Some(second)] = link.parties else { return number };
        self.trace.note(now, &Entry::Connect { link: number, origin: link.origin, parties: [first, second] });
        self.links.insert(number, link);
        (0..2).for_each(|end| self.plan_turn(number, end, now));
        number
    }

    fn dial(&mut self, link: u64, host: usize, dial: Dial) {
        self.hosts[host].connect(link, dial, self.clock.now(), &mut self.dice);
    }

    /// Gives an end a turn at a time, or earlier.
    fn plan_turn(&mut self, number: u64, end: usize, at: Duration) {
        let at = at.max(self.clock.now());
        let Some(link) = self.links.get_mut(&number) else { return };
        if link.turns[end].is_none_or(|planned| planned > at) {
            link.turns[end] = Some(at);
            self.clock.plan(at, Happening::Turn { link: number, end });
        }
    }

    /// After anything that happened any peer of a host may have something to hear.
    fn wake(&mut self, host: usize) {
        let links: Vec<u64> = self.hosts[host].connections.keys().copied().collect();
        for number in links {
            let end = self
                .links
                .get(&number)
                .and_then(|link| link.parties.iter().position(|party| *party == Some(Party::Host(host))));
            if let Some(end) = end {
                let at = self.clock.now() + Duration::from_micros(self.dice.within(0..50));
                self.plan_turn(number, end, at);
            }
        }
    }

    fn turn(&mut self, number: u64, end: usize) -> Result<(), String> {
        let now = self.clock.now();
        let Some(link) = self.links.get_mut(&number) else { return Ok(()) };
        if link.turns[end] != Some(now) {
            return Ok(());
        }
        link.turns[end] = None;
        let Some(party) = link.parties[end] else { return Ok(()) };
        if let Party::Host(host) = party
            && self.stalled[host] > now
        {
            self.plan_turn(number, end, self.stalled[host]);
            return Ok(());
        }
        let pipes = link.pipes_of(end);
        let turned = match party {
            Party::Host(host) => self.hosts[host].turn(number, now, pipes, &mut self.dice),
            Party::Attacker(attacker) => self.attackers[attacker].turn(now, pipes, &mut self.dice),
        };
        if let Party::Host(host) = party {
            self.look_at(host)?;
        }
        let turned = match turned {
            Ok(turned) => turned,
            Err(ending) => return self.leave(number, end, ending),
        };
        if turned.read + turned.written > 0 {
            let (read, written) = (turned.read, turned.written);
            self.trace.note(now, &Entry::Turn { link: number, end, read, written });
        }
        if turned.changed
            && let Party::Host(host) = party
        {
            self.wake(host);
        }
        if let Some(next) = turned.next {
            let pause = Duration::from_micros(1 + self.dice.within(0..50));
            self.plan_turn(number, end, next.max(now + pause));
        }
        if turned.read > 0 {
            self.plan_turn(number, 1 - end, now);
        }
        let arrival = self.links.get(&number).and_then(|link| link.pipes[1 - end].readable());
        if let Some(at) = arrival.filter(|_| turned.written > 0) {
            self.plan_turn(number, 1 - end, at);
        }
        Ok(())
    }

    /// Blocks that a host stored just now are those of the feed.
    fn look_at(&mut self, host: usize) -> Result<(), String> {
        let stored = std::mem::take(&mut self.hosts[host].stored);
        if stored.is_empty() {
            return Ok(());
        }
        self.trace.note(self.clock.now(), &Entry::Stored { host, blocks: &stored });
        self.outcome.stored += stored.len() as u64;
        stored.into_iter().try_for_each(|block| self.check_block(host, block))
    }

    /// One end leaves; the other will notice.
    fn leave(&mut self, number: u64, end: usize, ending: Ending) -> Result<(), String> {
        let now = self.clock.now();
        let Some(link) = self.links.get_mut(&number) else { return Ok(()) };
        let Some(party) = link.parties[end].take() else { return Ok(()) };
        let (other, origin) = (link.parties[1 - end], link.origin);
        let eof = Pipe::end(&link.pipes[1 - end], now);
        let why = ending.explain();
        self.trace.note(now, &Entry::End { link: number, party, why: &why });
        if other.is_some() {
            self.clock.plan(eof, Happening::Eof { link: number, end: 1 - end });
        } else {
            self.links.remove(&number);
        }
        match party {
            Party::Host(host) => {
                self.hosts[host].disconnect(number);
                self.wake(host);
                self.check_ending(host, origin, &ending)?;
                if matches!(origin, Origin::Attacker(_)) && !matches!(ending, Ending::Lost) {
                    self.outcome.faults.insert(why);
                }
            }
            Party::Attacker(attacker) => self.attackers[attacker].connection = None,
        }
        if other.is_none() {
            self.again(origin);
        }
        Ok(())
    }

    /// Both ends have left; they will meet again.
    fn again(&mut self, origin: Origin) {
        let now = self.clock.now();
        match origin {
            Origin::Edge(edge) => {
                let Edge { link, failures, .. } = &mut self.edges[edge];
                *link = None;
                let wait = self.dice.millis(20..200) * (1 << *failures.min(&mut 4));
                *failures += 1;
                self.clock.plan(now + wait, Happening::Connect { edge });
            }
            Origin::Attacker(attacker) if self.attackers[attacker].lives > 0 => {
                self.clock.plan(now + self.dice.millis(1..1000), Happening::Intrude { attacker });
            }
            Origin::Attacker(_) => {}
        }
    }

    /// Everything is as it should be: everybody leaves, and what they hold is looked at once more.
    fn close(mut self) -> Result<Outcome, String> {
        for link in self.links.keys().copied().collect::<Vec<_>>() {
            self.leave(link, 0, Ending::Lost)?;
            self.leave(link, 1, Ending::Lost)?;
        }
        self.check_bounds()?;
        self.check_logs()?;
        self.outcome.hash = self.trace.hash();
        self.outcome.entries = self.trace.entries();
        self.outcome.time = self.clock.now();
        Ok(self.outcome)
    }
}

fn block(bytes_max: u64, dice: &mut Dice) -> Vec<u8> {
    let count = dice.within(0..bytes_max + 1) as usize;
    let mut block = vec![dice.roll() as u8; count];
    block.iter_mut().take(8).for_each(|byte| *byte = dice.roll() as u8);
    block
}

/// The same beginning and another end.
fn forked(truth: &[Vec<u8>], dice: &mut Dice) -> Vec<Vec<u8>> {
    let common = dice.place(truth.len() + 1);
    let other = (0..dice.within(1..20)).map(|_| dice.bytes(9));
    truth.iter().take(common).cloned().chain(other).collect()
}

fn full_log(family: u8, blocks: &[Vec<u8>]) -> Result<Log<MemoryStorage>, LogError> {
    let mut log = Log::create(MemoryStorage::new(), pair(family))?;
    log.append(blocks)?;
    Ok(log)
}

fn held(host: &Host) -> (u64, Vec<std::ops::Range<u64>>) {
    (host.log.length(), host.log.have().runs(0..u64::MAX).collect())
}
