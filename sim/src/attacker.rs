//! A malicious peer: a real session and a log with the feed's blocks, and a behaviour between the two.
//!
//! Grade: machine.

use std::time::Duration;

use dazaar_log::digest::{Digest, RemoteTree};
use dazaar_log::{FeedKey, IdentityKey, IdentityKeyPair, Log, MemoryStorage};
use dazaar_wire::session::Expected;
use dazaar_wire::{Channel, Config, Data, Event, Have, Message, Request, Role, Session, Transfer};

use crate::attack::{Behaviour, absurd_claim};
use crate::dice::Dice;
use crate::host::{Ending, Turned, pair};
use crate::pipe::Pipe;
use crate::plan::AttackerPlan;

mod ranges;

use ranges::Fetched;

/// The extension of the trick by which a classic session is made to say anything.
const ZEROS: &str = "zeros";

/// How often it does something on its own, on one connection.
const ACTS: u32 = 12;

/// A malicious peer.
#[derive(Debug)]
pub(crate) struct Attacker {
    pub(crate) plan: AttackerPlan,
    identity: IdentityKeyPair,
    log: Log<MemoryStorage>,
    pub(crate) lives: u32,
    pub(crate) connection: Option<Intrusion>,
    /// Most questions that it was asked and left open.
    pub(crate) most_owed: usize,
    /// Most ranges that it was asked for and left open, and most blocks in them.
    pub(crate) most_fetched: usize,
    pub(crate) most_fetched_blocks: u64,
}

/// One connection of it.
#[derive(Debug)]
pub(crate) struct Intrusion {
    session: Session,
    channel: Option<Channel>,
    tree: RemoteTree,
    /// Bytes that wait for the socket, perhaps not the session's.
    raw: Vec<u8>,
    acts: u32,
    acts_at: Duration,
    writes_at: Duration,
    /// It is slow, or does not read, from the beginning.
    early: bool,
    owed: usize,
    fetched: Fetched,
    /// A block that the victim said it has.
    heard: Option<u64>,
}

impl Attacker {
    /// A peer that knows a log.
    pub(crate) fn new(plan: AttackerPlan, log: Log<MemoryStorage>, dice: &mut Dice) -> Self {
        let identity = IdentityKeyPair::from_seed(&dice.seed());
        Self {
            plan,
            identity,
            log,
            lives: plan.lives,
            connection: None,
            most_owed: 0,
            most_fetched: 0,
            most_fetched_blocks: 0,
        }
    }

    pub(crate) const fn identity(&self) -> IdentityKey {
        self.identity.public()
    }

    /// Begins a connection.
    pub(crate) fn connect(&mut self, expected: Option<IdentityKey>, now: Duration, dice: &mut Dice) {
        let AttackerPlan { role, security, .. } = self.plan;
        let expected = expected.filter(|_| role == Role::Initiator);
        let expected = expected.map_or(Expected::Anybody, Expected::Only);
        let extensions = vec![ZEROS.to_owned()];
        let config =
            Config { role, identity: &self.identity, expected, security, seed: dice.seed(), extensions };
        self.connection = Some(Intrusion {
            session: Session::new(config, now),
            channel: None,
            tree: RemoteTree::new(),
            raw: Vec::new(),
            acts: 0,
            acts_at: now,
            writes_at: now,
            early: dice.chance(50),
            owed: 0,
            fetched: Fetched::default(),
            heard: None,
        });
    }

    /// Does what it does.
    pub(crate) fn turn(
        &mut self,
        now: Duration,
        [incoming, outgoing]: [&mut Pipe; 2],
        dice: &mut Dice,
    ) -> Result<Turned, Ending> {
        let Self { plan, log, connection: Some(connection), .. } = self else { return Err(Ending::Lost) };
        let mut turned = Turned::default();
        let deaf =
            plan.behaviour == Behaviour::NotReading && connection.channel.is_some() && connection.acts > 0;
        if !deaf {
            let bytes = incoming.read(64 << 10, now);
            turned.read = bytes.len();
            if !bytes.is_empty() {
                connection.session.handle_bytes(now, &bytes)?;
            }
            while let Some(event) = connection.session.poll_event()? {
                connection.handle_event(event, plan, log, dice)?;
            }
        }
        self.most_owed = self.most_owed.max(connection.owed);
        self.most_fetched = self.most_fetched.max(connection.fetched.owed);
        self.most_fetched_blocks = self.most_fetched_blocks.max(connection.fetched.owed_blocks);
        connection.session.handle_timeout(now)?;
        if connection.acts_at <= now && connection.acts < ACTS {
            connection.act(plan, log, now, dice)?;
        }
        turned.written = connection.write(plan.behaviour, now, outgoing, dice);
        let reads = incoming.readable().filter(|_| !deaf);
        let writes = (!connection.raw.is_empty() && !outgoing.is_full()).then_some(connection.writes_at);
        let acts = (connection.acts < ACTS).then_some(connection.acts_at);
        turned.next = [reads, writes, acts, connection.session.poll_timeout()].into_iter().flatten().min();
        Ok(turned)
    }
}

impl Intrusion {
    fn handle_event(
        &mut self,
        event: Event,
        plan: &AttackerPlan,
        log: &Log<MemoryStorage>,
        dice: &mut Dice,
    ) -> Result<(), Ending> {
        match event {
            Event::Connected { .. } => self.channel = Some(self.session.open(pair(plan.family).public())?),
            Event::Opened { .. } => {
                self.say(&Message::Have(Have::range(0, log.length())))?;
                self.say(&Message::Want { start: 0, length: 1 << 20 })?;
            }
            Event::Message { message: Message::Have(Have { start, bitfield: None, .. }), .. } => {
                self.heard = Some(start);
                self.say(&ask(start))?;
                if self.speaks_ranges() {
                    self.say(&Message::Fetch { start, length: Some(1) })?;
                }
            }
            Event::Message { message: Message::Request(request), .. } => {
                self.owed += 1;
                let answer = self.answer(request, log).and_then(|data| plan.behaviour.alter(data, dice));
                if let Some(data) = answer {
                    self.owed -= 1;
                    self.say(&Message::Data(data))?;
                }
            }
            Event::Message { message: Message::Fetch { start, length: Some(length) }, .. } => {
                self.handle_fetch(start..start + length, plan.behaviour, log, dice)?;
            }
            Event::Message { message: Message::Fetch { start, length: None }, .. } => {
                self.handle_fetch_onward(start, plan.behaviour, log, dice)?;
            }
            Event::Message { message: Message::Cancel { index, .. }, .. } => self.handle_cancel(index),
            Event::Closed { .. } | Event::Refused { .. } | Event::Ended => return Err(Ending::Lost),
            _ => {}
        }
        Ok(())
    }

    /// The true answer, as far as there is one.
    fn answer(&mut self, request: Request, log: &Log<MemoryStorage>) -> Option<Data> {
        let digest = Digest(request.nodes);
        let proof = log.proof(request.index, digest, request.hash, &mut self.tree).ok()??;
        let signature = proof.signature_length.and_then(|length| log.signature(length).ok()?);
        let value = if request.hash { None } else { Some(log.block(request.index).ok()??) };
        Some(Data { index: request.index, value, nodes: proof.nodes, signature })
    }

    /// Whether blocks travel in ranges.
    fn speaks_ranges(&self) -> bool {
        Transfer::from(self.session.security()) == Transfer::Ranges
    }

    fn say(&mut self, message: &Message) -> Result<(), Ending> {
        let Some(channel) = self.channel else { return Ok(()) };
        Ok(self.session.send(channel, message)?)
    }

    /// Does something that nobody asked for.
    fn act(
        &mut self,
        plan: &AttackerPlan,
        log: &Log<MemoryStorage>,
        now: Duration,
        dice: &mut Dice,
    ) -> Result<(), Ending> {
        self.acts_at = now + dice.millis(1..2000);
        let Some(channel) = self.channel else { return Ok(()) };
        self.acts += 1;
        if self.speaks_ranges() || dice.chance(5) {
            self.act_on_ranges(plan.behaviour, log, dice)?;
        }
        match plan.behaviour {
            Behaviour::AsksForMore => self.say(&ask(dice.roll() >> dice.within(0..64)))?,
            Behaviour::Channels if dice.chance(50) => {
                self.session.close(channel);
                self.forget_owed();
            }
            Behaviour::Channels => self.channel = Some(self.session.open(pair(plan.family).public())?),
            Behaviour::FalseHaves => self.say(&absurd_claim(dice))?,
            Behaviour::Flapping => {
                self.forget_owed();
                self.say(&Message::Status { uploading: dice.chance(50), downloading: dice.chance(50) })?;
            }
            Behaviour::Garbage => {
                let garbage = dice.bytes(100);
                self.say_plain(&garbage);
            }
            Behaviour::HugeVarint => self.say_plain(&[0xff; 20]),
            Behaviour::Offers => {
                (0..40).try_for_each(|_| self.session.open(FeedKey(dice.seed())).map(drop))?
            }
            Behaviour::NotReading | Behaviour::RequestFlood if self.acts <= 2 => {
                let heard = self.heard.into_iter();
                heard.flat_map(|block| [block; 3000]).try_for_each(|block| self.say(&ask(block)))?;
            }
            Behaviour::WantFlood => {
                let want = |page: u64| Message::Want { start: page << 13, length: 1 << 13 };
                (0..100).try_for_each(|page| self.say(&want(page)))?;
            }
            Behaviour::Unasked => {
                for _ in 0..10 {
                    let index = dice.within(0..log.length() + 1);
                    let request = Request { index, bytes: 0, hash: false, nodes: 0 };
                    if let Some(data) = self.answer(request, log) {
                        self.say(&Message::Data(data))?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The victim expects nothing any more.
    fn forget_owed(&mut self) {
        self.owed = 0;
        self.fetched = Fetched::default();
    }

    /// Makes the victim receive `plain`, if frames are not authenticated; else bytes that are no record.
    ///
    /// The classic cipher is a stream: who knows what a frame says can turn it into anything. What follows is garbage.
    fn say_plain(&mut self, plain: &[u8]) {
        self.take_outgoing();
        let zeros = vec![0; plain.len()];
        if self.session.send_extension(ZEROS, &zeros).is_err() {
            return;
        }
        let at = self.raw.len();
        self.take_outgoing();
        if self.speaks_ranges() && self.early {
            // The end of a record: what is altered at its beginning is its length, and the victim waits.
            self.raw.last_mut().into_iter().for_each(|byte| *byte ^= 1);
            return;
        }
        self.raw.iter_mut().skip(at).zip(plain).for_each(|(byte, plain)| *byte ^= plain);
    }

    fn take_outgoing(&mut self) {
        let outgoing = self.session.outgoing();
        let count = outgoing.len();
        self.raw.extend_from_slice(outgoing);
        self.session.consume(count);
    }

    fn write(&mut self, behaviour: Behaviour, now: Duration, outgoing: &mut Pipe, dice: &mut Dice) -> usize {
        let before = self.raw.len();
        self.take_outgoing();
        let fresh = self.raw.len() - before;
        if behaviour == Behaviour::BadHandshake && self.session.remote().is_none() && fresh > 0 {
            if self.early {
                self.raw.truncate(before + dice.place(fresh));
            } else {
                self.raw[before + dice.place(fresh)] ^= 1 << dice.place(8);
            }
        }
        if self.writes_at > now {
            return 0;
        }
        let slow = behaviour == Behaviour::SlowLoris && (self.early || self.channel.is_some());
        let limit = if slow { 1 } else { self.raw.len() };
        let written = outgoing.write(&self.raw[..limit.min(self.raw.len())], now, dice);
        self.raw.drain(..written);
        if slow {
            self.writes_at = now + dice.millis(500..5000);
        }
        written
    }
}

fn ask(index: u64) -> Message {
    Message::Request(Request { index, bytes: 0, hash: false, nodes: 0 })
}
