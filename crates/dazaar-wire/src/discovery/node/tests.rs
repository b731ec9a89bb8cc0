mod hostile;
mod pair;

use std::net::Ipv4Addr;

use super::*;

/// Nodes on one network without latency, each at an address of its own.
pub(super) struct Net {
    pub(super) nodes: Vec<Node>,
    pub(super) now: Duration,
}

/// The address of a node.
pub(super) fn at(node: usize) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(8, 0, 0, node as u8), 49737)
}

impl Net {
    /// One full node, and the others that begin with it.
    pub(super) fn new(modes: &[Mode]) -> Self {
        let mut net = Self { nodes: Vec::new(), now: Duration::from_secs(1) };
        for mode in modes {
            net.join(*mode);
        }
        net
    }

    pub(super) fn join(&mut self, mode: Mode) -> usize {
        let number = self.nodes.len();
        let bootstrap = if number == 0 { vec![] } else { vec![at(0)] };
        let seed = [number as u8 + 1; 32];
        self.nodes.push(Node::new(NodeConfig { seed, mode, bootstrap, reach: Reach::Public }, self.now));
        self.carry();
        number
    }

    /// Carries datagrams until there are none.
    pub(super) fn carry(&mut self) {
        while let Some((from, (to, datagram))) =
            (0..self.nodes.len()).find_map(|from| Some((from, self.nodes[from].poll_datagram()?)))
        {
            assert!(datagram.len() <= crate::discovery::limits::ANSWER_BYTES_MAX);
            if let Some(node) = (0..self.nodes.len()).find(|node| at(*node) == to) {
                self.nodes[node].handle_datagram(self.now, at(from), &datagram);
            }
        }
    }

    /// Lets time pass, timer by timer.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.nodes.iter().map(Node::poll_timeout).min().filter(|next| *next <= end) {
            self.now = next.max(self.now);
            for node in &mut self.nodes {
                if node.poll_timeout() <= next {
                    node.handle_timeout(next);
                }
            }
            self.carry();
        }
        self.now = end;
    }

    pub(super) fn events(&mut self, node: usize) -> Vec<NodeEvent> {
        std::iter::from_fn(|| self.nodes[node].poll_event()).collect()
    }

    pub(super) fn announce(&mut self, node: usize, topic: Topic, port: u16) {
        self.nodes[node].announce(self.now, topic, Announcement { port, local: None });
        self.carry();
    }

    /// Whom a node finds, each once.
    pub(super) fn find(&mut self, node: usize, topic: Topic) -> Vec<SocketAddrV4> {
        self.events(node);
        self.nodes[node].look_up(self.now, topic, None);
        self.carry();
        let events = self.events(node);
        assert!(events.iter().any(|event| matches!(event, NodeEvent::LookedUp { .. })), "{events:?}");
        let mut found: Vec<_> = events
            .into_iter()
            .filter_map(|event| match event {
                NodeEvent::Found { peer, .. } => Some(peer.address),
                _ => None,
            })
            .collect();
        found.sort();
        found.dedup();
        found
    }
}
