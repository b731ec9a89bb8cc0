//! A connection between two parties, while it lasts.
//!
//! Grade: plain.

use std::time::Duration;

use crate::pipe::{Pipe, Quality};

/// Somebody in a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Party {
    Host(usize),
    Attacker(usize),
}

/// Two ends, numbered 0 and 1.
#[derive(Debug)]
pub(crate) struct Link {
    /// Who is at each end; none after it has left.
    pub(crate) parties: [Option<Party>; 2],
    /// To each end.
    pub(crate) pipes: [Pipe; 2],
    /// When each end has its next turn.
    pub(crate) turns: [Option<Duration>; 2],
    /// Between whom it was made, to make it again.
    pub(crate) origin: Origin,
}

/// Why there is a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    Edge(usize),
    Attacker(usize),
}

impl Link {
    pub(crate) fn new(parties: [Party; 2], quality: Quality, origin: Origin) -> Self {
        let pipes = [Pipe::new(quality), Pipe::new(quality)];
        Self { parties: parties.map(Some), pipes, turns: [None; 2], origin }
    }

    /// What comes to an end, and what goes out from it.
    pub(crate) const fn pipes_of(&mut self, end: usize) -> [&mut Pipe; 2] {
        let [first, second] = &mut self.pipes;
        if end == 0 { [first, second] } else { [second, first] }
    }
}
