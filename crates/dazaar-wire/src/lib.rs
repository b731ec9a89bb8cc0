//! Two peers talking: handshake, cipher, frames, messages, channels and replication, without I/O.

pub mod fault;
pub mod limits;
pub mod message;

pub use fault::PeerFault;
pub use message::{Data, Have, Message, Request};
