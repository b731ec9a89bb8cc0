//! Finding sellers by their key: the DHT of hyperswarm 2, and multicast DNS on the local network, without sockets.
//!
//! A topic is the discovery key of a seller's key. Sellers announce it, buyers look it up, and what comes back is only a
//! hint: who answers there has to prove to be the seller in the handshake of the session.
//! Source: classic protocol, section 8.

mod id;
pub mod limits;
pub mod mdns;
pub mod message;
mod nat;
pub mod node;
mod payload;
mod random;
mod rate;
mod reach;
mod records;
mod requests;
mod routing;
mod tokens;
mod walk;

pub use dazaar_log::DiscoveryKey as Topic;
pub use id::{Contact, NodeId};
pub use mdns::Lan;
pub use nat::{Mapping, Sighting};
pub use node::{Announcement, Mode, Node, NodeConfig, NodeEvent, Peer};
pub use rate::Rate;
pub use reach::Reach;
