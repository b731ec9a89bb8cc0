//! A connection to a session of ours, on which anything can be said.
//!
//! The classic stream cipher has no authentication: who knows what a frame says can turn it into any other bytes. So the
//! attacker is a second session that sends zeros, and what it sends is changed on the way.

use std::sync::LazyLock;
use std::time::Duration;

use dazaar_log::{FeedKey, IdentityKeyPair};
use dazaar_wire::session::Expected;
use dazaar_wire::{Channel, Config, Event, PeerFault, Role, SecurityPolicy, Session};

/// The time at which everything happens.
pub(crate) const NOW: Duration = Duration::from_secs(1);

/// The attacker's only extension.
const ZEROS: &str = "zeros";

/// A fresh session that expects nobody in particular.
pub(crate) fn session(role: Role, extensions: &[&str]) -> Session {
    Session::new(config(role, SecurityPolicy::Classic, extensions), NOW)
}

/// How such a session starts.
pub(crate) fn config(role: Role, security: SecurityPolicy, extensions: &[&str]) -> Config<'static> {
    static IDENTITIES: LazyLock<[IdentityKeyPair; 2]> =
        LazyLock::new(|| [1, 2].map(|person| IdentityKeyPair::from_seed(&[person; 32])));
    let initiates = role == Role::Initiator;
    Config {
        role,
        identity: &IDENTITIES[usize::from(!initiates)],
        expected: Expected::Anybody,
        security,
        seed: if initiates { [1; 32] } else { [2; 32] },
        extensions: extensions.iter().map(|name| (*name).to_owned()).collect(),
    }
}

/// Two sessions after their handshake.
pub(crate) struct Line {
    attacker: Session,
    pub(crate) victim: Session,
}

impl Line {
    /// Connects to a victim in this role.
    pub(crate) fn connect(victim: Role) -> Self {
        let attacker = if victim == Role::Initiator { Role::Responder } else { Role::Initiator };
        let names: Vec<String> = dazaar_market::extension::names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut line = Self { attacker: session(attacker, &[ZEROS]), victim: session(victim, &names) };
        while line.carry_honestly() > 0 {}
        line.attacker.send_extension(ZEROS, &[]).expect("the handshake is done");
        line.carry_honestly();
        line
    }

    /// Both sides open a feed; the victim's channel.
    pub(crate) fn open(&mut self, feed: FeedKey) -> Channel {
        self.attacker.open(feed).expect("the handshake is done");
        let channel = self.victim.open(feed).expect("the handshake is done");
        self.carry_honestly();
        channel
    }

    /// Makes the victim receive `plain`. Works once.
    pub(crate) fn say(&mut self, plain: &[u8]) -> Result<(), PeerFault> {
        self.attacker.send_extension(ZEROS, &vec![0; plain.len()]).expect("zeros are a fine payload");
        let mut frame = Vec::new();
        dazaar_log::codec::varint::encode(plain.len() as u64 + 2, &mut frame);
        frame.extend([0x0f, 0]);
        frame.resize(frame.len() + plain.len(), 0);
        let sent = self.attacker.outgoing();
        assert_eq!(sent.len(), frame.len(), "a frame of zeros looks different");
        let keystream = sent.iter().zip(&frame).map(|(cipher, plain)| cipher ^ plain);
        let bytes: Vec<u8> = keystream.zip(plain).map(|(key, plain)| key ^ plain).collect();
        self.victim.handle_bytes(NOW, &bytes)
    }

    /// Moves what both want to say; how many bytes that was.
    fn carry_honestly(&mut self) -> usize {
        carry(&mut self.attacker, &mut self.victim) + carry(&mut self.victim, &mut self.attacker)
    }
}

fn carry(from: &mut Session, to: &mut Session) -> usize {
    let bytes = from.outgoing().to_vec();
    from.consume(bytes.len());
    to.handle_bytes(NOW, &bytes).expect("honest bytes");
    while let Some(event) = to.poll_event().expect("honest messages") {
        assert!(!matches!(event, Event::Ended));
    }
    bytes.len()
}
