//! A conversation between two honest peers, with somebody on the line who alters bytes.

use dazaar_log::{Feed, Log, MemoryStorage};
use dazaar_wire::replication::{Download, Options, PeerId, Replication, Transfer};
use dazaar_wire::{Channel, Config, Event, Role, SecurityPolicy, Session};

use crate::feed;
use crate::line::{NOW, config};

const PEER: PeerId = PeerId(1);

/// More turns than an unaltered conversation needs.
const TURNS: usize = 40;

/// One side of it.
struct Side {
    session: Session,
    channel: Option<Channel>,
    replication: Replication,
    log: Log<MemoryStorage>,
}

impl Side {
    fn new(config: Config<'_>, log: Log<MemoryStorage>, download: Download) -> Self {
        let replication = Replication::new(Feed::own(log.key()), Options { download, seed: 0 });
        Self { session: Session::new(config, NOW), channel: None, replication, log }
    }

    /// Takes bytes; `None` when the connection has to end.
    fn hear(&mut self, bytes: &[u8]) -> Option<()> {
        self.session.handle_bytes(NOW, bytes).ok()?;
        while let Some(event) = self.session.poll_event().ok()? {
            match event {
                Event::Connected { .. } => self.channel = self.session.open(self.log.key()).ok(),
                Event::Opened { .. } => {
                    let transfer = Transfer::from(self.session.security());
                    self.replication.add_peer(PEER, transfer);
                }
                Event::Message { message, .. } => {
                    self.replication.handle_message(PEER, message, &mut self.log, NOW).ok()?;
                }
                Event::Offered { discovery_key } => self.session.refuse(discovery_key),
                Event::Closed { .. } | Event::Refused { .. } | Event::Ended => return None,
                _ => {}
            }
        }
        Some(())
    }

    /// What it says next.
    fn say(&mut self) -> Option<Vec<u8>> {
        while let Some(message) = self.replication.poll_message(PEER, &self.log, NOW).ok()? {
            self.session.send(self.channel?, &message).ok()?;
        }
        let bytes = self.session.outgoing().to_vec();
        self.session.consume(bytes.len());
        Some(bytes)
    }
}

/// The first byte says how the frames are protected. Then come changes, four bytes each: in which turn, where (two bytes), and
/// what is done there.
pub fn altered(data: &[u8]) {
    let Some((kind, changes)) = data.split_first() else { return };
    let policy = if kind & 1 == 0 { SecurityPolicy::Classic } else { SecurityPolicy::Require };
    let side = |role, log, download| Side::new(config(role, policy, &[]), log, download);
    let mut sides = [
        side(Role::Initiator, feed::reader(), Download::All),
        side(Role::Responder, feed::honest(), Download::None),
    ];
    talk(&mut sides, changes.as_chunks().0);
    feed::assert_honest(&sides[0].log);
    assert_eq!(sides[1].log.length(), feed::LENGTH, "a buyer wrote into the feed");
    let whole = sides[0].log.downloaded() == feed::LENGTH;
    assert!(
        whole || !changes.is_empty(),
        "nobody altered anything, and {} blocks came",
        sides[0].log.downloaded()
    );
}

fn talk(sides: &mut [Side; 2], changes: &[[u8; 4]]) -> Option<()> {
    for turn in 0..TURNS {
        let [speaker, listener] = if turn % 2 == 0 { [0, 1] } else { [1, 0] };
        let mut bytes = sides[speaker].say()?;
        for &[_, high, low, value] in changes.iter().filter(|change| usize::from(change[0]) == turn) {
            alter(&mut bytes, usize::from(u16::from_be_bytes([high, low])), value);
        }
        sides[listener].hear(&bytes)?;
    }
    Some(())
}

/// Takes a byte out, puts one in, cuts the rest off, or flips bits.
fn alter(bytes: &mut Vec<u8>, place: usize, value: u8) {
    let place = place % (bytes.len() + 1);
    match value {
        0 => bytes.truncate(place),
        1 if place < bytes.len() => drop(bytes.remove(place)),
        2..=15 => bytes.insert(place, value),
        _ => bytes.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= value),
    }
}
