//! A node that lies, together with others: it leads everybody to its friends, who say that they are closest of all, names peers
//! that do not exist, and forgets what is announced to it.
//!
//! Grade: machine.

use std::net::{Ipv4Addr, SocketAddrV4};

use dazaar_log::codec::protobuf::encode_bytes;
use dazaar_wire::discovery::message::{Kind, Message, Token};
use dazaar_wire::discovery::{Contact, NodeId};

use super::{FIRST_IP, PORT};
use crate::dice::Dice;

/// The port under which a liar has whatever id it said it has.
const FORGED_PORT: u16 = 1;

/// Peers that a liar makes up.
const PEERS: usize = 30;

/// A liar.
#[derive(Debug)]
pub(super) struct Liar {
    number: u32,
    /// How many liars there are.
    friends: u32,
    id: NodeId,
}

impl Liar {
    pub(super) const fn new(number: u32, friends: u32, id: [u8; 32]) -> Self {
        Self { number, friends, id: NodeId(id) }
    }

    /// What makes it known to a node.
    pub(super) fn greeting(&self, to: SocketAddrV4) -> Vec<u8> {
        let (target, command) = (Some(self.id.0), Some("_find_node".to_owned()));
        Message { to: Some(to), id: Some(self.id), target, command, ..Message::new(Kind::Query, 1) }.encode()
    }

    /// Its answer to a datagram.
    pub(super) fn answer(
        &self,
        from: SocketAddrV4,
        to: SocketAddrV4,
        bytes: &[u8],
        dice: &mut Dice,
    ) -> Option<Vec<u8>> {
        let request = Message::decode(bytes).ok().filter(|message| message.kind != Kind::Response)?;
        let asked_as = request.value.as_deref().and_then(|value| value.try_into().ok()).map(NodeId);
        let id = match (to.port(), request.target) {
            (FORGED_PORT, Some(target)) => forged(&target, self.number),
            (FORGED_PORT, None) => asked_as?,
            _ => self.id,
        };
        let closer = request.target.map(|target| self.friends_near(&target, dice)).unwrap_or_default();
        let value = (request.command.as_deref() == Some("peers")).then(|| invented_peers(dice));
        let (id, token) = (Some(id), Some(Token([1; 32])));
        let answer = Message {
            to: Some(from),
            id,
            closer,
            token,
            value,
            ..Message::new(Kind::Response, request.number)
        };
        Some(answer.encode())
    }

    /// Friends who claim to be next to the target.
    fn friends_near(&self, target: &[u8; 32], dice: &mut Dice) -> Vec<Contact> {
        let friend = |_| {
            let number = dice.within(0..u64::from(self.friends)) as u32;
            let number = super::trial::liar(number);
            let address = SocketAddrV4::new(Ipv4Addr::from(FIRST_IP + number), FORGED_PORT);
            Contact { id: forged(target, number), address }
        };
        (0..20).map(friend).collect()
    }
}

/// The id of a liar who wants to be next to a target.
fn forged(target: &[u8; 32], number: u32) -> NodeId {
    let mut id = *target;
    for (byte, change) in id.iter_mut().skip(28).zip(number.to_be_bytes()) {
        *byte ^= change;
    }
    NodeId(id)
}

fn invented_peers(dice: &mut Dice) -> Vec<u8> {
    let peers: Vec<u8> = (0..PEERS)
        .flat_map(|_| {
            let [a, b, c, ..] = dice.roll().to_be_bytes();
            // A unicast address that nobody here has.
            let [high, low] = PORT.to_be_bytes();
            [90, a, b, c, high, low]
        })
        .collect();
    let mut value = Vec::new();
    encode_bytes(1, &peers, &mut value);
    value
}
