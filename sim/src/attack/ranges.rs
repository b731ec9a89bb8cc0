//! Lies about ranges of blocks.
//!
//! Grade: plain.

use bytes::Bytes;
use dazaar_log::Blocks;
use dazaar_log::verify::UnverifiedRange;

use super::Behaviour;
use crate::dice::Dice;

impl Behaviour {
    /// What becomes of a true answer: any number of messages.
    pub(crate) fn alter_range(self, answer: UnverifiedRange, dice: &mut Dice) -> Vec<UnverifiedRange> {
        match self {
            Self::Silent | Self::FalseHaves | Self::NotReading => Vec::new(),
            Self::Half => match dice.within(0..3) {
                0 => Vec::new(),
                1 => vec![answer],
                _ => vec![part(&answer, 0..answer.blocks.len().div_ceil(2))],
            },
            Self::WrongData if dice.chance(50) => vec![wrong_blocks(answer, dice)],
            Self::WrongProof if dice.chance(50) => vec![wrong_proof(answer, dice)],
            Self::Repeats => {
                let (from, count) = (dice.place(answer.blocks.len()), answer.blocks.len());
                let middle = part(&answer, from..count);
                let mut messages = vec![answer.clone(), middle, answer];
                messages.truncate(1 + dice.place(3));
                messages
            }
            Self::OtherRange if dice.chance(50) => {
                let places = dice.place(answer.blocks.len())..answer.blocks.len();
                vec![part(&answer, places)]
            }
            _ => vec![answer],
        }
    }
}

/// Some of the blocks with the proof of all.
fn part(answer: &UnverifiedRange, places: std::ops::Range<usize>) -> UnverifiedRange {
    let start = answer.start + places.start as u64;
    let blocks = answer.blocks.iter().skip(places.start).take(places.end - places.start).collect();
    UnverifiedRange { start, blocks, ..answer.clone() }
}

/// Other bytes, or the same bytes cut elsewhere.
fn wrong_blocks(mut answer: UnverifiedRange, dice: &mut Dice) -> UnverifiedRange {
    let mut blocks: Vec<Vec<u8>> = answer.blocks.iter().map(<[u8]>::to_vec).collect();
    let at = dice.place(blocks.len());
    match (dice.within(0..5), blocks[at].len()) {
        (0, length @ 1..) => blocks[at][dice.place(length)] ^= 1,
        (1, _) => blocks.rotate_left(1),
        (2, _) if blocks.len() > 1 => drop(blocks.remove(at)),
        (3, 1..) if at > 0 => {
            let first = blocks[at].remove(0);
            blocks[at - 1].push(first);
        }
        _ => blocks[at].push(0),
    }
    answer.blocks = blocks.iter().collect();
    if dice.chance(10) {
        let sizes = vec![0; dice.place(100)];
        answer.blocks = Blocks::cut(Bytes::new(), sizes).unwrap_or_default();
    }
    answer
}

/// Nodes and signatures that are missing, wrong or superfluous.
fn wrong_proof(mut answer: UnverifiedRange, dice: &mut Dice) -> UnverifiedRange {
    match (dice.within(0..10), answer.nodes.len()) {
        (0, 1..) => drop(answer.nodes.pop()),
        (1, nodes @ 1..) => drop(answer.nodes.remove(dice.place(nodes))),
        (2, nodes @ 1..) => answer.nodes[dice.place(nodes)].hash.0[dice.place(32)] ^= 1,
        (3, nodes @ 1..) => answer.nodes[dice.place(nodes)].size += 1,
        (4, nodes @ 1..) => answer.nodes[dice.place(nodes)].index.0 ^= 1 << dice.place(12),
        (5, nodes @ 1..) => {
            let mut node = answer.nodes[dice.place(nodes)];
            node.index = if dice.chance(50) { node.index.sibling() } else { node.index.parent() };
            answer.nodes.push(node);
            answer.nodes.sort_by_key(|node| node.index);
        }
        (6, _) => answer.nodes.clear(),
        (7, _) => {
            let signature = answer.signature.iter_mut();
            signature
                .for_each(|(length, _)| *length = length.wrapping_add(dice.roll() >> dice.within(50..64)));
        }
        (8, _) => answer.signature.iter_mut().for_each(|(_, signature)| signature.0[dice.place(64)] ^= 1),
        (9, _) => answer.signature = None,
        _ => return wrong_blocks(answer, dice),
    }
    answer
}
