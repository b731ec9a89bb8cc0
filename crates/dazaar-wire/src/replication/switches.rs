//! Which directions are open between us and one peer.
//!
//! Grade: machine. Both sides start with everything on, and say so only if it is not. A `Status` always carries both fields:
//! an absent one would read as "off".
//! Source: classic protocol, sections 4.5 and 5.4.

use crate::message::Message;

/// What a side serves and asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Directions {
    uploading: bool,
    downloading: bool,
}

const BOTH: Directions = Directions { uploading: true, downloading: true };

/// The switches of both sides.
#[derive(Debug)]
pub(super) struct Switches {
    ours: Directions,
    told: Directions,
    /// We stopped uploading since the last `Status`, and dropped what the remote had asked for: even if we serve it again by now,
    /// it has to hear of that to ask again.
    dropped: bool,
    remote_uploading: bool,
}

impl Switches {
    pub(super) const fn new(downloading: bool) -> Self {
        let ours = Directions { uploading: true, downloading };
        Self { ours, told: BOTH, dropped: false, remote_uploading: true }
    }

    /// Whether we answer.
    pub(super) const fn uploads(&self) -> bool {
        self.ours.uploading
    }

    /// Whether we ask, and the remote answers.
    pub(super) const fn downloads(&self) -> bool {
        self.ours.downloading && self.remote_uploading
    }

    /// Whether the remote answers.
    pub(super) const fn remote_uploads(&self) -> bool {
        self.remote_uploading
    }

    pub(super) const fn set_uploading(&mut self, on: bool) {
        self.dropped |= self.ours.uploading && !on;
        self.ours.uploading = on;
    }

    pub(super) const fn set_downloading(&mut self, on: bool) {
        self.ours.downloading = on;
    }

    pub(super) const fn handle_status(&mut self, uploading: bool) {
        self.remote_uploading = uploading;
    }

    /// The `Status` that the remote has to hear next.
    pub(super) fn poll(&mut self) -> Option<Message> {
        let next = match std::mem::take(&mut self.dropped) {
            true => Directions { uploading: false, ..self.ours },
            false => self.ours,
        };
        if next == self.told {
            return None;
        }
        self.told = next;
        Some(Message::Status { uploading: next.uploading, downloading: next.downloading })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(switches: &mut Switches) -> Vec<(bool, bool)> {
        std::iter::from_fn(|| switches.poll())
            .map(|message| match message {
                Message::Status { uploading, downloading } => (uploading, downloading),
                other => panic!("{other:?} is not a status"),
            })
            .collect()
    }

    #[test]
    fn says_only_what_differs() {
        assert_eq!(told(&mut Switches::new(true)), []);
        let mut switches = Switches::new(false);
        assert_eq!(told(&mut switches), [(true, false)]);
        switches.set_downloading(true);
        assert_eq!(told(&mut switches), [(true, true)]);
        switches.set_uploading(false);
        assert_eq!(told(&mut switches), [(false, true)]);
        assert_eq!(told(&mut switches), []);
    }

    #[test]
    fn a_short_revocation_is_not_hidden() {
        let mut switches = Switches::new(true);
        switches.set_uploading(false);
        switches.set_uploading(true);
        assert_eq!(told(&mut switches), [(false, true), (true, true)]);
    }

    #[test]
    fn asks_only_who_answers() {
        let mut switches = Switches::new(true);
        assert!(switches.downloads());
        switches.handle_status(false);
        assert!(!switches.downloads() && switches.uploads());
        switches.handle_status(true);
        switches.set_downloading(false);
        assert!(!switches.downloads());
    }
}
