//! What a malicious peer does with ranges.
//!
//! Grade: machine.

use std::ops::Range;

use dazaar_log::verify::UnverifiedRange;
use dazaar_log::{Log, MemoryStorage};
use dazaar_wire::{Have, Message, Request};

use super::Intrusion;
use crate::attack::Behaviour;
use crate::dice::Dice;
use crate::host::Ending;

/// Bytes of one answer.
const ANSWER_BYTES: u64 = 100_000;

/// What the victim asked for in ranges.
#[derive(Debug, Default)]
pub(super) struct Fetched {
    /// The question for everything: its first block, and the next one to send.
    onward: Option<[u64; 2]>,
    /// The last answer.
    last: Option<UnverifiedRange>,
    /// Ranges that were left open, and the blocks in them.
    pub(super) owed: usize,
    pub(super) owed_blocks: u64,
}

impl Intrusion {
    /// The victim asks for a range.
    pub(super) fn handle_fetch(
        &mut self,
        range: Range<u64>,
        behaviour: Behaviour,
        log: &Log<MemoryStorage>,
        dice: &mut Dice,
    ) -> Result<(), Ending> {
        self.fetched.owed += 1;
        self.fetched.owed_blocks += range.end - range.start;
        let mut asked = range.clone();
        if behaviour == Behaviour::OtherRange && dice.chance(50) {
            asked.start = dice.within(0..range.end);
            asked.end = asked.start + dice.within(1..20);
        }
        let next = self.send_range(asked, behaviour, log, dice)?;
        let mut answered = behaviour.answers_all() || next >= range.end;
        if behaviour == Behaviour::Withdraws && dice.chance(50) {
            self.withdraw(range.clone(), dice)?;
            answered = true;
        }
        if answered {
            self.fetched.owed -= 1;
            self.fetched.owed_blocks -= range.end - range.start;
        }
        Ok(())
    }

    /// The victim asks for everything, of which it gets some now and some later.
    pub(super) fn handle_fetch_onward(
        &mut self,
        start: u64,
        behaviour: Behaviour,
        log: &Log<MemoryStorage>,
        dice: &mut Dice,
    ) -> Result<(), Ending> {
        self.fetched.onward = Some([start; 2]);
        self.push(behaviour, log, dice)
    }

    pub(super) fn handle_cancel(&mut self, index: u64) {
        self.fetched.onward = self.fetched.onward.filter(|[start, _]| *start != index);
    }

    /// Sends some of what was asked for onward.
    fn push(
        &mut self,
        behaviour: Behaviour,
        log: &Log<MemoryStorage>,
        dice: &mut Dice,
    ) -> Result<(), Ending> {
        let Some([start, next]) = self.fetched.onward.filter(|[_, next]| *next < log.length()) else {
            return Ok(());
        };
        let end = if dice.chance(50) { log.length() } else { dice.within(next..log.length()) + 1 };
        let next = self.send_range(next..end, behaviour, log, dice)?;
        self.fetched.onward = Some([start, next]);
        if behaviour == Behaviour::Withdraws {
            self.withdraw(start..log.length() + 1, dice)?;
        }
        Ok(())
    }

    /// Sends blocks, and what the behaviour makes of them. Returns where it stopped.
    fn send_range(
        &mut self,
        range: Range<u64>,
        behaviour: Behaviour,
        log: &Log<MemoryStorage>,
        dice: &mut Dice,
    ) -> Result<u64, Ending> {
        let mut next = range.start;
        while next < range.end
            && let Some(answer) = self.range(next..range.end, log)
        {
            next = answer.end();
            self.fetched.last = Some(answer.clone());
            let answers = behaviour.alter_range(answer, dice);
            if answers.is_empty() {
                return Ok(range.start);
            }
            answers.into_iter().try_for_each(|answer| self.say(&Message::Blocks(answer)))?;
            if behaviour == Behaviour::Withdraws {
                self.withdraw(range.clone(), dice)?;
            }
        }
        Ok(next)
    }

    /// The true answer, as far as there is one.
    fn range(&mut self, range: Range<u64>, log: &Log<MemoryStorage>) -> Option<UnverifiedRange> {
        let blocks =
            log.blocks_within(range.clone(), ANSWER_BYTES).ok().filter(|blocks| !blocks.is_empty())?;
        let sent = range.start..range.start + blocks.len() as u64;
        let proof = log.range_proof(&sent, &self.tree).ok()??;
        self.tree.learn_sent(&sent, &proof);
        let signature = match proof.signature_length {
            Some(length) => Some((length, log.signature(length).ok()??)),
            None => None,
        };
        Some(UnverifiedRange { start: range.start, blocks, nodes: proof.nodes, signature })
    }

    /// Takes back a part of what it claimed, and perhaps not for long.
    fn withdraw(&mut self, blocks: Range<u64>, dice: &mut Dice) -> Result<(), Ending> {
        let start = dice.within(blocks.clone());
        let length = dice.within(start..blocks.end) + 1 - start;
        self.say(&Message::Unhave { start, length })?;
        if dice.chance(50) {
            self.say(&Message::Have(Have::range(start, length)))?;
        }
        Ok(())
    }

    /// Does something with ranges that nobody asked for.
    pub(super) fn act_on_ranges(
        &mut self,
        behaviour: Behaviour,
        log: &Log<MemoryStorage>,
        dice: &mut Dice,
    ) -> Result<(), Ending> {
        let heard = self.heard.unwrap_or_default();
        let fetch = |start, length| Message::Fetch { start, length };
        match behaviour {
            Behaviour::AsksForMore => {
                let (start, length) = (dice.roll() >> dice.within(0..64), dice.roll() >> dice.within(0..64));
                self.say(&fetch(start, dice.chance(50).then_some(length)))
            }
            Behaviour::FetchFlood if self.acts <= 2 => {
                let length = dice.pick(&[Some(1), Some(1), Some(0), None]);
                (0..5000).try_for_each(|_| self.say(&fetch(heard, length)))
            }
            Behaviour::NotReading if self.acts <= 2 => {
                self.say(&fetch(0, None))?;
                (0..1000).try_for_each(|_| self.say(&fetch(heard, Some(1))))
            }
            Behaviour::Cancels => {
                let start = dice.within(0..log.length() + 1);
                self.say(&fetch(start, None))?;
                self.say(&fetch(heard, dice.chance(50).then_some(1)))?;
                for index in [start, heard, dice.roll()].into_iter().take(dice.place(4)) {
                    self.say(&Message::Cancel { index, bytes: 0, hash: false })?;
                }
                Ok(())
            }
            Behaviour::Repeats => {
                let last = self.fetched.last.clone().into_iter();
                last.flat_map(|last| vec![last; 5]).try_for_each(|last| self.say(&Message::Blocks(last)))
            }
            Behaviour::Unasked => {
                for _ in 0..10 {
                    let start = dice.within(0..log.length() + 1);
                    let end = start + dice.within(1..20);
                    self.send_range(start..end, behaviour, log, dice)?;
                }
                Ok(())
            }
            Behaviour::OtherRange => {
                // The right blocks in the wrong kind of message.
                let request = Request { index: heard, bytes: 0, hash: false, nodes: 0 };
                let data = self.answer(request, log);
                data.into_iter().try_for_each(|data| self.say(&Message::Data(data)))
            }
            _ => self.push(behaviour, log, dice),
        }
    }
}
