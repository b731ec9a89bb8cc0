//! Two peers talking: handshake, cipher, frames, messages, channels and replication, without I/O.

mod capability;
mod channel;
mod cipher;
mod control;
pub mod discovery;
mod extension;
pub mod fault;
mod fields;
mod frame;
mod handshake;
pub mod limits;
mod link;
pub mod message;
mod noise;
mod outgoing;
mod payload;
pub mod replication;
pub mod session;
mod timer;

pub use fault::PeerFault;
pub use message::{Data, Have, Message, Request};
pub use replication::{
    Download, PeerId, Progress, Replication, ReplicationEvent, ReplicationFault, Transfer,
};
pub use session::{Channel, Config, Event, OpenError, Role, Security, SecurityPolicy, SendError, Session};
