//! What malicious peers do.
//!
//! Grade: plain. Each of them speaks the real session layer, knows the key of the feed, and breaks one thing.

use bytes::Bytes;
use dazaar_wire::{Data, Message};

use crate::dice::Dice;

mod ranges;

/// How a peer misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Behaviour {
    /// Asks for blocks that nobody claimed to have.
    AsksForMore,
    /// The handshake is altered, or breaks off.
    BadHandshake,
    /// Asks, takes back, and asks again.
    Cancels,
    /// Opens and closes its channel.
    Channels,
    /// Claims far more than there is, or than there can be.
    FalseHaves,
    /// Asks for more ranges than anybody may.
    FetchFlood,
    /// Takes back what it said to serve, and the other way round.
    Flapping,
    /// Shows another history, signed with the right key.
    Fork,
    /// Frames of random bytes.
    Garbage,
    /// Answers every other request.
    Half,
    /// Lengths that do not end.
    HugeVarint,
    /// Asks, and does not read the answers.
    NotReading,
    /// Offers many feeds that nobody knows.
    Offers,
    /// Answers with other blocks than those that were asked for.
    OtherRange,
    /// Sends what it has sent again, in the same parts and in others.
    Repeats,
    /// Asks for more blocks than anybody may.
    RequestFlood,
    /// Claims everything and answers nothing.
    Silent,
    /// A byte now and then.
    SlowLoris,
    /// Sends blocks that nobody asked for.
    Unasked,
    /// Asks about more ranges than anybody may.
    WantFlood,
    /// Takes back what it claimed while it sends it.
    Withdraws,
    /// Answers with other bytes.
    WrongData,
    /// Answers with other proofs.
    WrongProof,
}

impl Behaviour {
    pub(crate) const ALL: [Self; 23] = [
        Self::AsksForMore,
        Self::BadHandshake,
        Self::Cancels,
        Self::Channels,
        Self::FalseHaves,
        Self::FetchFlood,
        Self::Flapping,
        Self::Fork,
        Self::Garbage,
        Self::Half,
        Self::HugeVarint,
        Self::NotReading,
        Self::Offers,
        Self::OtherRange,
        Self::Repeats,
        Self::RequestFlood,
        Self::Silent,
        Self::SlowLoris,
        Self::Unasked,
        Self::WantFlood,
        Self::Withdraws,
        Self::WrongData,
        Self::WrongProof,
    ];

    /// Whether it leaves no question open, unless it does not have the blocks.
    pub(crate) const fn answers_all(self) -> bool {
        !matches!(self, Self::FalseHaves | Self::Half | Self::NotReading | Self::Silent)
    }

    /// What becomes of a true answer; `None` if it is not sent.
    pub(crate) fn alter(self, answer: Data, dice: &mut Dice) -> Option<Data> {
        match self {
            Self::Silent | Self::FalseHaves | Self::NotReading => None,
            Self::Half => dice.chance(50).then_some(answer),
            Self::WrongData if dice.chance(50) => Some(wrong_data(answer, dice)),
            Self::WrongProof if dice.chance(50) => Some(wrong_proof(answer, dice)),
            _ => Some(answer),
        }
    }
}

fn wrong_data(mut answer: Data, dice: &mut Dice) -> Data {
    let mut value = answer.value.as_deref().unwrap_or_default().to_vec();
    match value.len() {
        0 => value.push(0),
        length if dice.chance(50) => value[dice.place(length)] ^= 1,
        length => value.truncate(length - 1),
    }
    answer.value = Some(Bytes::from(value));
    answer
}

fn wrong_proof(mut answer: Data, dice: &mut Dice) -> Data {
    match (dice.within(0..6), answer.nodes.len()) {
        (0, 1..) => drop(answer.nodes.pop()),
        (1, nodes @ 1..) => answer.nodes[dice.place(nodes)].hash.0[dice.place(32)] ^= 1,
        (2, nodes @ 1..) => answer.nodes[dice.place(nodes)].size += 1,
        (3, nodes @ 1..) => answer.nodes[dice.place(nodes)].index.0 ^= 1 << dice.place(12),
        (4, _) if answer.signature.is_some() => {
            answer.signature.iter_mut().for_each(|signature| signature.0[dice.place(64)] ^= 1);
        }
        _ => return wrong_data(answer, dice),
    }
    answer
}

/// The same message with the numbers of a liar.
pub(crate) fn absurd_claim(dice: &mut Dice) -> Message {
    let claim = |start, length| Message::Have(dazaar_wire::Have::range(start, length));
    match dice.within(0..5) {
        0 => claim(0, 1 << 40),
        1 => claim(dice.roll() >> 24, 1 << dice.within(0..20)),
        2 => claim(dice.roll(), dice.roll()),
        3 => Message::Unhave { start: dice.roll() >> dice.within(0..60), length: dice.roll() },
        _ => {
            let bits = Some(Bytes::from(dice.bytes(40)));
            Message::Have(dazaar_wire::Have {
                start: 8192 * dice.within(0..4),
                length: 1 << 20,
                bitfield: bits,
                ack: false,
            })
        }
    }
}
